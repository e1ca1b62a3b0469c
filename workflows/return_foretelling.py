"""What an inspection, or a cancellation, would come to for a running return, in words; nothing is done."""

from collections.abc import Iterator
from typing import Self

from pydantic import model_validator

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.return_rules import value_of, words
from ordersaga.domain.returns import Inspection, ReturnCase, ReturnWish
from ordersaga.domain.values import Message
from workflows.return_state import CancelReturn, ReturnState


class ReturnPreview(Message):
    """What may be asked of a running return; exactly one is given."""

    receive: Inspection | None = None
    cancel: CancelReturn | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.receive is None) == (self.cancel is None):
            raise ValueError("give either receive, an inspection, or cancel; neither both nor none")
        return self


def received(case: ReturnCase, found: Inspection) -> Iterator[str]:
    """Goods and money of an inspection."""
    accepted = found.units("accepted")
    if accepted:
        amount = format_amount(max(value_of(case, accepted), 0), case.order.currency)
        yield f"At most {amount} go back to the shopper, for {words(accepted)}."
    else:
        yield "Nothing goes back to the shopper."
    for kind, becomes in (
        ("sellable", f"can be sold again at {case.plan.location}"),
        ("damaged", "written off"),
        ("missing", "not paid for"),
        ("refused", f"sent back to the shopper: {found.reason}"),
    ):
        if units := found.units(kind):
            yield f"{words(units)}: {becomes}."
    if case.request.wish is ReturnWish.EXCHANGE and accepted:
        yield "The exchange is placed as an order of its own."


def canceled(state: ReturnState) -> Iterator[str]:
    """Nothing comes back."""
    if state.case.request.keeps_goods:
        yield "The goodwill is withdrawn: nothing goes back to the shopper."
        return
    yield f"The shopper keeps {words(state.case.request.lines)}, and nothing is refunded."
    if state.label_url is not None or state.tracking_number is not None:
        yield "The label for the way back is given back to the carrier."
