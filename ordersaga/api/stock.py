"""Routes: stock levels, and loading catalog files."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from ordersaga.api.access import Operator, ServicesDep, Watcher, seller_scope
from ordersaga.api.problems import Problem
from ordersaga.api.stock_shapes import CatalogLoaded, StockList, StockRow
from ordersaga.bootstrap import Services
from ordersaga.catalog_csv import read_catalog
from ordersaga.catalog_references import Uses, contradictions
from ordersaga.domain.catalog import Catalog
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import Code, Sku
from ordersaga.seller_catalog import all_of, names_of, strange_rows

router = APIRouter(prefix="/v1", tags=["stock"])


@router.get("/stock")
async def list_stock(
    services: ServicesDep,
    key: Watcher,
    location: Annotated[Code | None, Query()] = None,
    sku: Annotated[Sku | None, Query()] = None,
    seller: Annotated[Code | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=200, description="next_cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> StockList:
    """Units by SKU and location: on hand, held for orders, and what can still be promised."""
    levels = await services.catalog.stock_levels(
        seller=seller_scope(key, seller), location=location, sku=sku, after=_read_cursor(cursor), limit=limit + 1
    )
    rows = tuple(map(StockRow.of, levels[:limit]))
    more = f"{rows[-1].sku}/{rows[-1].location}" if len(levels) > limit else None
    return StockList(levels=rows, next_cursor=more)


def _read_cursor(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    sku, slash, location = cursor.partition("/")
    if not (sku and slash and location) or "\0" in cursor:
        raise Problem(422, "cursor_invalid", "the cursor is not one this list gave out; start without one")
    return sku, location


@router.post(
    "/catalog",
    responses={415: {"description": "It is no text/csv."}},
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def load_catalog(request: Request, services: ServicesDep, key: Operator, dry_run: bool = False) -> CatalogLoaded:
    """Load a catalog file (docs/csv.md): all of it, or, naming every bad row, nothing; with `dry_run` in any case."""
    if key.seller:
        detail = f"this key is {key.seller}'s: load its goods at /v1/sellers/{key.seller}/catalog"
        raise Problem(403, "seller_forbidden", detail)
    return await load_file(request, services, dry_run=dry_run)


async def load_file(
    request: Request, services: Services, seller: str | None = None, *, dry_run: bool = False
) -> CatalogLoaded:
    """Load the catalog file of a request. `seller`: at this seller's own door, where only its goods may come in.

    Raises Problem 415 for another type and 422, with every bad row, for a file of which nothing was loaded.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise Problem(415, "not_csv", "send the file with Content-Type: text/csv")
    content = await request.body()
    try:
        loaded = await services.catalog.load(await _read_catalog(services, content, seller), dry_run=dry_run)
    except OperatorError as error:
        raise Problem(422, error.code, f"{_reason(error)}; nothing was loaded") from error
    return CatalogLoaded(
        dry_run=dry_run,
        sellers=loaded.sellers,
        locations=loaded.locations,
        products=loaded.products,
        receipts=loaded.receipts,
        units=loaded.units,
    )


async def _read_catalog(services: Services, content: bytes, seller: str | None) -> Catalog:
    """The file's catalog. Raises CsvFileError naming every bad row, those included that name what nobody knows."""
    owned = await services.sellers.owners()
    file = read_catalog(content, set(services.providers) - set(owned), set(services.carriers) - set(owned))
    uses = Uses.of(file)
    standing = await services.catalog.standing(**uses.names())
    goods = await services.sellers.goods(**names_of(file))
    strange = strange_rows(file, goods, standing, services.account_owners, seller)
    return file.catalog(all_of(strange, tuple(contradictions(uses, standing, seller))))


def _reason(error: OperatorError) -> str:
    if error.code == "integrity_violation":
        return "a product names a seller, or a stock row a location or SKU, that neither the file nor we know"
    return error.message
