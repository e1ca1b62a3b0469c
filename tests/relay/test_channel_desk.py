"""What a marketplace says of an order that runs, where several things are said at once, or too late."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError
from ordersaga.domain.channels import ChannelAccount, ChannelCancellation, ChannelOrder, Recipient
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.channels import RECIPIENT, FakeChannel
from tests.support.api import StubOrders
from workers.channel_addresses import UndecidedThereError
from workers.channel_news import ChannelDesk
from workflows.messages import AddressChange, CancelAnswer, CancelRequest

ACCOUNT = ChannelAccount(account="tiktok_acme", channel="tiktok_shop", seller="acme", shop="1")


@dataclass
class Market:
    """One shop there, one order of it here, whose saga is a stand-in."""

    services: Services
    orders: StubOrders
    channel: FakeChannel
    order: ChannelOrder

    @property
    def lines(self) -> list[str]:
        """The units there, one by one."""
        return [line.line_id for line in self.order.lines]

    async def look(self) -> bool:
        """Hear of the order; False: something is not decided yet."""
        try:
            await ChannelDesk(self.services).look(ACCOUNT, self.order.channel_order_id)
        except UndecidedThereError:
            return False
        return True

    async def questions(self) -> list[str]:
        """Kinds of the open ones."""
        return [item.kind for item in await self.services.journal.open_attention(order_id=self.order.order_id)]

    def asks(self, *line_ids: str) -> ChannelCancellation:
        """The shopper asks to cancel these."""
        return self.channel.ask_to_cancel(self.order.channel_order_id, line_ids=line_ids)

    def soon_over(self, asked: ChannelCancellation) -> None:
        """Its time to be answered is nearly over."""
        due = datetime.now(UTC) + timedelta(hours=1)
        self.channel.made[asked.cancellation_id] = asked.model_copy(update={"answer_by": due})

    def goes_to(self, recipient: Recipient) -> None:
        """The shopper gives another address."""
        told = self.channel.orders[self.order.channel_order_id]
        assert told.changed_at is not None
        changes = {"recipient": recipient, "changed_at": told.changed_at + timedelta(seconds=1)}
        self.channel.orders[told.channel_order_id] = told.model_copy(update=changes)

    def named(self) -> list[str | None]:
        """The requests to cancel that the saga got, each once."""
        found = [each.request_id for each in self.orders.requests if isinstance(each, CancelRequest)]
        return list(dict.fromkeys(found))


@pytest_asyncio.fixture
async def market(services: Services, orders: StubOrders) -> Market:
    """Three mugs, waiting to be shipped; the saga runs."""
    channel = FakeChannel()
    told = channel.place(("MUG", 3, 500))
    channel.release(told.channel_order_id)
    opened = replace(
        services, channels={ACCOUNT.account: channel}, channel_accounts={ACCOUNT.account: ACCOUNT}, account_owners={}
    )
    market = Market(opened, orders, channel, told)
    await market.look()
    await services.starting.mark_started(told.order_id)
    update = JournalUpdate(order_id=told.order_id, status=OrderStatus.FULFILLING, outcome="confirmed")
    await services.journal.record(update)
    return market


async def test_units_canceled_there_that_ship_all_the_same_are_asked_about(market: Market) -> None:
    """A request that lapsed is granted and refunded there; each that comes too late here is a question of its own."""
    first, second = (market.asks(line) for line in market.lines[:2])
    for asked in (first, second):
        market.channel.lapse(asked.cancellation_id)
    market.orders.canceled = {"outcome": "too_late"}
    assert await market.look()
    assert await market.look()
    assert await market.questions() == ["channel_canceled_but_ships"] * 2
    assert market.named() == [f"{ACCOUNT.account}-{asked.cancellation_id}" for asked in (first, second)]


class EndsMeanwhile(StubOrders):
    """Its saga records `status` and closes, just before it is told of a cancellation."""

    def __init__(self, services: Services, status: OrderStatus) -> None:
        super().__init__()
        self._services, self._status = services, status

    async def cancel_or_hear(self, order_id: str, request: CancelRequest) -> CancelAnswer:
        """There is nobody left to hear it."""
        await self._services.journal.record(JournalUpdate(order_id=order_id, status=self._status, outcome="confirmed"))
        raise OrderClosedError(order_id)


@pytest.mark.parametrize(
    ("status", "decided", "asked"),
    [
        (OrderStatus.CANCELED, True, []),
        (OrderStatus.CANCELING, False, []),
        (OrderStatus.COMPLETED, True, ["channel_canceled_but_ships"]),
    ],
)
async def test_an_order_canceled_there_whose_saga_ends_meanwhile(
    market: Market, status: OrderStatus, decided: bool, asked: list[str]
) -> None:
    """A person is asked about goods that ship all the same, and about no others."""
    market.channel.lapse(market.asks(*market.lines).cancellation_id)
    market.services = replace(market.services, orders=EndsMeanwhile(market.services, status))
    assert await market.look() is decided
    assert await market.questions() == asked


async def test_units_canceled_there_and_stopped_here_ask_nobody(market: Market) -> None:
    """Whoever stopped them."""
    market.channel.lapse(market.asks(market.lines[0]).cancellation_id)
    assert await market.look()
    assert await market.questions() == []


async def test_no_cancellation_waits_for_another_or_for_an_address(market: Market) -> None:
    """An address nobody can ship to, and a request that is not decided: the platform's other cancellation is heard."""
    waiting = market.asks(market.lines[0])
    market.channel.lapse(market.asks(market.lines[1]).cancellation_id)
    market.goes_to(RECIPIENT.model_copy(update={"country": None}))
    market.orders.canceled = {"outcome": "pending"}
    assert not await market.look()
    assert len(market.named()) == 2
    market.orders.canceled = {}
    market.channel.lapse(waiting.cancellation_id)
    assert not await market.look()
    assert await market.questions() == ["channel_address"]


async def test_every_request_that_is_about_to_lapse_is_asked_about(market: Market) -> None:
    """Also the second one of an order, after the first was settled."""
    market.orders.canceled = {"outcome": "pending"}
    market.soon_over(first := market.asks(market.lines[0]))
    assert not await market.look()
    assert await market.questions() == ["cancel_request_open"]
    market.orders.canceled = {}
    market.channel.lapse(first.cancellation_id)
    await market.look()
    for item in await market.services.journal.open_attention(order_id=market.order.order_id):
        await market.services.journal.answer_question(item, "acknowledge", by="olga", reason="seen")
    market.orders.canceled = {"outcome": "pending"}
    market.soon_over(market.asks(market.lines[1]))
    assert not await market.look()
    assert await market.questions() == ["cancel_request_open"]


async def test_no_address_is_told_to_an_order_that_is_being_canceled(market: Market) -> None:
    """What the cancellation leaves of it goes nowhere."""
    await market.services.journal.record(
        JournalUpdate(order_id=market.order.order_id, status=OrderStatus.CANCELING, outcome="confirmed")
    )
    market.goes_to(RECIPIENT.model_copy(update={"lines": ("1 Main St",)}))
    assert await market.look()
    assert [each for each in market.orders.requests if isinstance(each, AddressChange)] == []
