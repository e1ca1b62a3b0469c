"""What a cancellation comes to when no saga is there to say it: the order has ended, or was not started yet."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ordersaga.bootstrap import Services
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity, ParcelPlan
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from workflows.messages import CancelAnswer, CanceledPart

_UNDONE: Final = frozenset({OrderStatus.CANCELED, OrderStatus.REJECTED})


async def ended(services: Services, record: OrderRecord) -> CancelAnswer:
    """The answer for an order that has ended: nothing is left to cancel, but perhaps something to return."""
    undone = record.status in _UNDONE
    returnable = record.status == OrderStatus.COMPLETED and await _returnable(services, record)
    return CancelAnswer(
        order_id=record.order.order_id,
        outcome="canceled" if undone else "too_late",
        status=record.status,
        currency=record.order.currency,
        message=_message(record.status),
        next_step=_next_step(undone, returnable),
        return_offered=returnable,
    )


def _message(status: OrderStatus) -> str:
    if status is OrderStatus.REJECTED:
        return "it was rejected: nothing to cancel"
    return "it is undone already" if status in _UNDONE else f"it has ended: {status}"


def _next_step(undone: bool, returnable: bool) -> str:
    if undone:
        return "nothing more is to be done"
    return "ask for a return: the return window is open" if returnable else "nothing of it can be undone any more"


async def _returnable(services: Services, record: OrderRecord) -> bool:
    """Whether a parcel was delivered so lately that the seller's return window is still open."""
    story = await services.journal.timeline(record.order.order_id)
    delivered = [line.at for line in story if line.source == "journal" and line.kind == ParcelStatus.DELIVERED]
    return any(datetime.now(UTC) < at + record.order.terms.return_window for at in delivered)


def not_started(record: OrderRecord, lines: Sequence[LineQuantity]) -> CancelAnswer:
    """The preview for an order whose saga was not started yet: no money is reserved, all of it can be undone."""
    return CancelAnswer(
        order_id=record.order.order_id,
        outcome="canceled",
        status=record.status,
        currency=record.order.currency,
        message="nothing was reserved or charged yet; all that was asked for would be undone; nothing was done",
        next_step="cancel to do it",
        parts=tuple(_parts(record.parcels, lines)),
    )


def _parts(parcels: Sequence[ParcelPlan], lines: Sequence[LineQuantity]) -> Iterator[CanceledPart]:
    """The units by parcel, first parcels first; without `lines` all of them."""
    left = {line.sku: line.quantity for line in lines}
    for plan in parcels:
        taken = tuple(_taken(plan, left)) if lines else plan.units()
        if taken:
            yield CanceledPart(parcel=plan.parcel, outcome="canceled", lines=taken)


def _taken(plan: ParcelPlan, left: dict[str, int]) -> Iterator[LineQuantity]:
    for line in plan.lines:
        if number := min(line.quantity, left.get(line.sku, 0)):
            left[line.sku] -= number
            yield LineQuantity(sku=line.sku, quantity=number)
