"""What a saga missed, and what of it only a person can settle."""

from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.bootstrap import Answered, MadeEffect
from ordersaga.domain.journal import AttentionItem, OrderRecord, TimelineEntry
from ordersaga.domain.statuses import OrderStatus
from ordersaga.recovery.missed import Known
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
