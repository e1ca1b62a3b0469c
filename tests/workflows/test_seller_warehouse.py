"""Parcels from a seller's own warehouse: a pick ticket there, and a label we buy."""

import pytest_asyncio

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import World


@pytest_asyncio.fixture
async def own(world: World) -> World:
    """All stock at warehouses of the seller's own."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    return world


async def test_label_is_bought_after_the_pick_ticket(own: World) -> None:
    """Ticket first, then one label; its carrier and number are what people see."""
    placed, handle = await own.accepted()
    view = await own.until(handle, lambda seen: seen.parcels[0].tracking_number is not None)
    result = await own.deliver(handle)
    assert (view.parcels[0].carrier, view.parcels[0].tracking_number) == ("fedex", "1Z000001")
    assert own.log.index("warehouse.submit") < own.log.index("carrier.book")
    assert (len(own.carrier.labels), own.carrier.called("void"), own.provider.calls) == (1, [], [])
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await own.balanced(placed)


async def test_refused_label_withdraws_the_ticket_before_anything_else(own: World) -> None:
    """The carrier does not go there: the goods are stopped, then the units return, then the money."""
    own.carrier.fail_next("book", CustomerError("label_refused", "no service to this address"))
    placed, handle = await own.confirmed()
    result = await own.result(handle)
    assert (result.status, result.reason, result.captured) == (OrderStatus.CANCELED, "label_refused", 0)
    assert own.log[-3:] == ["warehouse.cancel", "stock.release", "payments.void"]
    assert own.carrier.called("void") == []
    assert own.units()["nj-1", "MUG"] == (10, 0)
    await own.balanced(placed)


async def test_cancel_after_the_label_voids_it_after_the_ticket(own: World) -> None:
    """Goods, label, stock, money: in this order, each once."""
    placed, handle = await own.accepted()
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    answer = await own.cancel(handle)
    await own.result(handle)
    assert (answer.outcome, answer.voided) == ("canceled", 1000)
    assert own.log[-4:] == ["warehouse.cancel", "carrier.void", "stock.release", "payments.void"]
    assert own.carrier.labels[own.reference(placed)].voided
    await own.balanced(placed)


async def test_label_the_carrier_keeps_is_looked_into(own: World) -> None:
    """A refused void may mean that the carrier has the parcel: a person looks before stock and money are undone."""
    placed, handle = await own.accepted()
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    own.carrier.answer_void_next(CancelDecision.REFUSED)
    await handle.signal("request_cancel")
    await own.question(handle, "label_not_voided")
    assert (own.stock.called("release"), own.payments.called("void")) == ([], [])
    await own.resolve(handle, "it_has_not")
    result = await own.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert own.payment(placed).status is PaymentStatus.VOIDED
    assert "label_kept" in own.story(placed)
    await own.balanced(placed)


async def test_lost_answer_of_a_purchase_buys_one_label(own: World) -> None:
    """The label was bought and the answer was lost: it is found, not bought again."""
    own.carrier.fail_next("book", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    placed, handle = await own.accepted()
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    assert len(own.carrier.called("book")) == 1
    assert list(own.carrier.labels) == [own.reference(placed)]


async def test_carrier_account_repaired_buys_a_label_of_the_next_generation(own: World) -> None:
    """An operator's error is parked; after `retry` the hand-off stays what it is and the label is new."""
    own.carrier.fail_next("book", OperatorError("account_blocked", "unpaid invoice"))
    placed, handle = await own.accepted()
    await own.resolve(handle, "retry", "step_failed")
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    assert list(own.carrier.labels) == [own.reference(placed, generation=2)]
    assert list(own.warehouse.orders) == [own.reference(placed)]
    await own.report(handle, ParcelStatus.PICKED)
    result = await own.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await own.balanced(placed)


async def test_cancel_after_a_renewed_label_stops_the_goods_of_the_first_hand_off(own: World) -> None:
    """Renewing the label does not lose the ticket: a cancellation withdraws the ticket that exists."""
    own.carrier.fail_next("book", OperatorError("account_blocked", "unpaid invoice"))
    placed, handle = await own.accepted()
    await own.resolve(handle, "retry", "step_failed")
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    await own.cancel(handle)
    await own.result(handle)
    assert own.warehouse.called("cancel") == [(own.reference(placed),)]
    assert own.carrier.labels[own.reference(placed, generation=2)].voided
    await own.balanced(placed)


async def test_parcel_that_cannot_be_stopped_gets_its_label_after_all(own: World) -> None:
    """Canceled while the label could not be bought, and the warehouse refuses to stop: it does not go without one."""
    own.down(own.carrier, "book")
    own.warehouse.answer_cancel_next(CancelDecision.REFUSED)
    placed, handle = await own.accepted()
    await own.called(own.carrier, "book", 1)
    assert (await own.cancel(handle)).outcome == "too_late"
    own.up(own.carrier, "book")
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    result = await own.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await own.balanced(placed)


async def test_collection_is_no_scan(own: World) -> None:
    """The seller's word that the carrier took the parcel captures nothing: the carrier's own scan does."""
    placed, handle = await own.accepted()
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    await own.report(handle, ParcelStatus.LEFT_WAREHOUSE)
    view = await own.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.LEFT_WAREHOUSE)
    assert (view.status, own.payments.called("capture")) == (OrderStatus.FULFILLING, [])
    result = await own.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await own.balanced(placed)
