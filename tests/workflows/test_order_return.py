"""Returns: from the request to closed books, on every way they can take."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.returns import InspectedLine, ReturnStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.returns import delivered, returning, started
from tests.workflows.world import World


async def test_a_whole_return_is_restocked_refunded_and_closed(world: World) -> None:
    """Label, way back, inspection, stock, money, books; the order is shown as returning, then returned."""
    back = await returning(world)
    assert world.memory.orders[back.placed.order_id].status is OrderStatus.RETURNING
    label = world.carrier.labels[back.reference]
    assert (back.record.carrier, back.record.tracking_number) == (label.carrier, label.tracking_number)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.report(ParcelStatus.DELIVERED)
    await back.until(lambda view: view.status is ReturnStatus.ARRIVED)
    assert world.payments.called("refund") == []
    before = world.units()["ca-1", "MUG"]
    await back.receive()
    result = await back.result()
    assert (result.status, result.refunded, result.exchange_order_id) == (ReturnStatus.REFUNDED, 1000, None)
    assert world.units()["ca-1", "MUG"] == (before[0] + 1, before[1])
    assert [call[1] for call in world.payments.called("refund")] == [1000]
    assert (back.record.status, back.record.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert world.memory.orders[back.placed.order_id].status is OrderStatus.RETURNED
    assert world.carrier.called("void") == []
    assert back.story() == [
        "return_requested",
        "return_label",
        "return_in_transit",
        "return_delivered",
        "return_inspected",
        "return_restocked",
        "return_refunded",
        "return_closed",
    ]
    await world.balanced(back.placed)
