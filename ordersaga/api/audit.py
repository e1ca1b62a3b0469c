"""Routes: what people did, and whether the record of an order is still what was written (docs/audit.md)."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from ordersaga.api.access import Overseer, ServicesDep, find_order, seller_scope
from ordersaga.api.problems import FieldError, invalid, not_found
from ordersaga.domain.deeds import KINDS, Deed, DeedFilter
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.values import Value

router = APIRouter(prefix="/v1/audit", tags=["audit"])

Word = Annotated[str | None, Query(min_length=1, max_length=200)]


class DeedList(Value):
    """What people did, newest first. `next_cursor`: for older ones, None at the end. `kinds`: what may be asked for."""

    deeds: tuple[Deed, ...]
    next_cursor: str | None
    kinds: tuple[str, ...] = KINDS


class BreakRow(Value):
    """Something that is not as it was written. `order_id` empty: a seal; `entry` None: the whole."""

    order_id: str
    entry: int | None
    what: str


class VerificationView(Value):
    """What was looked at and found. `unsealed` entries are newer than the last seal, of `erased` ones words are gone.

    `intact`: there is no break.
    """

    order_id: str
    intact: bool
    entries: int
    seals: int
    unsealed: int
    erased: int
    breaks: tuple[BreakRow, ...]


@router.get("/deeds")
async def list_deeds(
    services: ServicesDep,
    key: Overseer,
    order_id: OrderId | None = None,
    by: Word = None,
    kind: Word = None,
    seller: Code | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=400, description="next_cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DeedList:
    """Who did what and why: holds, cancellations, changes, answers, repairs, stops, breakers, sellers' profiles.

    `by`: a person, also one that an operator's key acted for. `since` is counted in, `until` is not.
    """
    if kind is not None and kind not in KINDS:
        advice = f"use one of {', '.join(KINDS)}"
        raise invalid([FieldError(field="kind", message=f"nothing is called {kind}", remedy=advice)])
    if since and until and since >= until:
        raise invalid([FieldError(field="until", message="is not after since", remedy="send a later time")])
    wanted = DeedFilter(seller=seller_scope(key, seller), order_id=order_id, by=by, kind=kind, since=since, until=until)
    deeds, more = await services.deeds.page(wanted, cursor, limit)
    return DeedList(deeds=tuple(deeds), next_cursor=more)


@router.get("/orders/{order_id}/verification")
async def verify_order(order_id: OrderId, services: ServicesDep, key: Overseer) -> VerificationView:
    """Whether an order's record is as it was written: its chain of hashes, computed anew, and the seals over it."""
    if key.seller:
        await find_order(services, key, order_id)
    try:
        found = await services.audit_trail.verify(order_id)
    except OperatorError as error:
        if error.code == "unknown_order":
            raise not_found(order_id) from error
        raise
    breaks = tuple(BreakRow(order_id=each.order_id, entry=each.entry, what=each.what) for each in found.breaks)
    return VerificationView(
        order_id=order_id,
        intact=not breaks,
        entries=found.entries,
        seals=found.seals,
        unsealed=found.unsealed,
        erased=found.erased,
        breaks=breaks,
    )
