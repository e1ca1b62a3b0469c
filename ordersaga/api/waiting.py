"""Orders that wait in line: until when, where they stand, and how they end there. They have no saga to ask."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi.responses import JSONResponse

from ordersaga.api.place_answers import going_on, place_in_line, waits
from ordersaga.api.problems import Problem
from ordersaga.api.shapes import NewOrder, WaitingPlace
from ordersaga.bootstrap import Services
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.statuses import OrderStatus
from workflows.messages import CancelAnswer, CancelRequest

LONGEST_WAIT: Final = timedelta(days=30)
"""Nobody waits longer, whatever was agreed to: those behind would wait as well."""


def wait_until(body: NewOrder, usual: timedelta) -> datetime | None:
    """Until when the shopper waits, if need be; None: not at all. `usual`: how long, when no time was named."""
    now = datetime.now(UTC)
    if not body.waitlist:
        return None
    until = min(body.wait_until or now + usual, now + LONGEST_WAIT)
    return until if until > now else None


async def places_in_line(services: Services, records: Sequence[OrderRecord]) -> dict[str, WaitingPlace]:
    """The places of those of these orders that wait, by order id."""
    waiting = [record.order.order_id for record in records if record.status is OrderStatus.WAITLISTED]
    stands = await services.waitlist.stands(waiting) if waiting else {}
    return {order_id: place_in_line(stand) for order_id, stand in stands.items()}


async def still_waits(services: Services, record: OrderRecord) -> JSONResponse:
    """202 for a request that is repeated while its order waits, or just got what it waited for."""
    places = await places_in_line(services, [record])
    place = places.get(record.order.order_id)
    return waits(record.order, place) if place else going_on(record.order, None)


async def explained(services: Services, record: OrderRecord) -> str:
    """Where it stands and what comes next, in words."""
    places = await places_in_line(services, [record])
    place = places.get(record.order.order_id)
    if place is None:
        return f"Order {record.order.order_id} has just left the line; look again."
    lacking = ", ".join(place.lacking)
    return (
        f"Order {record.order.order_id} waits in line for {lacking}: place {place.place}; nothing is held or charged. "
        f"Next: it gets what it waits for when its turn comes and there is enough, at the latest by "
        f"{place.until:%Y-%m-%d %H:%M} UTC; otherwise it is rejected then."
    )


async def leave_line(services: Services, record: OrderRecord, request: CancelRequest) -> CancelAnswer | None:
    """Cancel a waiting order; None when it waits no more: its saga has to be asked. Problem 409 for a part of it."""
    refuse_parts(record, request)
    if not await services.waitlist.cancel(record.order.order_id, by=request.by, reason=request.reason):
        return None
    return _answer(
        record, OrderStatus.CANCELED, "it left the line; nothing was held or charged", "nothing more is to be done"
    )


def would_leave(record: OrderRecord, request: CancelRequest) -> CancelAnswer:
    """What canceling a waiting order would come to."""
    refuse_parts(record, request)
    message = "it would leave the line; nothing is held or charged, and nothing was done"
    return _answer(record, record.status, message, "cancel to do it")


def refuse_parts(record: OrderRecord, request: CancelRequest) -> None:
    """Problem 409: an order waits as a whole."""
    if request.lines:
        raise _waits_still(record)


def refuse_if_waiting(record: OrderRecord) -> None:
    """Problem 409 for an order that waits: it has no saga that could be asked for anything."""
    if record.status is OrderStatus.WAITLISTED:
        raise _waits_still(record)


def _waits_still(record: OrderRecord) -> Problem:
    order_id = record.order.order_id
    instead = "wait until it has what it waits for, or cancel all of it"
    detail = f"order {order_id} waits in line: nothing of it is held or charged yet; {instead}"
    return Problem(409, "order_waits", detail, order_id=order_id, alternative=instead, order_status=record.status)


def _answer(record: OrderRecord, status: OrderStatus, message: str, next_step: str) -> CancelAnswer:
    return CancelAnswer(
        order_id=record.order.order_id,
        outcome="canceled",
        status=status,
        currency=record.order.currency,
        message=message,
        next_step=next_step,
    )
