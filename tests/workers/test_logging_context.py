"""Lines of an activity name the order that it is about."""

from dataclasses import replace
from typing import Any

import pytest
import structlog
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from workers.logging_context import LoggingContext


class Last(ActivityInboundInterceptor):
    """The activity itself: keeps what a line of it would have."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    async def execute_activity(self, input: Any) -> None:  # noqa: A002 - the SDK's name
        """Runs."""
        self.bound = structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(("workflow", "order"), [("order-7", "7"), ("return-7-1", "7"), ("stop-9", None)])
async def test_a_line_names_the_order_of_its_workflow(workflow: str, order: str | None) -> None:
    """An order's saga, or one of its returns; what concerns no order names none, and all their place in Temporal."""
    ran, environment = Last(), ActivityEnvironment()
    environment.info = replace(environment.info, workflow_id=workflow)
    call = ExecuteActivityInput(fn=print, args=(), executor=None, headers={})
    await environment.run(LoggingContext().intercept_activity(ran).execute_activity, call)
    assert (ran.bound.get("order_id"), ran.bound["workflow_id"]) == (order, workflow)
    assert "workflow_id" not in structlog.contextvars.get_contextvars()
