"""Refunds of voided labels: one that is rejected later enters the order's story, and somebody hears of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError
from ordersaga.domain.books import MoneyTransaction, captured
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.lattices import Verdict, judge
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.returns import Opened, ReturnAsk, ReturnReason, ReturnRequest, ReturnStatus, ReturnUpdate
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.samples import order
from tests.fakes.shipping import FakeCarrier
from tests.support.api import StubOrders
from workers.relay_deliverer import Deliverer
from workers.relay_voids import VoidPoller

REFERENCE = "a1-1-1"


class AskedCarrier(FakeCarrier):
    """A carrier as the relay sees it; only voids are asked about here."""

    async def changes(self, references: object) -> list[ParcelEvent]:
        """Nothing."""
        raise AssertionError(references)

    async def resolve(self, incoming: object) -> object:
        """Nothing."""
        raise AssertionError(incoming)

    def decide(self, notice: str, reference: str = REFERENCE, returning: int = 0) -> None:
        """The refund of a label is decided."""
        self.void_notices[reference] = ParcelEvent(
            source="easypost",
            source_id="own",
            parcel=1,
            generation=int(reference[-1]),
            status=ParcelStatus.PLANNED,
            occurred_at=datetime.now(UTC),
            detail="the refund of label 1Z1 of UPS was rejected",
            notice=notice,
            returning=returning,
        )


@pytest_asyncio.fixture
async def carrier() -> AskedCarrier:
    """The carrier."""
    return AskedCarrier()


@pytest_asyncio.fixture
async def voided(services: Services, carrier: AskedCarrier) -> AsyncIterator[Services]:
    """A canceled parcel whose label's void the carrier took, in an order that still runs."""
    await services.intake.accept(order("a1"), hold_ttl=timedelta(minutes=5))
    await services.starting.mark_started("a1")
    await services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.FULFILLING))
    await void(services)
    yield replace(services, carriers={"easypost": carrier})  # type: ignore[dict-item]  # what is not asked here is not typed here


async def void(services: Services, generation: int = 1, decision: str = "pending") -> None:
    """The ledger says that a void was answered so."""
    intent = EffectIntent(order_id="a1", step="void_label", parcel=1, generation=generation)
    await services.effects.begin(intent)
    outcome = EffectOutcome(status=EffectStatus.DONE, answer={"decision": decision})
    await services.effects.settle(intent.key, outcome)


async def story(services: Services) -> list[tuple[str, str]]:
    """What the order's journal says."""
    timeline = await services.journal.timeline("a1")
    return [(entry.kind, entry.text) for entry in timeline if entry.source == "journal"]


async def test_only_undecided_voids_are_asked_about(voided: Services, carrier: AskedCarrier) -> None:
    """Each round, until the carrier has said what became of them; nothing is stored before."""
    await void(voided, generation=2, decision="canceled")
    poller = VoidPoller(voided)
    await poller.step()
    await poller.step()
    assert carrier.called("void_news") == [(REFERENCE,), (REFERENCE,)]
    assert await voided.inbox.claim(9) == []


async def test_each_account_is_asked_about_the_voids_it_took(voided: Services, carrier: AskedCarrier) -> None:
    """The others do not know these labels."""
    elsewhere, ups = EffectIntent(order_id="a1", step="void_label", parcel=2, account="ups"), AskedCarrier()
    await voided.effects.begin(elsewhere)
    outcome = EffectOutcome(status=EffectStatus.DONE, answer={"decision": "pending"})
    await voided.effects.settle(elsewhere.key, outcome)
    carriers: Any = {"easypost": carrier, "ups": ups}
    both = replace(voided, carriers=carriers)
    for account in both.carriers:
        await VoidPoller(both, account).step()
    assert (carrier.called("void_news"), ups.called("void_news")) == ([(REFERENCE,)], [("a1-2-1",)])


async def test_a_rejected_void_is_told_to_a_running_order_and_written_down(
    voided: Services, carrier: AskedCarrier, orders: StubOrders
) -> None:
    """Once: in the journal under its kind, and to the saga, whose lattice calls it a conflict wherever it stands."""
    carrier.decide("void_rejected")
    for _ in range(2):
        await VoidPoller(voided).step()
        await Deliverer(voided).step()
    assert await story(voided) == [("void_rejected", "easypost: the refund of label 1Z1 of UPS was rejected")]
    (event,) = orders.events
    assert isinstance(event, ParcelEvent)
    assert (event.notice, event.source_id) == ("void_rejected", "poll:a1-1-1:void_rejected")
    assert {judge(current, event.status, event.source) for current in ParcelStatus} == {Verdict.CONFLICT}
    assert carrier.called("void_news") == [(REFERENCE,)]
    assert await voided.journal.open_attention() == []


async def test_a_rejected_void_of_an_order_that_ended_is_a_question(
    voided: Services, carrier: AskedCarrier, orders: StubOrders
) -> None:
    """Nobody else would hear of it."""
    await voided.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.CANCELED))
    orders.refuse = {"a1": OrderClosedError("a1")}
    carrier.decide("void_rejected")
    await VoidPoller(voided).step()
    await Deliverer(voided).step()
    (item,) = await voided.journal.open_attention()
    assert (item.kind, item.parcel, item.choices) == ("void_rejected", 1, ("acknowledge",))
    assert item.question == "Parcel 1: easypost says the refund of label 1Z1 of UPS was rejected."
    assert [kind for kind, _ in await story(voided)] == ["void_rejected", "attention"]
    assert await voided.inbox.count_by_status() == {"delivered": 1}


async def test_a_refund_that_came_through_is_written_down_only(
    voided: Services, carrier: AskedCarrier, orders: StubOrders
) -> None:
    """Nobody need act: the saga hears nothing, nobody is asked, and the carrier is asked no more."""
    carrier.decide("void_settled")
    await VoidPoller(voided).step()
    await Deliverer(voided).step()
    await VoidPoller(voided).step()
    assert [kind for kind, _ in await story(voided)] == ["void_settled"]
    assert (orders.events, await voided.journal.open_attention()) == ([], [])
    assert carrier.called("void_news") == [(REFERENCE,)]
    assert await voided.inbox.count_by_status() == {"delivered": 1}


async def test_voids_take_turns(voided: Services, carrier: AskedCarrier) -> None:
    """More than fit into a round: the next round goes on behind them, and begins again after the last."""
    for generation in range(2, 53):
        await void(voided, generation)
    poller = VoidPoller(voided)
    for _ in range(3):
        await poller.step()
    asked = [reference for (reference,) in carrier.called("void_news")]
    assert len(asked) == 50 + 2 + 50
    assert len(set(asked)) == 52
    assert asked[52:] == asked[:50]


async def test_a_label_the_carrier_will_not_talk_about_keeps_nobody_waiting(
    voided: Services, carrier: AskedCarrier, orders: StubOrders
) -> None:
    """The others are asked about in the same round."""
    await void(voided, generation=2)
    carrier.fail_next("void_news", OperatorError("easypost_refused", "no such thing"))
    carrier.decide("void_settled", "a1-1-2")
    await VoidPoller(voided).step()
    await Deliverer(voided).step()
    assert carrier.called("void_news") == [(REFERENCE,), ("a1-1-2",)]
    assert [kind for kind, _ in await story(voided)] == ["void_settled"]


async def test_a_carrier_that_is_away_is_asked_again(voided: Services, carrier: AskedCarrier) -> None:
    """The round ends and says so; the next one begins with nothing lost."""
    carrier.fail_next("void_news", RetryError("easypost_unreachable", "away"))
    poller = VoidPoller(voided)
    with pytest.raises(RetryError):
        await poller.step()
    assert await voided.inbox.claim(9) == []
    carrier.decide("void_rejected")
    await poller.step()
    (message,) = await voided.inbox.claim(9)
    assert (message.source_id, message.order_id) == ("poll:a1-1-1:void_rejected", "a1")


async def returned(services: Services, *numbers: int) -> None:
    """Returns of the parcel, whose unused labels' voids the carrier took."""
    arrived = JournalEntry(entry_id="saga-1", at=datetime.now(UTC), kind="delivered", text="", parcel=1)
    paid = {"transaction_id": "a1/paid", "order_id": "a1", "parcel": 1, "currency": "USD", "memo": "paid"}
    await services.effects.post(MoneyTransaction(**paid, postings=captured(1000, 0)))
    await services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.COMPLETED, entries=(arrived,)))
    for number in numbers:
        request = ReturnRequest(lines=(LineQuantity(sku="MUG", quantity=1),), reason=ReturnReason.UNWANTED)
        opened = await services.returns.open("a1", ReturnAsk(request), datetime.now(UTC))
        assert isinstance(opened, Opened), opened
        ended = opened.record.model_copy(update={"status": ReturnStatus.EXPIRED})
        await services.returns.record(ReturnUpdate(record=ended))
        intent = EffectIntent(order_id="a1", step="void_return_label", parcel=1, generation=number)
        await services.effects.begin(intent)
        await services.effects.settle(
            intent.key, EffectOutcome(status=EffectStatus.DONE, answer={"decision": "pending"})
        )


async def test_a_rejected_void_of_a_returns_label_is_a_question_about_the_return(
    voided: Services, carrier: AskedCarrier, orders: StubOrders
) -> None:
    """Beside the parcel's own label and other returns', once each, in the story and as a question; no saga hears."""
    await returned(voided, 1, 2)
    for number in (1, 2):
        carrier.decide("void_rejected", f"a1-r{number}-1", returning=number)
    for _ in range(2):
        await VoidPoller(voided).step()
        await Deliverer(voided).step()
    asked = [reference for (reference,) in carrier.called("void_news")]
    assert asked == [REFERENCE, "a1-r1-1", "a1-r2-1", REFERENCE]
    items = await voided.journal.open_attention()
    assert [item.item_id for item in items] == ["a1-r1-late-void_rejected", "a1-r2-late-void_rejected"]
    assert {(item.kind, item.parcel, item.choices) for item in items} == {("void_rejected", 1, ("acknowledge",))}
    assert items[0].question == "Return a1-r1: easypost says the refund of label 1Z1 of UPS was rejected."
    assert [kind for kind, _ in await story(voided)].count("void_rejected") == 2
    assert orders.events == []
    answered = await voided.journal.answer_question(items[0], "acknowledge", by="ann", reason="claimed")
    assert answered is not None
    assert await voided.inbox.count_by_status() == {"delivered": 2}


async def test_a_returns_label_that_costs_nothing_is_written_down_only(voided: Services, carrier: AskedCarrier) -> None:
    """Nobody is asked, and the carrier is asked no more."""
    await returned(voided, 1)
    carrier.decide("void_settled", "a1-r1-1", returning=1)
    await VoidPoller(voided).step()
    await Deliverer(voided).step()
    await VoidPoller(voided).step()
    assert "void_settled" in [kind for kind, _ in await story(voided)]
    assert await voided.journal.open_attention() == []
    assert [reference for (reference,) in carrier.called("void_news")] == [REFERENCE, "a1-r1-1", REFERENCE]
