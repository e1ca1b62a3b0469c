"""Start runs of reconciliation and repairs of findings, and hear what came of them.

reconciliation = ReconciliationClient(orders)
await reconciliation.start("r1", Reconcile(window=timedelta(hours=26), grace=timedelta(minutes=10)))
result = await reconciliation.repair(order, wait=5)     # None: not known yet, it goes on
"""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.repairs import RepairResult
from ordersaga.client import OrderClient
from ordersaga.client_errors import translated
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.reconciliation import RunRecord
from workflows.messages import ORDER_QUEUE
from workflows.presentation import SELLER
from workflows.reconciliation import (
    Reconcile,
    Reconciliation,
    RepairFinding,
    RepairOrder,
    repair_workflow_id,
    run_workflow_id,
)

CALL_TIMEOUT: Final = timedelta(seconds=5)

Run = WorkflowHandle[Reconciliation, RunRecord]


class ReconciliationClient:
    """Runs and repairs, through the same connection as `orders`. Every method raises the errors of `client_errors`."""

    def __init__(self, orders: OrderClient, *, call_timeout: timedelta = CALL_TIMEOUT) -> None:
        self._orders = orders
        self._call_timeout = call_timeout

    async def start(self, run_id: str, asked: Reconcile) -> bool:
        """Start a run. False: it had been started before."""
        about = f"order {asked.order_id}" if asked.order_id else "everything"
        try:
            async with translated(run_id):
                await self._orders.temporal.start_workflow(
                    Reconciliation.run,
                    asked,
                    id=run_workflow_id(run_id),
                    task_queue=ORDER_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=f"{about} · asked for by {asked.requested_by}",
                    rpc_timeout=self._call_timeout,
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def progress(self, run_id: str) -> RunRecord | None:
        """What a run has looked at so far; None when nobody can say."""
        try:
            async with translated(run_id), asyncio.timeout(self._call_timeout.total_seconds() + 1):
                name = run_workflow_id(run_id)
                run: Run = self._orders.temporal.get_workflow_handle_for(Reconciliation.run, name)
                return await run.query(Reconciliation.progress, rpc_timeout=self._call_timeout)
        except OrdersagaError:
            return None

    async def repair(self, order: RepairOrder, *, seller: str = "", wait: float) -> RepairResult | None:
        """Start the repair of a finding that was claimed, or join the one that runs; wait that many seconds for it.

        None: it is not known yet, and goes on.
        """
        attributes = TypedSearchAttributes([SearchAttributePair(SELLER, seller)]) if seller else None
        async with translated(order.finding_id):
            handle: WorkflowHandle[RepairFinding, RepairResult] = await self._orders.temporal.start_workflow(
                RepairFinding.run,
                order,
                id=repair_workflow_id(order.finding_id),
                task_queue=ORDER_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=attributes,
                static_summary=f"{order.repair.value} · {order.finding_id} · asked for by {order.by}",
                rpc_timeout=self._call_timeout,
            )
        try:
            async with translated(order.finding_id), asyncio.timeout(wait):
                return await handle.result()
        except (OrdersagaError, WorkflowFailureError):
            return None
