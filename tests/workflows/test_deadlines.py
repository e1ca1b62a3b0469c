"""Every wait has a deadline: what happens when it passes, and what ends the question by itself."""

from datetime import timedelta

from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World


async def late(world: World) -> tuple[Order, Handle]:
    """An order whose parcel missed its ship-by."""
    placed, handle = await world.accepted()
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.question(handle, "ship_by_missed")
    return placed, handle


async def test_missed_ship_by_is_asked_again_after_a_day_of_waiting(world: World) -> None:
    """`keep_waiting` waits a day, then the question comes back under a new id; nothing was undone."""
    _, handle = await late(world)
    first = await world.question(handle, "ship_by_missed")
    await world.resolve(handle, "keep_waiting")
    view = await world.until(handle, lambda seen: not seen.attention)
    assert view.status is OrderStatus.FULFILLING
    await world.pass_time(handle, timedelta(days=1, hours=1))
    assert await world.question(handle, "ship_by_missed") != first
    assert (world.provider.called("cancel"), world.payments.called("void")) == ([], [])


async def test_missed_ship_by_canceled_by_a_person(world: World) -> None:
    """`cancel` undoes the parcel: goods, stock, money."""
    placed, handle = await late(world)
    await world.resolve(handle, "cancel")
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "ship_by_missed")
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.void"]
    await world.balanced(placed)


async def test_missed_ship_by_canceled_twice_asks_the_provider_twice(world: World) -> None:
    """The provider refused the first time; when a person tries again it is asked again, and believed."""
    placed, handle = await late(world)
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    first = await world.question(handle, "ship_by_missed")
    await world.resolve(handle, "cancel")
    await world.until(handle, lambda seen: any(item.item_id != first for item in seen.attention))
    await world.resolve(handle, "cancel")
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    assert len(world.provider.called("cancel")) == 2
    await world.balanced(placed)


async def test_missed_ship_by_solved_by_the_scan(world: World) -> None:
    """The carrier scans it after all: the question closes itself and the parcel is paid for."""
    placed, handle = await late(world)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    view = await world.until(handle, lambda seen: seen.status is OrderStatus.SHIPPED)
    assert view.attention == ()
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    [item] = world.memory.attention.values()
    assert (item.resolved, item.resolved_by) == ("settled", "ordersaga")
    await world.balanced(placed)


async def test_missed_ship_by_ended_by_a_cancellation(world: World) -> None:
    """An agent cancels while the operator is asked: undone, and nobody needs to answer."""
    placed, handle = await late(world)
    answer = await world.cancel(handle)
    assert answer.outcome == "canceled"
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_overdue_delivery_refunded_as_lost(world: World) -> None:
    """A person gives the parcel up: the sale is reversed and the money refunded once."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
    await world.pass_time(handle, timedelta(days=6, hours=1))
    await world.resolve(handle, "refund_as_lost", "delivery_overdue")
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 1000, 1000)
    assert len(world.payments.called("refund")) == 1
    balance = await world.balance(placed)
    assert (balance.captured_net, balance.goods_kept, balance.receivable) == (0, 0, 0)


async def test_overdue_delivery_that_arrives_needs_nobody(world: World) -> None:
    """Kept waiting a day, then delivered while asked again: completed, nothing refunded."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
    await world.pass_time(handle, timedelta(days=6, hours=1))
    await world.resolve(handle, "keep_waiting", "delivery_overdue")
    await world.pass_time(handle, timedelta(days=1, hours=1))
    await world.question(handle, "delivery_overdue")
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.COMPLETED, 0)
    await world.balanced(placed)


async def test_lost_and_returned_parcels_are_refunded(world: World) -> None:
    """What the carrier loses or brings back is not paid for; a return is told apart from a loss."""
    for status, ends_as in ((ParcelStatus.LOST, OrderStatus.CANCELED), (ParcelStatus.RETURNED_TO_SENDER, "returned")):
        placed, handle = await world.accepted()
        await world.report(handle, ParcelStatus.IN_TRANSIT)
        await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
        await world.report(handle, status)
        result = await world.result(handle)
        assert (result.status, result.captured, result.refunded) == (ends_as, 1000, 1000)
        assert world.payment(placed).status is PaymentStatus.CAPTURED
        assert world.payment(placed).refunded == 1000
        await world.balanced(placed)


async def waiting_past_the_authorization(world: World) -> tuple[Order, Handle]:
    """An order that may ship within ten days, seven days later: its authorization is about to lapse."""
    placed, handle = await world.accepted(terms={"ship_within": timedelta(days=10)})
    await world.pass_time(handle, timedelta(days=6, hours=23, minutes=30))
    return placed, handle


async def test_reservation_is_replaced_before_it_lapses(world: World) -> None:
    """An hour before `capture_before` without a scan: new funds first, and the parcel ships paid for once."""
    placed, handle = await waiting_past_the_authorization(world)
    await world.until(handle, lambda _: len(world.payments.called("authorize")) == 2)
    result = await world.deliver(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert len(world.payments.called("void")) == 1
    assert [name for name in world.log if name.endswith("cancel")] == []
    await world.balanced(placed)


async def test_parcel_whose_funds_cannot_be_renewed_is_stopped(world: World) -> None:
    """The bank refuses new funds: the provider is asked to stop, and nothing ships unpaid."""
    placed, handle = await world.accepted(terms={"ship_within": timedelta(days=10)})
    world.payments.decline_next()
    await world.pass_time(handle, timedelta(days=6, hours=23, minutes=30))
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "authorization_lapsed")
    assert len(world.provider.called("cancel")) == 1
    assert world.payments.called("capture") == []
    await world.balanced(placed)
