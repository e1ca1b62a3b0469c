"""Route: find an order by what somebody has in their hands."""

from typing import Annotated

from fastapi import APIRouter, Query

from ordersaga.api.access import Reader, ServicesDep
from ordersaga.api.search_shapes import FoundOrder, FoundPage
from ordersaga.api.waiting import places_in_line

router = APIRouter(prefix="/v1/search", tags=["orders"])


@router.get("")
async def search(
    services: ServicesDep,
    key: Reader,
    q: Annotated[str, Query(min_length=1, max_length=100, pattern=r"^[!-~]([ -~]*[!-~])?$")],
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> FoundPage:
    """Orders by `q`, newest first: an order's id, or how it begins where none is called so; a buyer; a marketplace's
    id of the order; a tracking number; a SKU; a seller. Each whole, as it is spelled.
    """
    page = await services.journal.search(q, seller=key.seller, cursor=cursor, limit=limit)
    waiting = await places_in_line(services, [record for record, _ in page.found])
    orders = (FoundOrder.found(record, matched, waiting.get(record.order.order_id)) for record, matched in page.found)
    return FoundPage(orders=tuple(orders), next_cursor=page.next_cursor)
