"""An order of a marketplace as an order of ours, or why it is none: every field that does not fit is named."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime, Field, ValidationError

from ordersaga.domain.channels import ChannelAccount, ChannelLine, ChannelOrder, ChannelStatus, Recipient
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.money import MinorUnits, OrderCurrency
from ordersaga.domain.orders import (
    AWAITED,
    Address,
    Buyer,
    LineQuantity,
    Order,
    OrderLine,
    Payment,
    SellerTerms,
    SoldAt,
)
from ordersaga.domain.values import Value

ACCEPTABLE: Final = (ChannelStatus.ON_HOLD, ChannelStatus.AWAITING_SHIPMENT)
"""Paid, and nothing of it is shipped or canceled: we may take it on."""
_AS_NAMED: Final[Mapping[str, str]] = {}
_SKU: Final = r"[A-Za-z0-9_.\-]{1,64}"


class Problem(NamedTuple):
    """One reason why an order is none of ours yet: the field, and what is wrong with it."""

    field: str
    message: str


class UnmappableOrderError(OperatorError):
    """An order of a marketplace that we cannot take on as it is; `problems` names every field."""

    def __init__(self, order: ChannelOrder, problems: Sequence[Problem]) -> None:
        told = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
        super().__init__("channel_order_unmappable", f"order {order.channel_order_id} of {order.channel}: {told}")
        self.problems = tuple(problems)


class OrderParts(Value):
    """The fields of an `Order` that its marketplace determines: all but the payment.

    `ship_to` is None while the marketplace keeps it back.
    """

    order_id: OrderId
    seller: Code
    channel: Code
    buyer: Buyer | None
    currency: OrderCurrency
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=100)
    shipping: MinorUnits
    tax: MinorUnits
    ship_to: Address | None
    placed_at: AwareDatetime
    terms: SellerTerms


def to_order(order: ChannelOrder, seller: str, terms: SellerTerms, skus: Mapping[str, str] = _AS_NAMED) -> OrderParts:
    """What we would accept this order as.

    The marketplace's clocks replace the seller's times to ship and to deliver, its grace period the hand-off delay.
    `shipping` is the shopper's; `tax` is whatever else was paid: taxes, fees, and cents that do not divide among units.

    Args:
        skus: our SKU by the marketplace's SKU id, or by the seller SKU; what is not named is called as the seller does.

    Raises:
        UnmappableOrderError: with every field that is missing, unreadable or not ours to ship.
    """
    problems = [*_unacceptable(order), *_unreadable(order), *_unnamed(order, skus), *_unpriced(order)]
    if problems:
        raise UnmappableOrderError(order, problems)
    try:
        return OrderParts.model_validate(_parts(order, seller, terms, skus))
    except ValidationError as error:
        found = [Problem(".".join(str(part) for part in each["loc"]), each["msg"]) for each in error.errors()]
        raise UnmappableOrderError(order, found) from None


def as_order(told: ChannelOrder, account: ChannelAccount, terms: SellerTerms) -> Order:
    """The order we accept: paid there, to be told there, and going nowhere as long as its address is kept back.

    Raises:
        UnmappableOrderError: as `to_order`.
    """
    parts = to_order(told, account.seller, terms, account.skus)
    known = {name: getattr(parts, name) for name in OrderParts.model_fields}
    there = SoldAt(account=account.account, order=told.channel_order_id)
    try:
        return Order(
            **{**known, "ship_to": parts.ship_to or AWAITED},
            payment=Payment(collected_by=account.account),
            sold_at=there,
        )
    except ValidationError as error:
        raise UnmappableOrderError(told, [Problem("order", each["msg"]) for each in error.errors()]) from None


def lines_of(
    order: ChannelOrder,
    shipped: Sequence[LineQuantity],
    tracking_number: str,
    skus: Mapping[str, str] = _AS_NAMED,
    *,
    parcel: int = 1,
) -> list[str]:
    """The marketplace's lines that these units of ours are; fewer when it has not so many left.

    Lines told under this tracking number come first, so that who asks again names the same ones. Every other parcel
    takes its units from the end: two parcels of one SKU that are told at the same time do not take the same ones.
    """
    told = [line for line in order.lines if line.tracking_number == tracking_number]
    untold = [line for line in order.lines if not line.canceled and line.tracking_number is None]
    untold = untold if parcel % 2 else untold[::-1]
    chosen: list[str] = []
    for units in shipped:
        same = [line.line_id for line in (*told, *untold) if sku_of(line, skus) == units.sku]
        chosen += same[: units.quantity]
    return chosen


def sku_of(line: ChannelLine, skus: Mapping[str, str]) -> str | None:
    """Our SKU of a line."""
    return skus.get(line.sku_id) or skus.get(line.seller_sku or "") or line.seller_sku


def address_of(order: ChannelOrder) -> Address | None:
    """Where it goes; None while that is kept back. Raises UnmappableOrderError for what can be no address of ours."""
    told = _ship_to(order.recipient)
    try:
        return Address.model_validate(told) if told else None
    except ValidationError as error:
        found = [Problem(f"recipient_address.{each['loc'][0]}", each["msg"]) for each in error.errors()]
        raise UnmappableOrderError(order, found) from None


def units_of(order: ChannelOrder, line_ids: Sequence[str], skus: Mapping[str, str] = _AS_NAMED) -> list[LineQuantity]:
    """What these lines of the marketplace are with us."""
    named = Counter(sku for line in order.lines if line.line_id in line_ids and (sku := sku_of(line, skus)))
    return [LineQuantity(sku=sku, quantity=quantity) for sku, quantity in sorted(named.items())]


def _unacceptable(order: ChannelOrder) -> Iterator[Problem]:
    if order.status not in ACCEPTABLE:
        yield Problem("status", f"{order.status_told or order.status} is neither on hold nor waiting for shipment")
    if order.fulfillment_type not in (None, "FULFILLMENT_BY_SELLER"):
        yield Problem("fulfillment_type", "the platform ships it itself")
    if order.shipping_type not in (None, "SELLER"):
        yield Problem("shipping_type", "it ships with a label of the platform's, which we do not print")


def _unreadable(order: ChannelOrder) -> Iterator[Problem]:
    if order.placed_at is None:
        yield Problem("create_time", "missing or unreadable")
        return
    due = order.clocks.ship_by()
    if due is not None and due[1] <= order.placed_at:
        yield Problem(due[0], "is not after the order was placed")


def _unnamed(order: ChannelOrder, skus: Mapping[str, str]) -> Iterator[Problem]:
    living = [(index, line) for index, line in enumerate(order.lines) if not line.canceled]
    if not living:
        yield Problem("line_items", "there is nothing to ship")
    for index, line in living:
        sku = sku_of(line, skus)
        if not sku:
            yield Problem(f"line_items[{index}].seller_sku", f"missing, and SKU {line.sku_id} is not mapped to ours")
        elif not re.fullmatch(_SKU, sku):
            yield Problem(f"line_items[{index}].seller_sku", "cannot be a SKU of ours: map it to one")


def _unpriced(order: ChannelOrder) -> Iterator[Problem]:
    money = order.money
    if money is None:
        yield Problem("payment", "missing")
        return
    for index, line in enumerate(order.lines):
        if line.price is None:
            yield Problem(f"line_items[{index}].sale_price", "missing or unreadable")
    unread = [name for name in ("total", "shipping") if getattr(money, name) is None]
    yield from (Problem(_TOLD_AS[name], "missing or unreadable") for name in unread)
    if money.total == 0:
        yield Problem("payment.total_amount", "nothing was paid, as for a sample")
    if not unread and _goods(order) + (money.shipping or 0) > (money.total or 0):
        yield Problem("payment.total_amount", "is less than its lines and shipping come to")


_TOLD_AS: Final = {"total": "payment.total_amount", "shipping": "payment.shipping_fee"}


def _goods(order: ChannelOrder) -> int:
    """What all its lines cost, canceled ones included: the marketplace's total is of them all."""
    return sum(line.price or 0 for line in order.lines)


def _parts(order: ChannelOrder, seller: str, terms: SellerTerms, skus: Mapping[str, str]) -> dict[str, Any]:
    money, placed_at = order.money, order.placed_at
    assert money is not None, "checked before"
    assert placed_at is not None, "checked before"
    lines, shipping = _order_lines(order, skus), money.shipping or 0
    canceled = sum(line.price or 0 for line in order.lines if line.canceled)
    goods = sum(line["quantity"] * line["unit_price"] for line in lines)
    return {
        "order_id": order.order_id,
        "seller": seller,
        "channel": order.channel,
        "buyer": order.buyer,
        "currency": money.currency,
        "lines": lines,
        "shipping": shipping,
        "tax": (money.total or 0) - canceled - shipping - goods,
        "ship_to": _ship_to(order.recipient),
        "placed_at": placed_at,
        "terms": _terms(order, placed_at, terms),
    }


def _order_lines(order: ChannelOrder, skus: Mapping[str, str]) -> list[dict[str, Any]]:
    """One line for each of our SKUs; its price is the whole cents that a unit costs on average."""
    prices: dict[str | None, list[int]] = {}
    for line in order.lines:
        if not line.canceled:
            prices.setdefault(sku_of(line, skus), []).append(line.price or 0)
    return [{"sku": sku, "quantity": len(each), "unit_price": sum(each) // len(each)} for sku, each in prices.items()]


def _ship_to(recipient: Recipient | None) -> dict[str, str | None] | None:
    if recipient is None:
        return None
    street = [*recipient.lines, "", ""]
    return {
        "name": recipient.name or "",
        "line1": street[0],
        "line2": ", ".join(part for part in street[1:] if part) or None,
        "city": recipient.city or "",
        "region": recipient.region or "",
        "postal_code": recipient.postal_code or "",
        "country": recipient.country or "",
        "phone": recipient.phone or None,
    }


def _terms(order: ChannelOrder, placed_at: datetime, terms: SellerTerms) -> SellerTerms:
    changes: dict[str, timedelta] = {"hand_off_delay": max((order.grace_until or placed_at) - placed_at, timedelta(0))}
    due, delivered = order.clocks.ship_by(), order.clocks.delivery_sla_time
    if due is not None:
        changes["ship_within"] = due[1] - placed_at
    ship_by = placed_at + changes.get("ship_within", terms.ship_within)
    if delivered is not None and delivered > ship_by:
        changes["deliver_within"] = delivered - ship_by
    return terms.model_copy(update=changes)
