"""A marketplace's order changes its address: told to its saga once, also by several relays, and back again."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.channels import ChannelNews, ChannelTopic
from ordersaga.domain.errors import NotShownError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Address
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.channels import RECIPIENT
from tests.relay.test_channel_desk import ACCOUNT, Market, market
from tests.support.api import StubOrders
from workers.channel_news import SHOWN_WITHIN, ChannelDesk
from workflows.messages import AddressChange, Asked, ChangeAnswer

__all__ = ["market"]
FIRST, SECOND, THIRD = (RECIPIENT.model_copy(update={"lines": (f"{number} Main St",)}) for number in (1, 2, 3))


class Readdressed(StubOrders):
    """Changes addresses as a saga does: each request once, and on record before it answers."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services
        self.known: set[str | None] = set()
        self.before: Callable[[], Awaitable[object]] | None = None
        """What happens meanwhile, once."""

    async def change(self, order_id: str, asked: Asked, wait: timedelta | None = None) -> ChangeAnswer:
        """Done, unless `changed` says otherwise."""
        before, self.before = self.before, None
        if before is not None:
            await before()
        answer = await super().change(order_id, asked, wait)
        if isinstance(asked, AddressChange) and answer.outcome == "done" and asked.request_id not in self.known:
            self.known.add(asked.request_id)
            await recorded(self.services, order_id, ship_to=asked.ship_to)
        return answer


async def recorded(services: Services, order_id: str, ship_to: Address) -> None:
    """The saga has written where the order goes."""
    update = JournalUpdate(order_id=order_id, status=OrderStatus.FULFILLING, outcome="confirmed", ship_to=ship_to)
    await services.journal.record(update)


@pytest_asyncio.fixture
async def shop(market: Market) -> Market:
    """The same market, whose saga goes where it is told."""
    saga = Readdressed(market.services)
    return replace(market, services=replace(market.services, orders=saga), orders=saga)


async def street(shop: Market) -> str:
    """Where the order goes."""
    record = await shop.services.journal.get(shop.order.order_id)
    assert record is not None
    return record.order.ship_to.line1


async def test_back_to_an_address_it_had_before_is_another_change(shop: Market) -> None:
    """A shopper who cannot decide gets the parcel where they wanted it last."""
    seen = []
    for recipient in (FIRST, SECOND, FIRST, SECOND):
        shop.goes_to(recipient)
        assert await shop.look()
        assert await shop.look()
        seen.append(await street(shop))
    assert seen == ["1 Main St", "2 Main St", "1 Main St", "2 Main St"]
    assert len(shop.orders.requests) == 4
    assert await shop.questions() == []


async def test_of_two_that_hear_at_once_the_later_address_stands(shop: Market) -> None:
    """One relay has looked, and tells what it saw after another one has told what came next."""
    saga = shop.orders
    assert isinstance(saga, Readdressed)
    shop.goes_to(SECOND)

    async def overtaken() -> None:
        shop.goes_to(THIRD)
        assert await shop.look()

    saga.before = overtaken
    assert not await shop.look()
    assert await street(shop) == "2 Main St"
    assert await shop.look()
    assert await street(shop) == "3 Main St"


async def test_two_that_tell_the_same_address_make_one_change(shop: Market) -> None:
    """The second one is no address that came too late."""
    saga = shop.orders
    assert isinstance(saga, Readdressed)
    shop.goes_to(SECOND)
    saga.before = shop.look
    assert await shop.look()
    assert (await street(shop), len(saga.known), await shop.questions()) == ("2 Main St", 1, [])


async def test_what_was_asked_is_settled_though_a_relay_died_before_it_wrote_so(shop: Market) -> None:
    """The address was told, and the question about the one before it still stands."""
    shop.goes_to(RECIPIENT.model_copy(update={"country": None}))
    assert not await shop.look()
    assert await shop.questions() == ["channel_address"]
    shop.goes_to(SECOND)
    record = await shop.services.journal.get(shop.order.order_id)
    assert record is not None
    there = record.order.ship_to.model_copy(update={"line1": "2 Main St", "line2": None})
    await recorded(shop.services, shop.order.order_id, there)
    assert await shop.look()
    assert (await shop.questions(), shop.orders.requests) == ([], [])


@pytest.mark.parametrize("outcome", ["refused", "pending"])
async def test_an_address_that_is_refused_in_the_end_is_asked_about(shop: Market, outcome: str) -> None:
    """The saga took the change, and the parcel left before it was made."""
    shop.orders.changed = {"outcome": outcome, "message": "the parcel has left"}
    shop.orders.foretold = {"outcome": "refused", "effects": ("the parcel has left",)}
    shop.goes_to(SECOND)
    for _ in range(2):
        assert await shop.look()
    assert await shop.questions() == ["channel_address"]


async def test_an_address_that_is_being_changed_asks_nobody(shop: Market) -> None:
    """Its provider has not answered yet; the news is heard again."""
    shop.orders.changed = {"outcome": "pending"}
    shop.goes_to(SECOND)
    assert not await shop.look()
    assert await shop.questions() == []


async def test_an_address_waits_until_its_order_is_confirmed(shop: Market) -> None:
    """After an outage a saga begins while the news of its address waits: that is no address that came too late."""
    clear = "UPDATE orders SET outcome = NULL, status = 'pending' WHERE order_id = $1"
    await shop.services.pool.execute(clear, shop.order.order_id)
    shop.goes_to(SECOND)
    assert not await shop.look()
    assert (shop.orders.requests, await shop.questions()) == ([], [])


async def test_news_of_an_order_that_is_not_shown_is_given_up(shop: Market) -> None:
    """A webhook that was tried out is not asked about for ever, and keeps no order beside it waiting."""
    shop.goes_to(SECOND)
    orders = ("576400000000000000", shop.order.channel_order_id)
    news = ChannelNews(shop=ACCOUNT.shop, topic=ChannelTopic.PACKAGE, channel_order_ids=orders)
    desk, now = ChannelDesk(shop.services), datetime.now(UTC)
    with pytest.raises(NotShownError):
        await desk.hear(news, ACCOUNT.account, now)
    assert await street(shop) == "2 Main St"
    alone = news.model_copy(update={"channel_order_ids": orders[:1]})
    told = await desk.hear(alone, ACCOUNT.account, now - SHOWN_WITHIN)
    assert told == "tiktok_shop shows no such order"


async def test_news_of_an_order_of_ours_that_is_not_shown_is_not_given_up(shop: Market) -> None:
    """What is ours exists there, however long it is not shown."""
    number = shop.order.channel_order_id
    del shop.channel.orders[number]
    news = ChannelNews(shop=ACCOUNT.shop, topic=ChannelTopic.ORDER, channel_order_ids=(number,))
    with pytest.raises(NotShownError):
        await ChannelDesk(shop.services).hear(news, ACCOUNT.account, datetime.now(UTC) - 2 * SHOWN_WITHIN)
