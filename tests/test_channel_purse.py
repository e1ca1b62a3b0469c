"""Money that a marketplace has: what it gave back is entered once, and only the rest is asked for."""

from dataclasses import dataclass

import pytest

from ordersaga.channel_purse import ChannelPurse
from ordersaga.domain.books import MoneyTransaction, platform_collected, platform_refunded
from ordersaga.domain.channel_orders import as_order
from ordersaga.domain.channels import CancelReason, ChannelAccount, ChannelOrder, ChannelShipment
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Order, SellerTerms
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.channels import FakeChannel
from tests.fakes.effects import FakeEffects
from tests.fakes.journal import FakeJournal
from tests.fakes.memory import Memory
from tests.fakes.samples import EAST, catalog
from tests.fakes.stock import FakeStock

ACCOUNT = ChannelAccount(account="tiktok_acme", channel="tiktok_shop", seller="acme", shop="1")


@dataclass
class Counter:
    """One order there, taken in here, and whoever gives money back."""

    memory: Memory
    channel: FakeChannel
    there: ChannelOrder
    order: Order
    purse: ChannelPurse
    ledger: FakeEffects

    @classmethod
    async def open(cls, *, canceled_before: int = 0) -> "Counter":
        """Three mugs at 10.00 and 5.00 for shipping, all collected; some lines were canceled before it was ours."""
        memory = Memory()
        memory.load(catalog((EAST, "MUG", 10)))
        channel, ledger = FakeChannel(memory), FakeEffects(memory)
        there = channel.place(("MUG", 3, 1000), shipping=500)
        lines = tuple(line.line_id for line in there.lines[:canceled_before])
        if lines:
            channel.ask_to_cancel(there.channel_order_id, line_ids=lines)
        channel.release(there.channel_order_id)
        order = as_order(channel.orders[there.channel_order_id], ACCOUNT, SellerTerms())
        await FakeStock(memory).confirm_hold(order)
        purse = ChannelPurse("tiktok_acme", channel, FakeJournal(memory), ledger)
        counter = cls(memory, channel, there, order, purse, ledger)
        await counter.entered("collected", order.total)
        return counter

    async def entered(self, memo: str, amount: int) -> None:
        """In our books."""
        postings = platform_collected(amount) if memo == "collected" else platform_refunded(amount)
        await self.ledger.post(
            MoneyTransaction(
                transaction_id=f"{self.order.order_id}/{memo}/{amount}",
                order_id=self.order.order_id,
                parcel=1,
                currency="USD",
                memo=memo,
                postings=postings,
            )
        )

    async def part_canceled(self, units: int) -> None:
        """The seller canceled so many lines, which the platform refunds."""
        living = [line.line_id for line in self.channel.orders[self.there.channel_order_id].lines if not line.canceled]
        await self.channel.cancel(
            self.there.channel_order_id, CancelReason.OUT_OF_STOCK, key="k", line_ids=living[:units]
        )

    async def rest_left(self) -> None:
        """What is not canceled is with its carrier."""
        shipment = ChannelShipment(
            reference="r", channel_order_id=self.there.channel_order_id, carrier="ups", tracking_number="1Z1"
        )
        await self.channel.ship(shipment)
        self.channel.dispatch(self.there.channel_order_id)

    async def stands(self, status: OrderStatus) -> None:
        """Our order is there."""
        await FakeJournal(self.memory).record(JournalUpdate(order_id=self.order.order_id, status=status))

    async def give(self, amount: int, step: str = "refund_part") -> str:
        """Refund it; how it stands."""
        order_id = self.order.order_id
        return (await self.purse.refund(order_id, amount, key=f"{order_id}/{step}/1/1")).status

    def asked(self) -> list[int]:
        """Amounts the platform was asked for."""
        return [call[1] for call in self.channel.called("give_back")]


async def test_only_what_a_cancellation_left_is_asked_for() -> None:
    """A parcel of two mugs is canceled there while the third is on its way: goods came back, shipping is asked for."""
    counter = await Counter.open()
    await counter.part_canceled(2)
    await counter.rest_left()
    assert (await counter.give(2333), counter.asked()) == ("pending", [333])


async def test_what_was_entered_counts_no_second_time() -> None:
    """Goodwill after a cancellation is asked for whole."""
    counter = await Counter.open()
    await counter.part_canceled(1)
    await counter.rest_left()
    assert (await counter.give(1000), counter.asked()) == ("succeeded", [])
    await counter.entered("refunded", 1000)
    assert (await counter.give(300), counter.asked()) == ("pending", [300])


@pytest.mark.parametrize("before", [1, 2])
async def test_what_was_canceled_before_it_was_ours_is_no_refund_of_ours(before: int) -> None:
    """Nobody is told that goodwill was given which the platform gave for something else."""
    counter = await Counter.open(canceled_before=before)
    await counter.rest_left()
    assert counter.order.total == 3500 - before * 1000
    assert (await counter.give(300), counter.asked()) == ("pending", [300])


async def test_what_is_canceled_since_counts_beside_what_was_before() -> None:
    """Only the later one."""
    counter = await Counter.open(canceled_before=1)
    await counter.part_canceled(1)
    await counter.rest_left()
    assert (await counter.give(1000), counter.asked()) == ("succeeded", [])
    await counter.entered("refunded", 1000)
    assert (await counter.give(300), counter.asked()) == ("pending", [300])


async def test_an_order_that_is_being_canceled_waits_for_all_of_it() -> None:
    """Then the platform gives all back; of one that goes on a person is asked at once."""
    counter = await Counter.open()
    await counter.part_canceled(2)
    with pytest.raises(OperatorError, match="not dispatched"):
        await counter.give(2333)
    await counter.stands(OrderStatus.CANCELING)
    with pytest.raises(RetryError, match="not canceled all"):
        await counter.give(2333)
    await counter.part_canceled(1)
    assert [await counter.give(2333), await counter.give(1167)] == ["succeeded", "succeeded"]
    assert counter.asked() == []


@pytest.mark.parametrize("status", [OrderStatus.FULFILLING, OrderStatus.NEEDS_ATTENTION])
async def test_a_parcel_that_is_undone_waits_whatever_is_on_record_of_its_order(status: OrderStatus) -> None:
    """Its saga may be ahead of the record, and another parcel's question is none of this one's."""
    counter = await Counter.open()
    await counter.stands(status)
    await counter.part_canceled(2)
    with pytest.raises(RetryError, match="not canceled all"):
        await counter.give(2333, "refund")
    await counter.part_canceled(1)
    assert await counter.give(2333, "refund") == "succeeded"
