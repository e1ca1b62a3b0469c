"""Asking an order that may not run yet, or no more."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.api.waiting import refuse_if_waiting
from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderNotFoundError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus

T = TypeVar("T")

_INSTEAD = {
    OrderStatus.COMPLETED: "ask for a return instead, while its return window is open",
    OrderStatus.CANCELED: "place a new order instead",
    OrderStatus.REJECTED: "place a new order instead",
    OrderStatus.RETURNED: "place a new order instead",
}


async def ask_started(services: Services, record: OrderRecord, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask; an order whose saga was not started yet is started first, so that one path does everything.

    Problem 409 for an order that waits in line: it has no saga before it has what it waits for.
    """
    refuse_if_waiting(record)
    try:
        return await ask()
    except OrderNotFoundError:
        await services.orders.start(record.order)
        return await ask()


def refuse_if_ended(record: OrderRecord) -> None:
    """Problem 409 for an order that takes no more changes."""
    if record.status in FINAL_STATUSES:
        raise has_ended(record)


def has_ended(record: OrderRecord) -> Problem:
    """409: what to do instead."""
    order_id = record.order.order_id
    reason = f"order {order_id} has ended: it is {record.status}"
    instead = _INSTEAD.get(record.status, "look at it again: GET /v1/orders/" + order_id)
    return Problem(
        409,
        "order_closed",
        f"{reason}; {instead}",
        order_id=order_id,
        reason=reason,
        alternative=instead,
        order_status=record.status,
    )


def check_lines(record: OrderRecord, lines: tuple[LineQuantity, ...]) -> None:
    """Problem 422 naming units that the order does not have."""
    bought = {line.sku: line.quantity for line in record.order.lines}
    errors, seen = [], set[str]()
    for index, line in enumerate(lines):
        if error := _refused(index, line, bought, seen):
            errors.append(error)
        seen.add(line.sku)
    if errors:
        raise invalid(errors)


def _refused(index: int, line: LineQuantity, bought: dict[str, int], seen: set[str]) -> FieldError | None:
    field = f"lines[{index}]"
    if line.sku not in bought:
        advice = f"use one of {', '.join(bought)}"
        return FieldError(field=f"{field}.sku", message=f"the order has no SKU {line.sku}", remedy=advice)
    if line.sku in seen:
        advice = "add its quantities up into one line"
        return FieldError(field=f"{field}.sku", message=f"{line.sku} is named twice", remedy=advice)
    if line.quantity > bought[line.sku]:
        message = f"the order has {bought[line.sku]} of {line.sku}"
        return FieldError(field=f"{field}.quantity", message=message, remedy="name at most that many")
    return None
