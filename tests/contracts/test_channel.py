"""Contract of the Channel port, on the fake and on TikTok Shop."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.channels import (
    CancellationStatus,
    CancelReason,
    ChannelShipment,
    ChannelStatus,
    RejectReason,
)
from ordersaga.domain.errors import NotShownError, OperatorError, RateLimitedError, RetryError
from ordersaga.domain.shipping import CancelDecision
from tests.contracts.channel_tiktok import Market, fake_market, tiktok_market
from tests.gateways.support import company
from tests.gateways.tiktok_shop_support import SECRET, tiktok_shop
from tests.support.emulators import EmulatorProcess

HOUR = timedelta(hours=1)
NUMBER, OTHER = "1Z999AA10123456784", "1Z999AA10123456785"


@pytest.fixture(scope="module")
async def tiktok_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    """The emulated TikTok Shop."""
    async with company("tiktok_shop", tmp_path_factory.mktemp("tiktok"), SECRET) as (process, _):
        await process.post("rate-limit", per_second=100_000)
        yield process


@pytest.fixture
async def tiktok_world(tiktok_process: EmulatorProcess) -> AsyncIterator[Market]:
    """The gateway talking to it, without the faults of the test before."""
    await tiktok_process.delete("faults")
    gateway = tiktok_shop(tiktok_process, page_size=2)
    yield tiktok_market(gateway, tiktok_process)
    await gateway.aclose()


@pytest.fixture(params=["fake", "tiktok_shop"])
def market(request: pytest.FixtureRequest) -> Market:
    """A marketplace of each kind."""
    if request.param == "fake":
        return fake_market()
    world: Market = request.getfixturevalue("tiktok_world")
    return world


def parcel(order: str, **changes: Any) -> ChannelShipment:
    """A parcel that left with UPS."""
    known = {"reference": "o1-1-1", "channel_order_id": order, "carrier": "ups", "tracking_number": NUMBER}
    return ChannelShipment(**{**known, **changes})


async def test_an_order_on_hold_says_what_was_bought_and_not_where_it_goes(market: Market) -> None:
    """One line for each unit, the money to the cent, the end of the grace hour, and no address before it."""
    order = await market.place((("MUG", 2, 500), ("TEE", 1, 234)))
    found = await market.channel.fetch(order)
    assert (found.status, found.recipient) == (ChannelStatus.ON_HOLD, None)
    assert [(line.seller_sku, line.price) for line in found.lines] == [("MUG", 500), ("MUG", 500), ("TEE", 234)]
    assert found.money is not None
    assert (found.money.total, found.money.shipping, found.money.currency) == (1234 + 499 + 123, 499, "USD")
    assert found.paid_at is not None
    assert found.grace_until == found.paid_at + HOUR
    assert found.order_id.endswith(order)
    await market.release(order)
    released = await market.channel.fetch(order)
    assert (released.status, released.grace_until) == (ChannelStatus.AWAITING_SHIPMENT, None)
    assert released.recipient is not None
    assert released.recipient.postal_code == "10011"


async def test_an_order_nobody_knows_is_not_shown(market: Market) -> None:
    """That is no proof of absence."""
    with pytest.raises(NotShownError) as caught:
        await market.channel.fetch("570000000000000000")
    assert caught.value.unknown is True


async def test_the_poller_sees_what_changed(market: Market) -> None:
    """Each changed order once, however many pages; nothing from before."""
    began = datetime.now(UTC).replace(microsecond=0)
    orders = [await market.place((("MUG", 1, 500),)) for _ in range(5)]
    found = [order.channel_order_id for order in await market.channel.changed_since(began)]
    assert [order for order in found if order in orders] == orders
    assert await market.channel.changed_since(datetime.now(UTC) + 24 * HOUR) == []


async def test_a_parcel_is_told_once(market: Market) -> None:
    """Told, it is known under its number; told again, nothing changes."""
    order = await market.released()
    assert await market.channel.inquire_shipment(parcel(order)) is None
    told = await market.channel.ship(parcel(order))
    assert (told.tracking_number, len(told.line_ids)) == (NUMBER, 3)
    assert await market.channel.ship(parcel(order)) == told
    assert await market.channel.inquire_shipment(parcel(order)) == told
    assert (await market.channel.fetch(order)).status is ChannelStatus.AWAITING_COLLECTION


async def test_another_number_for_the_same_lines_is_refused(market: Market) -> None:
    """What is told stands."""
    order = await market.released()
    told = await market.channel.ship(parcel(order))
    with pytest.raises(OperatorError) as caught:
        await market.channel.ship(parcel(order, tracking_number=OTHER))
    assert caught.value.code == "shipped_otherwise"
    assert await market.channel.inquire_shipment(parcel(order)) == told


async def test_what_is_on_hold_or_canceled_is_not_shipped(market: Market) -> None:
    """The platform refuses, and nothing is known of the parcel."""
    held, canceled = await market.place((("MUG", 1, 500),)), await market.released()
    await market.channel.cancel(canceled, CancelReason.OUT_OF_STOCK, key="k")
    for order in (held, canceled):
        lines = tuple(line.line_id for line in (await market.channel.fetch(order)).lines)
        with pytest.raises(OperatorError):
            await market.channel.ship(parcel(order, line_ids=lines))
        assert await market.channel.inquire_shipment(parcel(order)) is None


async def test_a_lost_answer_to_ship(market: Market) -> None:
    """It is unknown; inquiring finds it, and a repeat tells nothing more."""
    order = await market.released()
    await market.lose_answer("ship")
    with pytest.raises(RetryError) as caught:
        await market.channel.ship(parcel(order))
    assert caught.value.unknown is True
    found = await market.channel.inquire_shipment(parcel(order))
    assert found is not None
    assert await market.channel.ship(parcel(order)) == found


async def test_a_seller_cancels_and_the_platform_refunds(market: Market) -> None:
    """Canceled once, refunded once; asked again it is canceled already."""
    order = await market.released()
    for _ in range(2):
        decision = await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k")
        assert decision is CancelDecision.CANCELED
    (made,) = await market.channel.cancellations(order)
    assert (made.by, made.stands, made.refund, made.currency) == ("seller", True, 1856, "USD")
    assert (await market.channel.fetch(order)).status is ChannelStatus.CANCELED
    assert await market.channel.refunds(order) == []
    await market.settle(order)
    (refund,) = await market.channel.refunds(order)
    assert (refund.amount, refund.because, refund.refund_id) == (1856, "cancellation", made.cancellation_id)


async def test_a_seller_cancels_a_line(market: Market) -> None:
    """The others go on, and may be shipped."""
    order = await market.released()
    lines = [line.line_id for line in (await market.channel.fetch(order)).lines]
    decision = await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k", line_ids=lines[:1])
    assert decision is CancelDecision.CANCELED
    found = await market.channel.fetch(order)
    assert [line.canceled for line in found.lines] == [True, False, False]
    assert found.status is ChannelStatus.AWAITING_SHIPMENT
    assert set((await market.channel.ship(parcel(order))).line_ids) == set(lines[1:])


async def test_what_is_shipped_is_not_canceled(market: Market) -> None:
    """Too late is an answer; the order goes on."""
    order = await market.released()
    await market.channel.ship(parcel(order))
    assert await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.REFUSED
    assert (await market.channel.fetch(order)).status is ChannelStatus.AWAITING_COLLECTION
    assert await market.channel.cancellations(order) == []


async def test_a_lost_answer_to_cancel(market: Market) -> None:
    """It is unknown; the cancellations tell, and a repeat makes no second one."""
    order = await market.released()
    await market.lose_answer("cancel")
    with pytest.raises(RetryError) as caught:
        await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k")
    assert caught.value.unknown is True
    (made,) = await market.channel.cancellations(order)
    assert made.stands
    assert await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.CANCELED
    assert len(await market.channel.cancellations(order)) == 1


async def test_a_buyer_cancels_freely_while_the_order_is_on_hold(market: Market) -> None:
    """Nobody is asked."""
    order = await market.place((("MUG", 1, 500),))
    await market.ask_to_cancel(order)
    assert (await market.channel.fetch(order)).status is ChannelStatus.CANCELED
    (made,) = await market.channel.cancellations(order)
    assert (made.by, made.stands, made.answer_by) == ("buyer", True, None)


async def test_a_request_waits_a_day_for_the_answer(market: Market) -> None:
    """Granted it cancels, turned down it does not; answered twice it stays as it is."""
    began = datetime.now(UTC) - HOUR
    granted, refused = await market.released(), await market.released()
    for order in (granted, refused):
        await market.ask_to_cancel(order)
        assert (await market.channel.fetch(order)).cancel_requested is True
    waiting = await market.channel.open_cancel_requests(began)
    asked = {each.channel_order_id: each for each in waiting if each.channel_order_id in (granted, refused)}
    assert len(asked) == 2
    left = asked[granted].answer_by - datetime.now(UTC)
    assert 23 * HOUR < left <= 24 * HOUR
    for _ in range(2):
        yes = await market.channel.answer_cancel_request(asked[granted].request_id, approve=True)
        no = await market.channel.answer_cancel_request(
            asked[refused].request_id, approve=False, reason=RejectReason.ALREADY_PACKED
        )
        assert (yes.stands, no.status) == (True, CancellationStatus.ENDED)
    assert (await market.channel.fetch(granted)).status is ChannelStatus.CANCELED
    found = await market.channel.fetch(refused)
    assert (found.status, found.cancel_requested) == (ChannelStatus.AWAITING_SHIPMENT, False)
    left_open = [each.channel_order_id for each in await market.channel.open_cancel_requests(began)]
    assert {granted, refused}.isdisjoint(left_open)


async def test_a_lost_answer_to_an_approval(market: Market) -> None:
    """It is unknown; repeated, it is granted once."""
    order = await market.released()
    await market.ask_to_cancel(order)
    (request,) = await market.channel.cancellations(order)
    await market.lose_answer("answer_cancel_request")
    with pytest.raises(RetryError) as caught:
        await market.channel.answer_cancel_request(request.cancellation_id, approve=True)
    assert caught.value.unknown is True
    again = await market.channel.answer_cancel_request(request.cancellation_id, approve=True)
    assert again.stands
    assert len(await market.channel.cancellations(order)) == 1


async def test_telling_a_parcel_turns_a_request_down(market: Market) -> None:
    """What truly left is not canceled any more; a late approval says how it stands."""
    order = await market.released()
    await market.ask_to_cancel(order)
    (request,) = await market.channel.cancellations(order)
    await market.channel.ship(parcel(order))
    late = await market.channel.answer_cancel_request(request.cancellation_id, approve=True)
    assert late.status is CancellationStatus.ENDED
    assert (await market.channel.fetch(order)).status is ChannelStatus.AWAITING_COLLECTION


async def test_a_limit_and_a_failure(market: Market) -> None:
    """Too many calls: nothing was done. A failure inside: perhaps. Both pass, and the call is made again."""
    order = await market.released()
    await market.limit("cancel")
    with pytest.raises(RateLimitedError) as limited:
        await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k")
    assert limited.value.unknown is False
    await market.fail("cancel")
    with pytest.raises(RetryError) as failed:
        await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k")
    assert failed.value.unknown is True
    assert await market.channel.cancellations(order) == []
    assert await market.channel.cancel(order, CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.CANCELED


async def test_an_amount_is_given_back_once_dispatched(market: Market) -> None:
    """Once for each key, to the cent; before dispatch, or above what is left, it is refused."""
    order = await market.released()
    with pytest.raises(OperatorError) as early:
        await market.channel.give_back(order, 150, "USD", key="o1/refund_part/1/1")
    assert early.value.code == "refund_refused"
    await market.dispatch(order)
    await market.lose_answer("give_back")
    with pytest.raises(RetryError) as lost:
        await market.channel.give_back(order, 150, "USD", key="o1/refund_part/1/1")
    assert lost.value.unknown
    (asked,) = await market.channel.refund_requests(order)
    assert (asked.amount, asked.currency, asked.by, asked.status) == (150, "USD", "seller", "pending")
    again = await market.channel.give_back(order, 150, "USD", key="o1/refund_part/1/1")
    assert again.request_id == asked.request_id
    with pytest.raises(OperatorError):
        await market.channel.give_back(order, 1_000_000, "USD", key="o1/refund_part/1/2")
    await market.settle(order)
    assert [(each.amount, each.status) for each in await market.channel.refund_requests(order)] == [(150, "succeeded")]
