"""The play beside the real thing: the same orders on a real Temporal server, with real activities over fakes.

What providers and carriers say is said at the same hours of each order's life. Everything else is decided by Temporal
and the saga: timers, questions, books, status.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.statuses import ConfirmOutcome, ParcelStatus
from ordersaga.whatif.records import OrderRecord
from ordersaga.whatif.runner import Runner
from ordersaga.whatif.scenario import checked
from tests.workflows.conftest import environment, world
from tests.workflows.world import World
from workflows.messages import OrderResult

__all__ = ["environment", "world"]

pytestmark = pytest.mark.timeout(300)

ORDERS = 30
TERMS = {"ship_within": timedelta(days=1)}
STEPS = (ParcelStatus.PICKED, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)


def played() -> tuple[dict[str, OrderRecord], dict[str, dict[ParcelStatus, int]]]:
    """The orders of a warehouse that is too slow for about half of them, and when each parcel reached each status."""
    told = {
        "orders": ORDERS,
        "ship_within": "1d",
        "declined": 0,
        "operator": "60d",
        "sellers": {"acme": 1},
        "providers": {"shipbob": {"calls": "60000/min", "parcels": "15/day", "books_carrier": True}},
    }
    runner = Runner(checked(told))
    orders = runner.run().orders
    parcels = runner.world.warehouses["shipbob"].parcels.values()
    return orders, {parcel.order_id: parcel.at for parcel in parcels}


async def lived(world: World, record: OrderRecord, moments: dict[ParcelStatus, int]) -> tuple[OrderResult, list[str]]:
    """The same life on the real server; how it ended, and its story."""
    order, handle = await world.accepted(("MUG", 1), terms=TERMS)
    reference, passed = world.reference(order), record.placed_at
    for step in STEPS:
        await world.pass_time(handle, (moments[step] - passed) * timedelta(microseconds=1))
        passed = moments[step]
        scan: dict[str, Any] = {"carrier": "ups", "tracking_number": "1Z1"} if step is not ParcelStatus.PICKED else {}
        world.provider.advance(reference, step, **scan)
        await world.report(handle, step, **scan)
        if step is not ParcelStatus.DELIVERED:
            await world.until(handle, lambda view, want=step: view.parcels[0].status is want)  # type: ignore[misc]
    result = await world.result(handle)
    await world.balanced(order)
    return result, world.story(order)


async def test_orders_live_as_they_are_played(world: World) -> None:
    """Thirty orders, half of them late: the same outcomes, statuses, questions and stories, entry by entry."""
    world.restocked(("nj-1", "MUG", ORDERS))
    orders, moments = await asyncio.to_thread(played)
    late = [record for record in orders.values() if not record.on_time]
    assert 0 < len(late) < ORDERS, "the comparison needs both"

    names = list(orders)
    lives = await asyncio.gather(*(lived(world, orders[name], moments[name]) for name in names))

    for name, (result, story) in zip(names, lives, strict=True):
        record = orders[name]
        assert record.outcome is ConfirmOutcome.CONFIRMED
        assert result.status is record.status
        assert (result.captured, result.refunded) == (1_000, 0)
        assert story == record.story, name
        asked = Counter(item.kind for item in world.memory.attention.values() if item.order_id == result.order_id)
        assert asked == record.asked, name
        assert (asked["ship_by_missed"] > 0) == (not record.on_time)
