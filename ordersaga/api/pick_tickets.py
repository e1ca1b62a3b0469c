"""Routes: what sellers who pack themselves work off."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ordersaga.api.access import Operator, ServicesDep, Watcher, seller_scope
from ordersaga.api.problems import Problem
from ordersaga.api.shapes import Ticket, TicketList, TicketMoved
from ordersaga.bootstrap import PickTicket, Services
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import Code
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.polled import from_provider

Reference = Annotated[str, Path(pattern=r"^[A-Za-z0-9_\-]{1,120}$")]

router = APIRouter(prefix="/v1/pick-tickets", tags=["pick tickets"])


@router.get("")
async def list_tickets(
    services: ServicesDep,
    key: Watcher,
    seller: Annotated[Code | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> TicketList:
    """Open tickets: accepted and packed."""
    found = await services.seller_warehouse.tickets(seller=seller_scope(key, seller), limit=limit)
    return TicketList(tickets=tuple(map(_ticket, found)))


@router.post("/{reference}/packed")
async def packed(reference: Reference, services: ServicesDep, key: Operator) -> TicketMoved:
    """The parcel is packed."""
    with _refusals():
        order = await services.seller_warehouse.mark_packed(reference, seller=key.seller)
    return await _tell(services, order)


@router.post("/{reference}/collected")
async def collected(reference: Reference, services: ServicesDep, key: Operator) -> TicketMoved:
    """The carrier took the parcel."""
    with _refusals():
        order = await services.seller_warehouse.mark_collected(reference, seller=key.seller)
    return await _tell(services, order)


def _ticket(ticket: PickTicket) -> Ticket:
    return Ticket(**{name: getattr(ticket, name) for name in Ticket.model_fields})


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer 404 for an unknown ticket (or another seller's), 409 for one that cannot be moved."""
    try:
        yield
    except OperatorError as error:
        status = {"pick_ticket_unknown": 404, "pick_ticket_refused": 409}.get(error.code)
        if status is None:
            raise
        raise Problem(status, error.code, error.message) from error


async def _tell(services: Services, order: ProviderOrder) -> TicketMoved:
    """Let the order's saga know now; the poller would only later, and stores the same message."""
    incoming = from_provider(services.seller_warehouse.capabilities.name, order, datetime.now(UTC))
    if incoming:
        body = incoming.model_dump(mode="json")
        await services.inbox.store(incoming.source, incoming.source_id, incoming.order_id, body)
    return TicketMoved(reference=order.reference, status=order.status)
