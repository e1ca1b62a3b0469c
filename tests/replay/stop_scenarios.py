"""Stops, each played to its end before a scripted database."""

import asyncio
from typing import Any

from temporalio.client import WorkflowHandle

from ordersaga.client import OrderClient
from ordersaga.client_stops import StopClient
from ordersaga.domain.stops import StopMatch, stop_workflow_id
from tests.workflows.world import World
from workflows.stop_orders import StopOrders


async def stop_lifted(world: World) -> WorkflowHandle[Any, Any]:
    """Two pages of orders, then somebody undoes it: two pages of holds are released."""
    world.stops.pages, world.stops.held = 2, 30
    handle = await _started(world)
    for _ in range(400):
        if (await handle.query(StopOrders.progress)).phase == "resting":
            break
        await asyncio.sleep(0.05)
    world.stops.now_stands(lifted=True)
    await handle.signal(StopOrders.on_stop_changed)
    return handle


async def stop_foreseen(world: World) -> WorkflowHandle[Any, Any]:
    """A dry run."""
    world.stops.now_stands(dry_run=True)
    return await _started(world)


async def _started(world: World) -> WorkflowHandle[Any, Any]:
    stop_id = f"{world.prefix}1"
    await StopClient(OrderClient(world.client)).start(stop_id, StopMatch(region="US-CA"))
    return world.client.get_workflow_handle(stop_workflow_id(stop_id))
