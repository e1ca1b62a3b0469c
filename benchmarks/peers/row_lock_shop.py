"""A checkout with one workflow each, whose stock is taken by `SELECT ... FOR UPDATE`: API and worker.

python -m benchmarks.peers.row_lock_shop api PORT TEMPORAL DATABASE
python -m benchmarks.peers.row_lock_shop worker 0 TEMPORAL DATABASE
"""

import asyncio
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.peers import row_locks
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.orders import Address, Order, OrderLine, Payment
from ordersaga.stores.pools import Pool, close_pool, create_pool
from workers.lifecycle import running, stop_on_signals

QUEUE: Final = "row-locks"
ATTEMPT: Final = timedelta(seconds=10)
WAITS: Final = timedelta(seconds=15)
MOST: Final = 256
"""Checkouts one API process asks Temporal about at once; the others wait for their turn."""
CONNECTIONS: Final = 20


class Asked(BaseModel):
    """The body of a checkout."""

    order_id: OrderId
    seller: Code
    lines: tuple[OrderLine, ...]
    ship_to: Address
    payment: Payment


@workflow.defn
class Checkout:
    """One shopper's order: the stock is taken first, then the money."""

    def __init__(self) -> None:
        self._held: bool | None = None

    @workflow.run
    async def run(self, order: Order) -> bool:
        """Whether it was accepted."""
        self._held = await workflow.execute_activity_method(
            Shelf.reserve, order, start_to_close_timeout=ATTEMPT, task_queue=QUEUE
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._held

    @workflow.update
    async def outcome(self) -> bool:
        """Heard as soon as it is known."""
        await workflow.wait_condition(lambda: self._held is not None)
        return bool(self._held)


class Shelf:
    """The activity."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @activity.defn
    async def reserve(self, order: Order) -> bool:
        """Take the units and write the order down; called again, what stands is the answer."""
        try:
            return await row_locks.accept(self._pool, order)
        except asyncpg.UniqueViolationError:
            standing = await self._pool.fetchval("SELECT status FROM orders WHERE order_id = $1", order.order_id)
            return bool(standing == "pending")


def app_of(address: str) -> FastAPI:
    """The checkout's API: 201 when the stock is taken, 409 when there is none, 503 when no answer came in time."""
    known: dict[str, Client] = {}
    places = asyncio.Semaphore(MOST)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        known["temporal"] = await Client.connect(address, data_converter=pydantic_data_converter)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/orders")
    async def place(body: Asked) -> JSONResponse:
        order = Order(**{name: getattr(body, name) for name in Asked.model_fields}, placed_at=datetime.now(UTC))
        async with places:
            try:
                held = await _ask(known["temporal"], order)
            except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
                return JSONResponse({"code": "overloaded"}, 503, {"Retry-After": "1"})
        if held:
            return JSONResponse({"order_id": order.order_id}, 201)
        return JSONResponse({"code": "sold_out"}, 409)

    return app


async def _ask(temporal: Client, order: Order) -> bool:
    """Start the order's workflow, once, and hear its outcome."""
    operation = WithStartWorkflowOperation(
        Checkout.run,
        order,
        id=f"checkout-{order.order_id}",
        task_queue=QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    return await temporal.execute_update_with_start_workflow(
        Checkout.outcome, start_workflow_operation=operation, id="outcome", rpc_timeout=WAITS
    )


async def _work(address: str, database_url: str) -> None:
    stop = stop_on_signals()
    pool = await create_pool(database_url, application_name="row-locks", max_size=CONNECTIONS)
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Checkout],
        activities=[Shelf(pool).reserve],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=100,
        max_concurrent_activities=100,
    )
    async with running([worker]):
        await stop.wait()
    await close_pool(pool)


def main() -> None:
    """Be the one or the other."""
    role, port, address, database_url = sys.argv[1:]
    if role == "worker":
        asyncio.run(_work(address, database_url))
    else:
        uvicorn.run(app_of(address), host="127.0.0.1", port=int(port), log_config=None, access_log=False)


if __name__ == "__main__":
    main()
