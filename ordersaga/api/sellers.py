"""Routes: sellers, as they are onboarded. Only operators of the whole house change one: a profile refers to secrets.

A seller's own operator reads its profile, and loads its catalog.
"""

import re
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Path, Query, Request, Response

from ordersaga.api.access import Operator, Overseer, ServicesDep, acting, seller_scope
from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.api.seller_shapes import SellerApplied, SellerBody, SellerChanges, SellerDocument, SellerList
from ordersaga.api.stock import load_file
from ordersaga.api.stock_shapes import CatalogLoaded
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.identifiers import Code
from ordersaga.domain.sellers import SellerProfile, SellerRecord, Surroundings, differences
from ordersaga.remedies import listed_at
from ordersaga.seller_checks import Checked, Deployment, check

router = APIRouter(prefix="/v1/sellers", tags=["sellers"])
log = structlog.get_logger(__name__)

Seller = Annotated[Code, Path()]
_NAME = re.compile(r"[a-z0-9][a-z0-9_\-]{0,63}")
_PREFIX = re.compile(r"[a-z0-9]{2,16}_")


@router.get("")
async def list_sellers(services: ServicesDep, key: Overseer) -> SellerList:
    """Sellers that were onboarded."""
    records = await services.sellers.records(seller_scope(key, None))
    return SellerList(sellers=tuple(_document(services, each) for each in records))


@router.get("/{seller}")
async def show_seller(seller: Seller, services: ServicesDep, key: Overseer, response: Response) -> SellerDocument:
    """One seller; its version is the `ETag`."""
    record = await _find(services, key, seller)
    response.headers["ETag"] = f'"{record.version}"'
    return _document(services, record)


@router.get("/{seller}/changes")
async def list_changes(
    seller: Seller, services: ServicesDep, key: Overseer, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> SellerChanges:
    """Who changed its profile, when, from what to what."""
    await _find(services, key, seller)
    return SellerChanges(changes=tuple(await services.sellers.changes(seller, limit)))


@router.put("/{seller}", responses={412: {"description": "It was changed since the version of `If-Match`."}})
async def put_seller(
    seller: Seller,
    body: SellerBody,
    services: ServicesDep,
    key: Operator,
    response: Response,
    dry_run: bool = False,
    by: Annotated[str | None, Query(max_length=200, description="the person you act for")] = None,
    if_match: Annotated[str | None, Header(description="the version it is based on")] = None,
) -> SellerApplied:
    """Make this its profile: all of it, or, naming everything that is wrong, nothing. The same again is no change."""
    _whole_house(key)
    told, person = body.told(), acting(key, by)
    async with services.sellers.changing(seller) as changing:
        standing = changing.standing
        _check_version(seller, standing, if_match)
        around = await changing.surroundings(_locations(told), _prefixes(told))
        before = standing.profile if standing else None
        profile = _right(check(seller, told, _deployment(services, around), around, before))
        changes = differences(before.said() if before else None, profile.said())
        if (changes or standing is None) and not dry_run:
            await changing.write(profile, person)
            log.info("seller_changed", seller=seller, by=person, fields=[each.field for each in changes])
    await services.seller_accounts.open()
    now = await services.sellers.get(seller)
    version = now.version if now else None
    response.headers["ETag"] = f'"{version or 0}"'
    unopened = _not_open(services, seller, profile)
    return SellerApplied(seller=seller, version=version, dry_run=dry_run, changes=changes, not_open=unopened)


@router.post(
    "/{seller}/catalog",
    responses={415: {"description": "It is no text/csv."}},
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def load_catalog(
    seller: Seller, request: Request, services: ServicesDep, key: Operator, dry_run: bool = False
) -> CatalogLoaded:
    """Load its products and arrived stock (docs/csv.md): all of the file, or, naming every bad row, nothing.

    With `dry_run` nothing in any case: it says what the file would bring.
    """
    await _find(services, key, seller)
    return await load_file(request, services, seller, dry_run=dry_run)


async def _find(services: Services, key: ApiKey, seller: str) -> SellerRecord:
    """The seller, or problem 404 when none was onboarded that this key may see."""
    record = None if key.seller not in (None, seller) else await services.sellers.get(seller)
    if record is None:
        detail = f"no seller {seller} was onboarded; {listed_at('/v1/sellers', 'seller list')}"
        raise Problem(404, "seller_not_found", detail)
    return record


def _whole_house(key: ApiKey) -> None:
    if key.seller:
        detail = f"this key is {key.seller}'s; a profile refers to secrets, and takes a key of no seller"
        raise Problem(403, "seller_forbidden", detail)


def _check_version(seller: str, standing: SellerRecord | None, if_match: str | None) -> None:
    version = str(standing.version if standing else 0)
    if if_match is not None and if_match.strip().strip('"') not in (version, "*"):
        detail = f"{seller} is at version {version} by now; look at what changed, then apply yours to that"
        raise Problem(412, "seller_changed", detail)


def _locations(told: dict[str, object]) -> list[str]:
    places = told.get("locations")
    return [code for code in places if _NAME.fullmatch(code)] if isinstance(places, dict) else []


def _prefixes(told: dict[str, object]) -> list[str]:
    prefix = told.get("order_prefix")
    return [prefix] if isinstance(prefix, str) and _PREFIX.fullmatch(prefix) else []


def _deployment(services: Services, around: Surroundings) -> Deployment:
    """What everybody may use: all accounts but those that are, or were, a seller's own."""
    owned = set(around.owners)
    everybodys = [*services.providers, *services.carriers, *services.channels]
    return Deployment(
        providers=set(services.providers) - owned,
        carriers=set(services.carriers) - owned,
        taken=set(everybodys) - owned,
    )


def _right(checked: Checked) -> SellerProfile:
    if checked.profile is None:
        raise invalid(_errors(checked))
    return checked.profile


def _errors(checked: Checked) -> list[FieldError]:
    return [FieldError(field=each.field, message=each.message, remedy=each.remedy) for each in checked.problems]


def _document(services: Services, record: SellerRecord) -> SellerDocument:
    return SellerDocument.of(record, _not_open(services, record.seller, record.profile))


def _not_open(services: Services, seller: str, profile: SellerProfile) -> tuple[str, ...]:
    return tuple(code for code in profile.accounts if services.account_owners.get(code) != seller)
