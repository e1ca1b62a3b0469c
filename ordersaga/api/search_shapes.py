"""What a search answers."""

from typing import Literal, Self

from ordersaga.api.shapes import OrderSummary, WaitingPlace
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.values import Message

MatchedBy = Literal["order_id", "buyer", "marketplace_order", "tracking_number", "sku", "seller"]


class FoundOrder(OrderSummary):
    """An order that was found, and by what."""

    matched: tuple[MatchedBy, ...]

    @classmethod
    def found(cls, record: OrderRecord, matched: tuple[str, ...], waiting: WaitingPlace | None) -> Self:
        """The answer for a record."""
        return cls.model_validate({**OrderSummary.of(record, waiting).model_dump(), "matched": matched})


class FoundPage(Message):
    """Orders that were found, newest first. `next_cursor` fetches the page after this one; None on the last."""

    orders: tuple[FoundOrder, ...]
    next_cursor: str | None = None
