"""Talk to running returns, as `ordersaga.client` does to running orders; the same errors.

Their questions are answered through `OrderClient.resolve_attention`, which knows whose question it is.

returns = ReturnClient(orders)
await returns.start(opened.record.case)
await returns.receive(order_id, 1, Inspection(...))
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from temporalio.client import WorkflowHandle
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from ordersaga.client import OrderClient
from ordersaga.client_changes import new_update_id
from ordersaga.client_errors import SagaUnreachableError, translated
from ordersaga.domain.identifiers import return_id, return_workflow_id
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.returns import Inspection, ReturnCase
from ordersaga.domain.shipping import ParcelEvent
from workflows.foretelling import Foretold
from workflows.messages import ORDER_QUEUE
from workflows.order_return import OrderReturn
from workflows.return_foretelling import ReturnPreview
from workflows.return_presentation import initial_attributes, static_summary
from workflows.return_state import CancelReturn, ReturnResult, ReturnView

CALL_TIMEOUT: Final = timedelta(seconds=5)

_REPEATED: Final = "unexpected workflow task failure"
"""A message reached the return just as it was about to end, so Temporal has it take that step again: ask again too."""
_PAUSE: Final = 0.05

T = TypeVar("T")
Handle = WorkflowHandle[OrderReturn, ReturnResult]


class ReturnClient:
    """Messages to running returns, through the same connection as `orders`."""

    def __init__(self, orders: OrderClient, *, call_timeout: timedelta = CALL_TIMEOUT) -> None:
        self._orders = orders
        self._call_timeout = call_timeout

    async def start(self, case: ReturnCase) -> bool:
        """Start an accepted return's workflow. False: it had been started before (even if it has ended)."""
        try:
            async with translated(case.return_id):
                await self._orders.temporal.start_workflow(
                    OrderReturn.run,
                    case,
                    id=return_workflow_id(case.order_id, case.number),
                    task_queue=ORDER_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    search_attributes=initial_attributes(case),
                    static_summary=static_summary(case),
                    priority=Priority(fairness_key=case.order.seller),
                    rpc_timeout=self._call_timeout,
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def receive(self, order_id: str, number: int, inspection: Inspection) -> ReturnView:
        """Say what the warehouse found."""
        name = new_update_id("receive")

        def ask(handle: Handle, limit: timedelta) -> Awaitable[ReturnView]:
            return handle.execute_update("receive", inspection, id=name, result_type=ReturnView, rpc_timeout=limit)

        return await self._ask(order_id, number, ask)

    async def cancel(self, order_id: str, number: int, request: CancelReturn) -> ReturnView:
        """The shopper keeps the goods."""
        name = new_update_id("cancel_return")

        def ask(handle: Handle, limit: timedelta) -> Awaitable[ReturnView]:
            return handle.execute_update("cancel_return", request, id=name, result_type=ReturnView, rpc_timeout=limit)

        return await self._ask(order_id, number, ask)

    async def preview(self, order_id: str, number: int, asked: ReturnPreview) -> Foretold:
        """What an inspection or a cancellation would come to; nothing is done."""

        def ask(handle: Handle, limit: timedelta) -> Awaitable[Foretold]:
            return handle.query("preview_return", asked, result_type=Foretold, rpc_timeout=limit)

        return await self._ask(order_id, number, ask)

    async def parcel_event(self, order_id: str, event: ParcelEvent) -> None:
        """Deliver what the carrier said about the way back of return `event.returning`."""

        def ask(handle: Handle, limit: timedelta) -> Awaitable[None]:
            return handle.signal(OrderReturn.on_parcel_event, event, rpc_timeout=limit)

        await self._ask(order_id, event.returning, ask)

    async def state(self, order_id: str, number: int) -> ReturnView:
        """The return as its workflow sees it now."""
        return await self._ask(
            order_id, number, lambda handle, limit: handle.query(OrderReturn.return_state, rpc_timeout=limit)
        )

    async def timeline(self, order_id: str, number: int) -> list[JournalEntry]:
        """The return's own story."""
        return await self._ask(
            order_id, number, lambda handle, limit: handle.query(OrderReturn.timeline, rpc_timeout=limit)
        )

    async def explain(self, order_id: str, number: int) -> str:
        """Why the return is where it is, for a person."""
        return await self._ask(
            order_id, number, lambda handle, limit: handle.query(OrderReturn.explain, rpc_timeout=limit)
        )

    async def _ask(self, order_id: str, number: int, ask: Callable[[Handle, timedelta], Awaitable[T]]) -> T:
        """Ask, and again where the return was just about to end; every message may be repeated without harm."""
        until = asyncio.get_running_loop().time() + self._call_timeout.total_seconds()
        while True:
            try:
                return await self._ask_once(order_id, number, ask)
            except SagaUnreachableError as error:
                if _REPEATED not in str(error) or asyncio.get_running_loop().time() >= until:
                    raise
            await asyncio.sleep(_PAUSE)

    async def _ask_once(self, order_id: str, number: int, ask: Callable[[Handle, timedelta], Awaitable[T]]) -> T:
        limit, name = self._call_timeout, return_workflow_id(order_id, number)
        async with translated(return_id(order_id, number)), asyncio.timeout(limit.total_seconds() + 1):
            handle: Handle = self._orders.temporal.get_workflow_handle_for(OrderReturn.run, name)
            return await ask(handle, limit)
