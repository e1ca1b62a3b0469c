"""Routes: stock levels, and loading catalog files."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from ordersaga.api.access import Agent, Operator, ServicesDep, seller_scope
from ordersaga.api.problems import Problem
from ordersaga.api.shapes import CatalogLoaded, StockList, StockRow
from ordersaga.bootstrap import Services
from ordersaga.catalog_csv import read_catalog
from ordersaga.catalog_references import Uses, contradictions
from ordersaga.domain.catalog import Catalog
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import Code, Sku

router = APIRouter(prefix="/v1", tags=["stock"])


@router.get("/stock")
async def list_stock(
    services: ServicesDep,
    key: Agent,
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
async def load_catalog(request: Request, services: ServicesDep, key: Operator) -> CatalogLoaded:
    """Load a catalog file (docs/csv.md): all of it, or, naming every bad row, nothing."""
    if key.seller:
        raise Problem(403, "seller_forbidden", f"this key is {key.seller}'s; a catalog takes a key of no seller")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise Problem(415, "not_csv", "send the file with Content-Type: text/csv")
    content = await request.body()
    try:
        loaded = await services.catalog.load(await _read_catalog(services, content))
    except OperatorError as error:
        raise Problem(422, error.code, f"{_reason(error)}; nothing was loaded") from error
    return CatalogLoaded(
        sellers=loaded.sellers,
        locations=loaded.locations,
        products=loaded.products,
        receipts=loaded.receipts,
        units=loaded.units,
    )


async def _read_catalog(services: Services, content: bytes) -> Catalog:
    """The file's catalog. Raises CsvFileError naming every bad row, those included that name what nobody knows."""
    file = read_catalog(content, services.providers)
    uses = Uses.of(file)
    standing = await services.catalog.standing(**uses.names())
    return file.catalog(tuple(contradictions(uses, standing)))


def _reason(error: OperatorError) -> str:
    if error.code == "integrity_violation":
        return "a product names a seller, or a stock row a location or SKU, that neither the file nor we know"
    return error.message
