"""An exchange: the goods come back and are refunded; what the shopper wants instead is a new order, linked to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.orders import LineQuantity, Order, OrderLine
from ordersaga.domain.returns import ExchangeAnswer, Refusal, ReturnCase, WishedLine
from ordersaga.domain.statuses import FINAL_STATUSES, ConfirmOutcome, OrderStatus

EXCHANGE_CHANNEL: Final = "exchange"
"""Where an exchange's order comes from. A word of ours: no caller may place an order there."""


def exchange_order(case: ReturnCase, accepted: Sequence[LineQuantity], now: datetime) -> Order | Refusal:
    """The new order an exchange is: the wished goods, or as many of the same as were accepted.

    Shipped free, taxed at the rate of the first order, paid with the payment method saved then.
    """
    first = case.order
    if first.payment.customer is None:
        return Refusal("no_saved_card", "no payment method of the shopper is saved", "place a new order")
    lines = _wished(case, accepted)
    if not sum(line.value for line in lines):
        return Refusal("nothing_to_exchange", "nothing of any price is wished", "place a new order")
    name = f"{case.order_id}x{case.number}"
    if len(name) > 64:
        return Refusal("order_id_too_long", f"{name} is longer than an order id may be", "place a new order")
    fields = {name: getattr(first, name) for name in ("seller", "currency", "ship_to", "payment", "terms")}
    tax = _tax(first, sum(line.value for line in lines))
    return Order(order_id=name, lines=lines, tax=tax, channel=EXCHANGE_CHANNEL, placed_at=now, **fields)


def _wished(case: ReturnCase, accepted: Sequence[LineQuantity]) -> tuple[OrderLine, ...]:
    prices = {line.sku: line.unit_price for line in case.order.lines}
    same = tuple(WishedLine(sku=units.sku, quantity=units.quantity) for units in accepted)
    wished = case.request.exchange_for or same
    return tuple(
        OrderLine(
            sku=line.sku,
            quantity=line.quantity,
            unit_price=prices.get(line.sku, 0) if line.unit_price is None else line.unit_price,
        )
        for line in wished
    )


def _tax(first: Order, goods: int) -> int:
    """At the first order's rate, rounded down; minor units."""
    value = sum(line.value for line in first.lines)
    return first.tax * goods // value if value else 0


def exchange_answer(
    order_id: str, status: OrderStatus, outcome: ConfirmOutcome | None, reason: str | None
) -> ExchangeAnswer:
    """What became of an exchange's order, by how it stands. A step the shopper must take is no decision yet."""
    over = status in FINAL_STATUSES
    decided = over or outcome not in (None, ConfirmOutcome.ACTION_REQUIRED, ConfirmOutcome.PAYMENT_PENDING)
    placed = outcome is ConfirmOutcome.CONFIRMED and status not in (OrderStatus.REJECTED, OrderStatus.CANCELED)
    why = None if placed else reason or (outcome.value if outcome else None)
    return ExchangeAnswer(order_id=order_id, decided=decided, placed=placed, reason=why)


def link_entry(return_id: str, at: datetime) -> JournalEntry:
    """The new order's line about where it comes from."""
    return JournalEntry(entry_id="exchange-1", at=at, kind="exchange_for", text=f"in exchange for return {return_id}")
