"""Workers as production may set them."""

from temporalio.testing import WorkflowEnvironment

from tests.workflows.cost import one_life
from tests.workflows.world import World


async def test_orders_live_outside_the_sandbox_and_with_few_of_them_in_memory(environment: WorkflowEnvironment) -> None:
    """The same life, the same cost."""
    async with World(environment, sandboxed=False, cached=10) as world:
        names, _, _ = await one_life(world)
    assert names[-1] == "WORKFLOW_EXECUTION_COMPLETED"
    assert len(names) <= 60  # a busy machine may prolong a workflow task, which adds events
