"""Canceled, but the carrier keeps the label: the shopper's money does not wait longer than a day for a person."""

from datetime import timedelta

import pytest
import pytest_asyncio

from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World


@pytest_asyncio.fixture
async def own(world: World) -> World:
    """All stock at warehouses of the seller's own."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    return world


async def kept_label(own: World) -> tuple[Order, Handle]:
    """A canceled order whose carrier did not take the label back; a person is asked."""
    placed, handle = await own.accepted()
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    own.carrier.answer_void_next(CancelDecision.REFUSED)
    await handle.signal("request_cancel")
    await own.question(handle, "label_not_voided")
    return placed, handle


async def voided_unanswered(own: World) -> tuple[Order, Handle]:
    """The same, when nobody has answered for most of a day: the money is back, the question is open."""
    placed, handle = await kept_label(own)
    await own.pass_time(handle, timedelta(hours=19))
    assert own.payments.called("void") == []
    await own.pass_time(handle, timedelta(hours=4))
    await own.called(own.payments, "void", 1)
    await own.question(handle, "label_not_voided")
    return placed, handle


async def test_money_is_voided_within_a_day_of_the_cancellation(own: World) -> None:
    """`it_has_not` comes later: nothing is voided twice and the order closes."""
    placed, handle = await voided_unanswered(own)
    assert own.payment(placed).status is PaymentStatus.VOIDED
    assert own.units()["nj-1", "MUG"] == (10, 0)
    await own.resolve(handle, "it_has_not", "label_not_voided")
    result = await own.result(handle)
    assert (result.status, result.captured) == (OrderStatus.CANCELED, 0)
    assert (len(own.payments.called("void")), own.payments.called("capture")) == (1, [])
    await own.balanced(placed)


@pytest.mark.parametrize("choice", ["charge", "write_off"])
async def test_parcel_that_ships_after_the_money_is_charged_or_written_off(own: World, choice: str) -> None:
    """`it_ships`, a day late: new funds or an accepted loss, never both; the order stays open for its delivery."""
    placed, handle = await voided_unanswered(own)
    await own.resolve(handle, "it_ships", "label_not_voided")
    await own.resolve(handle, choice, "shipped_after_cancel")
    result = await own.deliver(handle)
    taken = 1000 if choice == "charge" else 0
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, taken, 0)
    balance = await own.balance(placed)
    assert (balance.written_off, balance.authorized) == (1000 - taken, 0)
    assert [item.kind for item in own.memory.attention.values()] == ["label_not_voided", "shipped_after_cancel"]
    assert own.units()["nj-1", "MUG"] == (9, 0)
    await own.balanced(placed)


async def test_scan_of_a_parcel_whose_money_is_back_is_owned_up_to(own: World) -> None:
    """The carrier's scan answers the person's question; the shopper is charged once."""
    placed, handle = await voided_unanswered(own)
    await own.report(handle, ParcelStatus.IN_TRANSIT)
    await own.resolve(handle, "charge", "shipped_after_cancel")
    await own.report(handle, ParcelStatus.DELIVERED)
    result = await own.result(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert len(own.payments.called("capture")) == 1
    await own.balanced(placed)


async def test_label_answered_in_time_keeps_the_order_of_undo(own: World) -> None:
    """Goods, label, stock, money: none before the one before it has its answer."""
    placed, handle = await kept_label(own)
    await own.pass_time(handle, timedelta(hours=19))
    assert own.log[-2:] == ["warehouse.cancel", "carrier.void"]
    await own.resolve(handle, "it_has_not", "label_not_voided")
    assert (await own.result(handle)).status is OrderStatus.CANCELED
    assert own.log[-4:] == ["warehouse.cancel", "carrier.void", "stock.release", "payments.void"]
    await own.balanced(placed)


async def test_label_that_ships_in_time_undoes_nothing_more(own: World) -> None:
    """`it_ships` within the day: neither stock nor money was touched, and the parcel is paid for."""
    placed, handle = await kept_label(own)
    await own.resolve(handle, "it_ships", "label_not_voided")
    result = await own.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert (own.stock.called("release"), own.payments.called("void")) == ([], [])
    await own.balanced(placed)
