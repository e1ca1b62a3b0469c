"""Routes: what sellers who pack themselves work off."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from ordersaga.api.access import Agent, Operator, ServicesDep, seller_scope
from ordersaga.api.problems import Problem
from ordersaga.bootstrap import PickTicket, Services
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import Code
from ordersaga.domain.orders import Address, OrderLine
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message
from ordersaga.polled import from_provider

router = APIRouter(prefix="/v1/pick-tickets", tags=["pick tickets"])


class Ticket(Message):
    """Units to pack for a shopper, and by when the carrier must have them."""

    reference: str
    order_id: str
    seller: str
    location: str
    lines: tuple[OrderLine, ...]
    ship_to: Address
    ship_by: AwareDatetime
    status: ParcelStatus
    created_at: AwareDatetime

    @classmethod
    def of(cls, ticket: PickTicket) -> Self:
        """The body of a ticket."""
        return cls(**{name: getattr(ticket, name) for name in cls.model_fields})


class TicketList(Message):
    """Tickets to work off, the most urgent first."""

    tickets: tuple[Ticket, ...]


class TicketMoved(Message):
    """Where a ticket stands now."""

    reference: str
    status: ParcelStatus


@router.get("")
async def list_tickets(
    services: ServicesDep,
    key: Agent,
    seller: Annotated[Code | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> TicketList:
    """Open tickets: accepted and packed."""
    found = await services.seller_warehouse.tickets(seller=seller_scope(key, seller), limit=limit)
    return TicketList(tickets=tuple(map(Ticket.of, found)))


@router.post("/{reference}/packed")
async def packed(reference: str, services: ServicesDep, key: Operator) -> TicketMoved:
    """The parcel is packed."""
    with _refusals():
        order = await services.seller_warehouse.mark_packed(reference, seller=key.seller)
    return await _tell(services, order)


@router.post("/{reference}/collected")
async def collected(reference: str, services: ServicesDep, key: Operator) -> TicketMoved:
    """The carrier took the parcel."""
    with _refusals():
        order = await services.seller_warehouse.mark_collected(reference, seller=key.seller)
    return await _tell(services, order)


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
