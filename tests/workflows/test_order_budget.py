"""What an order costs: exact, no noise."""

from tests.workflows.cost import actions, one_life
from tests.workflows.world import World


async def test_one_parcel_order_stays_within_its_budget(world: World) -> None:
    """Confirm: 12 events, one task. Life: 40 events, 7 tasks, 12 actions, 12 KB.

    The cheapest of three lives counts: on a busy machine a workflow task may be prolonged, which adds events.
    """
    names, size, confirming = min([await one_life(world) for _ in range(3)], key=lambda life: len(life[0]))
    assert confirming.index("WORKFLOW_EXECUTION_UPDATE_COMPLETED") < 12
    assert confirming[: confirming.index("WORKFLOW_EXECUTION_UPDATE_COMPLETED")].count("WORKFLOW_TASK_COMPLETED") == 1
    assert len(names) <= 40
    assert names.count("WORKFLOW_TASK_COMPLETED") <= 7
    assert actions(names) <= 12
    assert size <= 12_000
