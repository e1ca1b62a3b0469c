"""The Temporal of the test-suite: the real development server, with a clock of its own for each workflow.

`start_time_skipping_v2` is experimental in the SDK, so it is used in this one module only.
"""

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.temporal import dynamic_config

_KEYS: dict[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "KeywordList": SearchAttributeKey.for_keyword_list,
    "Datetime": SearchAttributeKey.for_datetime,
}


@contextlib.asynccontextmanager
async def temporal_environment() -> AsyncIterator[WorkflowEnvironment]:
    """A development server with our search attributes; time stands until a test moves it."""
    keys: list[SearchAttributeKey[Any]] = [_KEYS[kind](name) for name, kind in SEARCH_ATTRIBUTES.items()]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_log_level="error",
        ts_config=TimeSkippingConfig(enabled=False),
        search_attributes=keys,
        data_converter=pydantic_data_converter,
        dev_server_extra_args=list(dynamic_config(time_skipping=True)),
    ) as environment:
        yield environment


async def skip(environment: WorkflowEnvironment, order: WorkflowHandle[Any, Any], by: timedelta) -> None:
    """Let `by` pass for one workflow, firing the timers on the way."""
    await environment.fast_forward(order, by)
