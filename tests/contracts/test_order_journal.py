"""Contract of the OrderJournal port."""

from datetime import timedelta

from ordersaga.domain.effects import EffectIntent
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, PLACED_AT, catalog, order


def entry(name: str, *, minutes: int = 0) -> JournalEntry:
    """A line of the story."""
    return JournalEntry(entry_id=name, at=PLACED_AT + timedelta(minutes=minutes), kind="note", text=f"entry {name}")


def question(name: str, *, minutes: int = 0, **changes: object) -> AttentionItem:
    """A parked question."""
    item = AttentionItem(
        item_id=name,
        order_id="o1",
        parcel=1,
        kind="unknown_effect",
        question="Was it captured?",
        choices=("retry", "skip"),
        opened_at=PLACED_AT + timedelta(minutes=minutes),
    )
    return item.model_copy(update=changes)


def update(status: OrderStatus = OrderStatus.CONFIRMED, **changes: object) -> JournalUpdate:
    """An update of o1."""
    return JournalUpdate(order_id="o1", status=status).model_copy(update=changes)


async def accepted(world: World) -> None:
    """Order o1 stands with one parcel."""
    await world.load(catalog((EAST, "MUG", 5)))
    assert await world.stock.confirm_hold(order("o1", ("MUG", 1))) is not None


async def test_an_order_started_directly_is_in_the_journal(world: World) -> None:
    """Confirming a hold makes the order's row, with its parcels, as started."""
    await accepted(world)

    record = await world.journal.get("o1")

    assert record is not None
    assert record.order == order("o1", ("MUG", 1))
    assert (record.status, record.outcome, record.reason, record.started) == (OrderStatus.PENDING, None, None, True)
    assert [plan.location for plan in record.parcels] == [EAST]
    assert await world.journal.get("o2") is None


async def test_a_reason_goes_with_its_status_and_an_outcome_stays(world: World) -> None:
    """A new status clears the reason of the old one; the outcome told to the checkout is kept."""
    await accepted(world)
    await world.journal.record(update(OrderStatus.ON_HOLD, outcome="confirmed", reason="fraud review"))
    await world.journal.record(update(OrderStatus.ON_HOLD))
    held = await world.journal.get("o1")
    await world.journal.record(update(OrderStatus.FULFILLING))
    freed = await world.journal.get("o1")

    assert held is not None
    assert freed is not None
    assert (held.status, held.outcome, held.reason) == (OrderStatus.ON_HOLD, "confirmed", "fraud review")
    assert (freed.status, freed.outcome, freed.reason) == (OrderStatus.FULFILLING, "confirmed", None)


async def test_entries_are_written_once_and_told_by_time(world: World) -> None:
    """A repeated update adds no entry, and the story is in the order things happened."""
    await accepted(world)
    for _ in range(2):
        await world.journal.record(update(entries=(entry("late", minutes=5), entry("early"))))
    await world.effects.begin(EffectIntent(order_id="o1", step="authorize", parcel=0))

    story = await world.journal.timeline("o1")

    assert [(line.source, line.text) for line in story] == [
        ("journal", "entry early"),
        ("journal", "entry late"),
        ("effect", "authorize: intended"),
    ]
    assert list(await world.journal.timeline("o2")) == []


async def test_open_questions_oldest_first(world: World) -> None:
    """Questions are listed until somebody answers them."""
    await accepted(world)
    await world.journal.record(update(attention=(question("b", minutes=2), question("a"))))
    assert [item.item_id for item in await world.journal.open_attention()] == ["a", "b"]

    await world.journal.record(update(attention=(question("a", resolved="retry", resolved_by="kim"),)))

    assert list(await world.journal.open_attention()) == [question("b", minutes=2)]


async def test_an_answered_question_is_not_opened_again(world: World) -> None:
    """A late repeat of the question does not undo its answer."""
    await accepted(world)
    await world.journal.record(update(attention=(question("a", resolved="skip", resolved_by="kim"),)))
    await world.journal.record(update(attention=(question("a"),)))

    assert list(await world.journal.open_attention()) == []
