"""One order from two places: a payment for each parcel, each on its own way."""

import pytest_asyncio

from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import World, stalled

BOTH = (("MUG", 1), ("TEE", 2))


@pytest_asyncio.fixture
async def split(world: World) -> World:
    """Mugs in the east, shirts in the west: an order of both needs two parcels."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    return world


async def test_each_parcel_has_a_payment_captured_at_its_own_scan(split: World) -> None:
    """The first authorization meets the shopper, the second follows off session for the same customer."""
    placed, handle = await split.accepted(*BOTH)
    first, second = split.payments.requests
    assert (first.off_session, first.save_for_later, first.customer) == (False, True, None)
    assert (second.off_session, second.save_for_later, second.customer) == (True, False, f"cus_{placed.order_id}")
    assert sorted([first.amount, second.amount]) == [1000, 2000]

    await split.report(handle, ParcelStatus.IN_TRANSIT, parcel=2)
    await split.until(handle, lambda view: view.status is OrderStatus.PARTIALLY_SHIPPED)
    await split.until(handle, lambda view: view.parcels[1].captured == second.amount)
    assert split.payment(placed, 1).status is PaymentStatus.AUTHORIZED
    result = await split.deliver(handle, 1, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 3000, 0)
    await split.balanced(placed)


async def test_second_decline_undoes_everything(split: World) -> None:
    """Half an order is not an order: the first authorization is voided and both holds are released."""
    split.payments.authorize_next()
    split.payments.decline_next()
    placed = split.order(*BOTH)
    answer, handle = await split.checkout(placed)
    await split.result(handle)
    assert (answer.outcome, answer.reason, answer.parcels) == (ConfirmOutcome.DECLINED, "card_declined", 2)
    assert split.payment(placed, 1).status is PaymentStatus.VOIDED
    assert split.units() == {("nj-1", "MUG"): (10, 0), ("ca-1", "TEE"): (10, 0)}
    assert split.provider.calls == []
    await split.balanced(placed)


async def test_one_parcel_stopped_by_its_provider_leaves_the_other_alone(split: World) -> None:
    """The provider cannot ship one parcel: it is undone, and the rest of the order arrives and is paid."""
    placed, handle = await split.accepted(*BOTH)
    await split.report(handle, ParcelStatus.EXCEPTION, parcel=1, detail="out of stock")
    view = await split.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.CANCELED)
    assert (view.parcels[0].voided, view.parcels[1].voided) == (view.parcels[0].plan.amount, 0)
    result = await split.deliver(handle, 2)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, view.parcels[1].plan.amount)
    assert split.payment(placed, 1).status is PaymentStatus.VOIDED
    await split.balanced(placed)


async def test_cancel_stops_what_can_be_stopped(split: World) -> None:
    """One parcel was scanned, one was not: `partly_canceled`, and only the stopped one's money comes back."""
    placed, handle = await split.accepted(*BOTH)
    await split.report(handle, ParcelStatus.IN_TRANSIT, parcel=1)
    await split.until(handle, lambda view: view.parcels[0].captured > 0)
    answer = await split.cancel(handle)
    result = await split.deliver(handle, 1)
    first, second = (split.payment(placed, parcel) for parcel in (1, 2))
    assert (answer.outcome, answer.voided, answer.refunded) == ("partly_canceled", second.amount, 0)
    assert "1 of 2 parcels stopped as a whole" in answer.message
    assert (first.status, second.status) == (PaymentStatus.CAPTURED, PaymentStatus.VOIDED)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, first.amount)
    await split.balanced(placed)


async def test_parcels_publish_in_the_order_things_happened(split: World) -> None:
    """Two parcels ship at once while the journal is slow: the last status written is the newest."""
    split.hear_soon()
    placed, handle = await split.accepted(*BOTH)
    async with stalled(split.journal, "record"):
        await split.report(handle, ParcelStatus.IN_TRANSIT, parcel=1)
        await split.report(handle, ParcelStatus.IN_TRANSIT, parcel=2)
        await split.called(split.payments, "capture", 2)
    await split.until(handle, lambda view: view.status is OrderStatus.SHIPPED)
    await split.recorded(placed, OrderStatus.SHIPPED)
    entries = [entry.entry_id for update in split.journal.updates for entry in update.entries]
    assert len(entries) == len(set(entries))
