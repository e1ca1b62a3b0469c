"""Runs of reconciliation, and the repair of a finding, each played to its end."""

from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from ordersaga.client import OrderClient
from ordersaga.client_reconciliation import ReconciliationClient
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.reconciliation import Repair
from tests.workflows.world import World
from workflows.reconciliation import Reconcile, RepairOrder, repair_workflow_id, run_workflow_id

WINDOW, GRACE = timedelta(hours=26), timedelta(minutes=10)


async def reconciled(world: World) -> WorkflowHandle[Any, Any]:
    """Every source answers, some with findings."""
    return await _run(world)


async def source_failed(world: World) -> WorkflowHandle[Any, Any]:
    """One source refuses; the run ends without it."""
    world.sources.failing["labels"] = OperatorError("bad_credentials", "the carrier does not know the key")
    return await _run(world)


async def finding_repaired(world: World) -> WorkflowHandle[Any, Any]:
    """On the lane of whom it calls."""
    return await _repair(world)


async def repair_given_up(world: World) -> WorkflowHandle[Any, Any]:
    """Refused for good: the finding is open again."""
    world.sources.failing["repair"] = OperatorError("bad_credentials", "the payment company does not know the key")
    return await _repair(world)


async def _run(world: World) -> WorkflowHandle[Any, Any]:
    asked = Reconcile(window=WINDOW, grace=GRACE, providers=("seller_warehouse", "shipbob"), counting=("shipbob",))
    run_id = f"{world.prefix}1"
    await ReconciliationClient(OrderClient(world.client)).start(run_id, asked)
    return world.client.get_workflow_handle(run_workflow_id(run_id))


async def _repair(world: World) -> WorkflowHandle[Any, Any]:
    name = f"orphan_authorization:{world.prefix}1"
    order = RepairOrder(
        finding_id=name, repair=Repair.VOID, source="payments", by="ann", reason="nobody needs it", grace=GRACE
    )
    await ReconciliationClient(OrderClient(world.client)).repair(order, wait=15)
    return world.client.get_workflow_handle(repair_workflow_id(name))
