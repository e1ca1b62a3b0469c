"""What a saga missed, and what of it only a person can settle."""

from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.bootstrap import Answered, MadeEffect
from ordersaga.domain.journal import AttentionItem, OrderRecord, TimelineEntry
from ordersaga.domain.orders import LineQuantity, OrderLine, ParcelPlan
from ordersaga.domain.returns import (
    InspectedLine,
    Inspection,
    ReturnCase,
    ReturnReason,
    ReturnRecord,
    ReturnRequest,
    ReturnStatus,
)
from ordersaga.domain.statuses import OrderStatus
from ordersaga.recovery.histories import History, latest
from ordersaga.recovery.missed import Known, return_standing
from tests.fakes.samples import order

SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = SINCE + timedelta(minutes=1)
HANDED = MadeEffect("hand_off", 1, 1, "done")


def line(kind: str, text: str) -> TimelineEntry:
    """A line of the story that the saga does not know."""
    return TimelineEntry(at=LATER, source="journal", kind=kind, text=text)


def known(
    *story: TimelineEntry,
    status: OrderStatus = OrderStatus.FULFILLING,
    effects: tuple[MadeEffect, ...] = (HANDED,),
    answered: tuple[Answered, ...] = (),
) -> Known:
    """An order in PostgreSQL, and what its saga does not know."""
    record = OrderRecord(
        order=order(),
        status=status,
        outcome="confirmed",
        reason=None,
        parcels=(),
        accepted_at=SINCE,
        updated_at=LATER,
        started=True,
    )
    return Known(record, SINCE, story, effects, answered, untold=0)


def question(kind: str = "label_failed", item_id: str = "o1-a1") -> AttentionItem:
    """One that the saga asks."""
    return AttentionItem(
        item_id=item_id, order_id="o1", parcel=1, kind=kind, question="?", choices=("retry", "cancel"), opened_at=SINCE
    )


def test_nothing_missed_is_nothing_to_tell() -> None:
    """And nobody is asked."""
    found = known()
    assert (found.missed, found.beyond_telling(), found.started_anew(), found.cancel, found.holds) == (
        *([], None, None, None),
        {},
    )


def test_a_cancellation_under_way_is_told_again() -> None:
    """One that has been decided already is not."""
    asked = line("cancel_requested", "ann asks to cancel: changed their mind")
    found = known(asked, status=OrderStatus.CANCELING).cancel
    assert found is not None
    assert "changed their mind" in found.reason
    assert known(asked, status=OrderStatus.FULFILLING).cancel is None


def test_the_last_word_on_each_hold_counts() -> None:
    """Placed and released again is released; another kind stands by itself; a recovery's own hold is nobody's wish."""
    found = known(
        line("hold", "ann placed hold fraud_review: a look"),
        line("release", "bob released hold fraud_review: fine"),
        line("hold", "stop 7 placed hold stopped: region closed: all of it"),
        line("hold", "ordersaga recover placed hold recovery: told again"),
    ).holds
    assert set(found) == {"fraud_review", "stopped"}
    assert found["fraud_review"] is None
    assert found["stopped"] is not None
    assert (found["stopped"].by, found["stopped"].reason) == ("stop 7", "region closed: all of it")


@pytest.mark.parametrize(
    "story",
    [
        line("change_requested", "ann asks: ship to another address"),
        line("goodwill_requested", "o1-r1: ann asks for 5.00 USD"),
        line("cancel_requested", "ann asks to cancel 1 MUG: broken"),
    ],
)
def test_wishes_that_cannot_be_told_again_are_a_persons(story: TimelineEntry) -> None:
    """The reason names the line."""
    assert story.text in (known(story).beyond_telling() or "")
    assert story.text in (known(story).started_anew() or "")


@pytest.mark.parametrize(
    "effect",
    [
        MadeEffect("hand_off", 1, 2, "done"),
        MadeEffect("update_address", 1, 1, "done"),
        MadeEffect("refund_part", 1, 1, "done"),
        MadeEffect("intercept", 1, 1, "refused"),
    ],
)
def test_a_past_that_would_not_repeat_itself_is_a_persons(effect: MadeEffect) -> None:
    """Only where the saga would begin at its beginning: one that is there knows of it."""
    found = known(effects=(HANDED, effect))
    assert found.started_anew()
    assert found.beyond_telling() is None


def test_answers_are_given_again_to_the_same_question_only() -> None:
    """Not to another that bears the same number in the saga's second life, nor with a choice it has not."""
    found = known(answered=(Answered("o1-a1", "label_failed", 1, "retry", "ann", LATER, moved_money=False),))
    said = found.answer_to(question())
    assert said is not None
    assert (said.choice, said.by) == ("retry", "ann")
    assert found.answer_to(question(kind="ship_by_missed")) is None
    assert found.answer_to(question(item_id="o1-a2")) is None


def test_what_people_decided_about_money_is_theirs_to_decide_again() -> None:
    """Two people may have had to: one recovery is nobody."""
    decided = Answered("o1-a1", "capture_refused", 1, "write_off", "ann", LATER, moved_money=True)
    assert "about money" in (known(answered=(decided,)).beyond_telling() or "")


CASE = ReturnCase(
    order=order("o1"),
    plan=ParcelPlan(
        parcel=1,
        location="nj-1",
        provider="shipbob",
        lines=(OrderLine(sku="MUG", quantity=1, unit_price=1000),),
        amount=1000,
    ),
    number=1,
    request=ReturnRequest(parcel=1, lines=(LineQuantity(sku="MUG", quantity=1),), reason=ReturnReason.DAMAGED),
    delivered_at=SINCE,
    accepted_at=SINCE,
)
BACK = Inspection(lines=(InspectedLine(sku="MUG", sellable=1),), by="ann")


def standing(status: ReturnStatus, *, inspected: bool = False, refunded: int = 0) -> ReturnRecord:
    """A return as it was recorded once."""
    return ReturnRecord(case=CASE, status=status, inspection=BACK if inspected else None, refunded=refunded)


def test_a_return_that_postgresql_knows_more_of_is_told_what_can_be_told() -> None:
    """News is told again, what a person found is asked, what has ended is ended; an older record is no difference."""
    begun, waits = standing(ReturnStatus.REQUESTED), standing(ReturnStatus.AWAITING_GOODS)
    moving, looked = standing(ReturnStatus.IN_TRANSIT), standing(ReturnStatus.INSPECTED, inspected=True)
    refunded = standing(ReturnStatus.REFUNDED, inspected=True, refunded=1000)
    assert return_standing([], begun) == "level"
    assert [return_standing([waits, moving], record) for record in (begun, waits, moving)] == ["level"] * 3
    assert return_standing([waits], moving) == "late"
    assert return_standing([waits], looked) == "inspected"
    assert return_standing([waits, looked], standing(ReturnStatus.REFUND_PENDING, inspected=True)) == "late"
    assert return_standing([waits, looked], refunded) == "over"


def run(last: datetime, *, running: bool, number: str = "") -> History:
    """One run of a workflow."""
    name, kind = (f"return-o1-{number}", "OrderReturn") if number else ("order-o1", "OrderFulfillment")
    return History(workflow_id=name, kind=kind, running=running, began=SINCE, last=last)


def test_of_a_saga_that_was_reset_the_run_that_runs_counts() -> None:
    """However they are listed; of those that have ended the last one. A return is another subject."""
    before, now = run(SINCE, running=False), run(LATER, running=True)
    assert latest([before, now]) == latest([now, before]) == {"order-o1": now}
    ended = run(LATER, running=False)
    assert latest([ended, before])["order-o1"] is ended
    back = run(LATER, running=True, number="2")
    assert (latest([back, now])["order-o1"], back.subject, now.subject) == (now, "o1-r2", "o1")
