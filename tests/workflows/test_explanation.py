"""The plain-words answer for every status there is: why it is there, what comes next, by when."""

from datetime import UTC, datetime

import pytest

from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.shipping import InterceptDecision
from ordersaga.domain.statuses import FINAL_STATUSES, ConfirmOutcome, OrderStatus, ParcelStatus
from tests.fakes.samples import order
from workflows.activity_policies import StepFailedError
from workflows.explanation import explain
from workflows.messages import CancelRequest, HoldRequest
from workflows.order_state import OrderState, ParcelState

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
RUNNING = [status for status in OrderStatus if status not in FINAL_STATUSES]


class Told(OrderState):
    """An order's state whose status is given."""

    told: OrderStatus

    @property
    def status(self) -> OrderStatus:
        return self.told


def state(status: OrderStatus, parcel: ParcelState | None = None) -> Told:
    """A confirmed order of one parcel."""
    placed = order("x1", ("MUG", 1))
    plan = ParcelPlan(parcel=1, location="nj-1", provider="shipbob", lines=placed.lines, amount=1000)
    made = Told(placed, [parcel or ParcelState(plan)], ConfirmOutcome.CONFIRMED)
    made.told = status
    made.awaiting = "the carrier's first scan"
    if status in FINAL_STATUSES:
        made.closed_as = status
    return made


@pytest.mark.parametrize("status", RUNNING)
def test_running_orders_say_what_comes_next_and_by_when(status: OrderStatus) -> None:
    """One paragraph: where it stands, the next action, the next look at it."""
    told = explain(state(status), NOW)
    assert told.startswith("Order x1 ")
    assert "Next: " in told
    assert told.endswith("It is looked at again by 2026-07-01 12:00 UTC at the latest.")
    assert ".." not in told


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_ended_orders_promise_nothing(status: OrderStatus) -> None:
    """Where it ended, and that nothing more happens."""
    told = explain(state(status), None)
    assert told.endswith("Nothing more will happen by itself.")
    assert "Next" not in told


def test_every_status_has_words_of_its_own() -> None:
    """No two statuses read the same."""
    told = {explain(state(status), NOW) for status in OrderStatus}
    assert len(told) == len(OrderStatus)


def test_what_is_unusual_about_a_parcel_is_said() -> None:
    """A parcel being stopped, turned around, late, replaced or in trouble explains itself."""
    plan = state(OrderStatus.FULFILLING).parcels[0].plan
    cases = [
        (
            ParcelState(plan, stop=StepFailedError("customer", "canceled", "canceled by ada: too big")),
            "Parcel 1 is being canceled: canceled by ada: too big.",
        ),
        (ParcelState(plan, too_late=True), "Parcel 1 could not be stopped any more: it ships."),
        (
            ParcelState(plan, status=ParcelStatus.IN_TRANSIT, intercept=InterceptDecision.ACCEPTED),
            "Parcel 1 is being turned around by its carrier; its money goes back when it is received.",
        ),
        (ParcelState(plan, delay_told=True), "The shopper was told that parcel 1 is late, and may cancel."),
        (
            ParcelState(plan, delay_told=True, consent_wanted=True),
            "Parcel 1 is canceled and refunded unless the shopper agrees to wait.",
        ),
        (ParcelState(plan, replaces=2), "Parcel 1 was sent for parcel 2, which was lost."),
        (
            ParcelState(plan, status=ParcelStatus.EXCEPTION, problem="out of stock"),
            "Parcel 1 has a problem at its provider: out of stock.",
        ),
    ]
    for parcel, words in cases:
        assert words in explain(state(OrderStatus.FULFILLING, parcel), NOW)


@pytest.mark.parametrize("status", [OrderStatus.SHIPPED, OrderStatus.COMPLETED])
def test_what_was_written_off_is_not_told_as_paid(status: OrderStatus) -> None:
    """The loss is named; nothing is said of a lost parcel's, which nobody owes any more."""
    plan = state(status).parcels[0].plan
    told = explain(state(status, ParcelState(plan, ParcelStatus.DELIVERED, written_off=1000)), NOW)
    assert "USD 10.00 of it written off instead of paid" in told
    assert "paid for" not in told
    lost = state(status, ParcelState(plan, ParcelStatus.DELIVERED, captured=1000))
    lost.parcels.append(ParcelState(plan, ParcelStatus.LOST, written_off=1000))
    assert "paid for" in explain(lost, NOW)


def test_what_left_is_not_told_as_paid_before_it_is() -> None:
    """While the payment company gives no answer."""
    told = explain(state(OrderStatus.SHIPPED), NOW)
    assert "is on its way to the shopper, and its money is still to be taken." in told


def test_what_no_provider_has_taken_is_not_told_as_with_one() -> None:
    """While an attempt to hand it over is repeated; afterwards it is."""
    plan = state(OrderStatus.FULFILLING).parcels[0].plan
    told = explain(state(OrderStatus.FULFILLING, ParcelState(plan, handed_off=True)), NOW)
    assert "it is being handed to its provider" in told
    assert "it is with its provider" not in told
    assert "Next: its provider takes it; then the carrier scans it, and the money is taken." in told
    taken = explain(state(OrderStatus.FULFILLING, ParcelState(plan, handed_off=True, given_away=True)), NOW)
    assert "it is with its provider" in taken
    assert "Next: the carrier's first scan" in taken


def test_a_canceled_order_says_who_asked_and_why() -> None:
    """Of the whole order; else why its parcels were stopped. An order that could not be stopped says nothing of it."""
    for status in (OrderStatus.CANCELING, OrderStatus.CANCELED):
        whole = state(status)
        whole.cancel = CancelRequest(by="stop s1", reason="flooded")
        assert "stop s1 asked to cancel it: flooded." in explain(whole, NOW)
        whole.cancel = CancelRequest(by="ada")
        assert "ada asked to cancel it: no reason given." in explain(whole, NOW)
    plan = state(OrderStatus.CANCELED).parcels[0].plan
    why = StepFailedError("customer", "canceled", "canceled by ada: too big")
    parts = explain(state(OrderStatus.CANCELED, ParcelState(plan, stop=why, undone=True)), NOW)
    assert "It was canceled by ada: too big." in parts
    late = state(OrderStatus.COMPLETED)
    late.cancel = CancelRequest(by="ada", reason="too big")
    assert "ada" not in explain(late, NOW)


def test_holds_and_questions_are_named_with_what_answers_them() -> None:
    """The question, its choices, who proposed what; each hold with its reason."""
    made = state(OrderStatus.NEEDS_ATTENTION)
    made.cancel = CancelRequest(by="ada")
    made.holds["fraud"] = HoldRequest(kind="fraud", by="ada", reason="looks odd")
    made.attention["x1-a1"] = AttentionItem(
        item_id="x1-a1",
        order_id="x1",
        parcel=1,
        kind="capture_refused",
        question="USD 10.00 could not be captured.",
        choices=("retry", "write_off"),
        opened_at=NOW,
        proposed="write_off",
        proposed_by="ada",
    )
    told = explain(made, NOW)
    assert "Question x1-a1: USD 10.00 could not be captured. Choices: retry, write_off." in told
    assert "ada proposes write_off; a second person must agree." in told
    assert "Hold fraud: looks odd." in told
    assert "It is waiting for an answer to the question above." in told
