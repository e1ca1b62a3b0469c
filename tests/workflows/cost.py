"""What an order costs at Temporal: the events, workflow tasks, actions and bytes of its life."""

import asyncio

from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World, event_counts


def actions(names: list[str]) -> int:
    """Temporal Cloud actions, by its published rules: markers of one workflow task count once."""
    counted = {
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "ACTIVITY_TASK_STARTED",
        "TIMER_STARTED",
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
    }
    tasks_with_markers, marked = 0, False
    for name in names:
        if name == "WORKFLOW_TASK_COMPLETED":
            marked = False
        if name == "MARKER_RECORDED" and not marked:
            tasks_with_markers, marked = tasks_with_markers + 1, True
    return sum(name in counted for name in names) + tasks_with_markers


async def at_rest(handle: Handle) -> None:
    """Wait until no workflow task is under way: a message crossing one would make Temporal repeat it."""
    names, _ = await event_counts(handle)
    while names[-1] in ("WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED"):
        await asyncio.sleep(0.02)
        names, _ = await event_counts(handle)


async def one_life(world: World) -> tuple[list[str], int, list[str]]:
    """The events and bytes of one order's history, and its events until the checkout had its answer."""
    answer, handle = await world.checkout(world.order(), "shipbob")
    assert answer.outcome is ConfirmOutcome.CONFIRMED
    confirming, _ = await event_counts(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await at_rest(handle)
    for status in (ParcelStatus.PICKED, ParcelStatus.IN_TRANSIT):
        await world.report(handle, status, carrier="ups", tracking_number="1Z999")
        await world.until(handle, lambda view, want=status: view.parcels[0].status is want)  # type: ignore[misc]
        await at_rest(handle)
    await world.until(handle, lambda view: view.status is OrderStatus.SHIPPED)
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    names, size = await event_counts(handle)
    return names, size, confirming
