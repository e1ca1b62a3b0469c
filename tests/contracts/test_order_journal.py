"""Contract of the OrderJournal port."""

from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.effects import EffectIntent
from ordersaga.domain.journal import AttentionAge, AttentionItem, JournalEntry, JournalUpdate, ParcelAddress
from ordersaga.domain.statuses import OrderStatus
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, PLACED_AT, SELLER, WEST, address, catalog, order


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


async def test_a_corrected_address_stands_and_stays(world: World) -> None:
    """The order goes to the new address from then on; a later update without one does not bring the old one back."""
    await accepted(world)
    moved = address(line1="2 Side St", postal_code="10002")

    await world.journal.record(update(ship_to=moved))
    await world.journal.record(update(OrderStatus.FULFILLING))

    record = await world.journal.get("o1")
    assert record is not None
    assert record.order == order("o1", ("MUG", 1), ship_to=moved)
    assert await world.stock.confirm_hold(order("o1", ("MUG", 1))) == record.parcels


async def test_where_a_parcel_goes_alone_stands_and_stays(world: World) -> None:
    """Until it is said that none does; the order's own address is another matter."""
    await accepted(world)
    alone = ParcelAddress(parcel=1, ship_to=address(city="Boston", region="MA"))
    told = []
    for elsewhere in ((alone,), None, ()):
        await world.journal.record(update(elsewhere=elsewhere))
        record = await world.journal.get("o1")
        assert record is not None
        told.append((record.elsewhere, record.order_of(1).ship_to.region, record.order_of(2).ship_to.region))
    assert told == [((alone,), "MA", "NY"), ((alone,), "MA", "NY"), ((), "NY", "NY")]


async def test_what_is_at_stake_is_kept_and_follows_the_question(world: World) -> None:
    """Money, the guarded choices, a proposal and the reminders read back as written last."""
    await accepted(world)
    stake: dict[str, Any] = {"money": 70_000, "currency": "USD", "guarded": ("skip",)}
    asked = question("a", **stake)
    proposed = question("a", **stake, proposed="skip", proposed_by="kim", reminders=2)

    await world.journal.record(update(attention=(asked,)))
    assert list(await world.journal.open_attention()) == [asked]
    await world.journal.record(update(attention=(proposed,)))
    assert list(await world.journal.open_attention()) == [proposed]
    await world.journal.record(update(attention=(question("a", **stake, reminders=3),)))

    assert list(await world.journal.open_attention()) == [question("a", **stake, reminders=3)]


async def test_an_answer_is_kept_with_its_reason(world: World) -> None:
    """The first answer stays whole, whatever is recorded after it, and the question is not asked again."""
    await accepted(world)
    told: dict[str, Any] = {
        "resolved": "skip",
        "resolved_by": "kim",
        "resolved_reason": "it was captured",
        "resolved_at": PLACED_AT,
    }
    await world.journal.record(update(attention=(question("a"),)))

    await world.journal.record(update(attention=(question("a", **told),)))
    await world.journal.record(update(attention=(question("a", resolved="retry", resolved_by="lee"),)))
    await world.journal.record(update(attention=(question("a", reminders=1),)))

    assert list(await world.journal.open_attention()) == []
    assert list(await world.journal.attention_ages()) == []


async def several(world: World) -> None:
    """Questions about o1 (two parcels of two providers, and the whole order), o2 of another seller, and no order."""
    await world.load(catalog((EAST, "MUG", 5), (WEST, "LAMP", 5)))
    parcels = await world.stock.confirm_hold(order("o1", ("MUG", 2)))
    assert parcels is not None
    other = parcels[0].model_copy(update={"parcel": 2, "provider": "newegg", "lines": ()})
    assert await world.stock.replan("o1", [*parcels, other]) is True
    assert await world.stock.confirm_hold(order("o2", ("LAMP", 1), seller="bolt")) is not None
    items = (
        question("a", money=500, currency="USD"),
        question("b", minutes=1, parcel=2, money=700, currency="USD"),
        question("c", minutes=2, parcel=0, kind="ship_by_missed"),
    )
    await world.journal.record(update(attention=items))
    theirs = (question("d", minutes=3, order_id="o2"), question("e", minutes=4, order_id="o2", resolved="skip"))
    await world.journal.record(update(attention=theirs).model_copy(update={"order_id": "o2"}))
    lost = question("f", minutes=5, order_id="o3", money=900, currency="EUR")
    await world.journal.record(update(attention=(lost,)).model_copy(update={"order_id": "o3"}))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "abcdf"),
        ({"seller": SELLER}, "abc"),
        ({"seller": "bolt"}, "d"),
        ({"seller": "nobody"}, ""),
        ({"order_id": "o3"}, "f"),
        ({"kind": "ship_by_missed"}, "c"),
        ({"provider": "shipbob"}, "ad"),
        ({"provider": "newegg"}, "b"),
        ({"opened_before": PLACED_AT + timedelta(minutes=2)}, "ab"),
        ({"provider": "shipbob", "seller": SELLER, "kind": "unknown_effect", "order_id": "o1"}, "a"),
        ({"provider": "newegg", "seller": "bolt"}, ""),
    ],
)
async def test_questions_are_found_by_what_they_are_about(world: World, wanted: dict[str, Any], found: str) -> None:
    """Every condition that is named must hold; answered questions are never listed."""
    await several(world)

    assert "".join([item.item_id for item in await world.journal.open_attention(**wanted)]) == found


async def test_open_questions_are_counted_with_their_age_and_stake(world: World) -> None:
    """By kind, seller and currency; money of two currencies is never added up."""
    await several(world)

    assert list(await world.journal.attention_ages()) == [
        age("ship_by_missed", SELLER, "", 1, minutes=2, money=0),
        age("unknown_effect", "", "EUR", 1, minutes=5, money=900),
        age("unknown_effect", SELLER, "USD", 2, minutes=0, money=1200),
        age("unknown_effect", "bolt", "", 1, minutes=3, money=0),
    ]


def age(kind: str, seller: str, currency: str, count: int, *, minutes: int, money: int) -> AttentionAge:
    """A group of open questions."""
    return AttentionAge(
        kind=kind,
        seller=seller,
        currency=currency,
        open=count,
        oldest_opened_at=PLACED_AT + timedelta(minutes=minutes),
        money=money,
    )
