"""The Temporal of the test-suite: the real development server, with a clock of its own for each workflow.

`start_time_skipping_v2` is experimental in the SDK, so it is used in this one module only.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.temporal import dynamic_config
from workers.lifecycle import SETTLE

_KEYS: dict[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "KeywordList": SearchAttributeKey.for_keyword_list,
    "Datetime": SearchAttributeKey.for_datetime,
}


@contextlib.asynccontextmanager
async def temporal_environment(*tuning: str) -> AsyncIterator[WorkflowEnvironment]:
    """A development server with our search attributes; time stands until a test moves it.

    One for each folder of tests: what one leaves running would be carried on by another's workers, over its fakes.
    `tuning`: further values of its dynamic configuration.
    """
    keys: list[SearchAttributeKey[Any]] = [_KEYS[kind](name) for name, kind in SEARCH_ATTRIBUTES.items()]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_log_level="error",
        ts_config=TimeSkippingConfig(enabled=False),
        search_attributes=keys,
        data_converter=pydantic_data_converter,
        dev_server_extra_args=[*dynamic_config(time_skipping=True), *_given(tuning)],
    ) as environment:
        yield environment
        await asyncio.sleep(SETTLE)  # after the workers that tests have run on it, once for all


def _given(values: Iterable[str]) -> list[str]:
    return [word for value in values for word in ("--dynamic-config-value", value)]


async def end_all(environment: WorkflowEnvironment) -> None:
    """End what earlier tests left running: workers on another database would otherwise go on with it there."""
    open_ones = "ExecutionStatus = 'Running'"
    while left := [each async for each in environment.client.list_workflows(open_ones)]:
        for each in left:
            with contextlib.suppress(RPCError):  # it ended meanwhile
                await environment.client.get_workflow_handle(each.id, run_id=each.run_id).terminate("the test is over")
        await asyncio.sleep(0.02)


async def details(handle: WorkflowHandle[Any, Any]) -> str:
    """The current details, as `temporal workflow metadata` shows them."""
    found: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return found.current_details


async def skip(environment: WorkflowEnvironment, order: WorkflowHandle[Any, Any], by: timedelta) -> None:
    """Let `by` pass for one workflow, firing the timers on the way."""
    await environment.fast_forward(order, by)
