"""What Temporal keeps of an order: whether there are histories, whether they are encrypted, until when they stay."""

from datetime import timedelta
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetWorkflowExecutionHistoryRequest
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.client_errors import translated
from ordersaga.domain.erasure import UNTOLD, Histories
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.identifiers import workflow_id
from ordersaga.privacy.codec import subject_named

PATIENCE: Final = timedelta(seconds=3)


class HistoryClient:
    """Asks about histories. `temporal`: where they are."""

    temporal: Client

    async def histories(self, order_id: str) -> Histories:
        """Those of the order and of its returns, earlier runs included; `UNTOLD` while Temporal does not tell."""
        try:
            async with translated(order_id):
                return await _look(self.temporal, order_id)
        except OrdersagaError:
            return UNTOLD


async def _look(temporal: Client, order_id: str) -> Histories:
    runs = {(run.id, run.run_id): run.close_time for run in await runs_of(temporal, order_id)}
    if not runs:
        return Histories(there=False)
    clear = [run for run in runs if await _begins_in_the_clear(temporal, *run)]
    ended = [at for at in runs.values() if at is not None]
    until = max(ended) + await retention_of(temporal) if len(ended) == len(runs) else None
    return Histories(there=True, until=until, clear=bool(clear))


async def runs_of(temporal: Client, order_id: str) -> list[WorkflowExecution]:
    """All that is found, and the saga's last run as it stands now: what is found may be some seconds old."""
    saga = workflow_id(order_id)
    asked = f'WorkflowId = "{saga}" OR WorkflowId STARTS_WITH "return-{order_id}-"'
    found = [run async for run in temporal.list_workflows(asked, rpc_timeout=PATIENCE)]
    try:
        return [*found, await temporal.get_workflow_handle(saga).describe(rpc_timeout=PATIENCE)]
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return found


async def _begins_in_the_clear(temporal: Client, name: str, run_id: str) -> bool:
    """Whether what a workflow was started with can be read by everybody."""
    page = await temporal.workflow_service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(
            namespace=temporal.namespace,
            execution=Execution(workflow_id=name, run_id=run_id),
            maximum_page_size=1,
        ),
        timeout=PATIENCE,
    )
    started = page.history.events[0].workflow_execution_started_event_attributes
    return any(subject_named(payload) is None for payload in started.input.payloads)


async def retention_of(temporal: Client) -> timedelta:
    """For how long it keeps what has ended."""
    described = await temporal.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=temporal.namespace), timeout=PATIENCE
    )
    return described.config.workflow_execution_retention_ttl.ToTimedelta()
