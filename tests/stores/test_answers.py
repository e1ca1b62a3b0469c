"""Answers to questions of orders whose saga has ended: written once, with reason and time."""

from datetime import UTC, datetime, timedelta

from ordersaga.domain.journal import AttentionItem
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool

ITEM = AttentionItem(
    item_id="o1-a1",
    order_id="o1",
    parcel=1,
    kind="late_news",
    question="It left after all. Acknowledge?",
    choices=("acknowledge",),
    opened_at=datetime(2026, 3, 1, tzinfo=UTC),
    money=1500,
    currency="USD",
    guarded=("acknowledge",),
)


async def test_an_answer_is_stored_with_its_reason_and_time(pool: Pool) -> None:
    """The first one; the second is told that it came too late and changes nothing."""
    journal = PostgresJournal(pool)
    assert await journal.open_question(ITEM) is True
    assert list(await journal.open_attention()) == [ITEM]
    before = datetime.now(UTC)

    answered = await journal.answer_question(ITEM, "acknowledge", by="kim", reason="shopper keeps \u0000 it")
    assert await journal.answer_question(ITEM, "acknowledge", by="lee", reason="late") is None

    assert answered is not None
    assert answered.resolved_at is not None
    assert before <= answered.resolved_at <= before + timedelta(minutes=1)
    assert list(await journal.open_attention()) == []
    row = await pool.fetchrow("SELECT resolved, resolved_by, resolved_reason, resolved_at, money FROM attention")
    assert tuple(row or ()) == ("acknowledge", "kim", "shopper keeps \ufffd it", answered.resolved_at, 1500)


async def test_a_question_of_a_kind_is_asked_once(pool: Pool) -> None:
    """Also after it was answered."""
    journal = PostgresJournal(pool)
    assert await journal.open_question(ITEM) is True
    await journal.answer_question(ITEM, "acknowledge", by="kim", reason="seen")

    assert await journal.open_question(ITEM.model_copy(update={"item_id": "o1-a2"})) is False

    assert list(await journal.open_attention()) == []
    assert await pool.fetchval("SELECT count(*) FROM attention") == 1


async def test_each_return_of_a_parcel_asks_for_itself(pool: Pool) -> None:
    """Once: the parcel's own question of the kind does not stand for it, nor another return's."""
    journal = PostgresJournal(pool)
    for item_id, new in (("o1-late-k-1", True), ("o1-r1-late-k", True), ("o1-r2-late-k", True), ("o1-r1-a7", False)):
        assert await journal.open_question(ITEM.model_copy(update={"item_id": item_id})) is new
    assert await pool.fetchval("SELECT count(*) FROM attention") == 3
