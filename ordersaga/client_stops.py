"""Start stops and wake them, and reach the sagas of the orders they are about.

stops = StopClient(orders)
await stops.start("20260301ab12cd", StopMatch(region="US-CA"))
"""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from ordersaga.client import OrderClient
from ordersaga.client_errors import (
    OrderClosedError,
    OrderNotFoundError,
    OrderRefusedError,
    SagaUnreachableError,
    translated,
)
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.statuses import FINAL_STATUSES
from ordersaga.domain.stop_decisions import Decision, SeenOrder, SeenParcel
from ordersaga.domain.stops import StopMatch, Told, stop_workflow_id
from workflows.messages import ORDER_QUEUE, CancelAnswer, CancelRequest, HoldRequest, OrderView
from workflows.stop_orders import StopOrders, StopProgress, initial_attributes, static_summary

CALL_TIMEOUT: Final = timedelta(seconds=5)
CANCEL_WITHIN: Final = timedelta(seconds=10)
"""How long a cancellation's answer is waited for; then it is `pending`, and looked up once the order has ended."""

Stop = WorkflowHandle[StopOrders, StopProgress]


class StopClient:
    """The workflows of stops, through the same connection as `orders`."""

    def __init__(self, orders: OrderClient, *, call_timeout: timedelta = CALL_TIMEOUT) -> None:
        self._orders = orders
        self._call_timeout = call_timeout

    async def start(self, stop_id: str, match: StopMatch | None) -> bool:
        """Start a stop that is in the database. False: it had been started before. `match`: what it stops, if known."""
        try:
            async with translated(stop_id):
                await self._orders.temporal.start_workflow(
                    StopOrders.run,
                    StopProgress(stop_id=stop_id),
                    id=stop_workflow_id(stop_id),
                    task_queue=ORDER_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    search_attributes=initial_attributes(match) if match else None,
                    static_summary=static_summary(stop_id, match),
                    memo={"title": static_summary(stop_id, match)},
                    rpc_timeout=self._call_timeout,
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def changed(self, stop_id: str) -> bool:
        """Let it look at what was changed in the database. False: it was not told, and looks in its own time."""
        try:
            async with translated(stop_id), asyncio.timeout(self._call_timeout.total_seconds() + 1):
                await self._stop(stop_id).signal(StopOrders.on_stop_changed, rpc_timeout=self._call_timeout)
        except OrdersagaError:
            return False
        return True

    async def progress(self, stop_id: str) -> StopProgress | None:
        """Where its workflow is; None when nobody can say."""
        try:
            async with translated(stop_id), asyncio.timeout(self._call_timeout.total_seconds() + 1):
                return await self._stop(stop_id).query(StopOrders.progress, rpc_timeout=self._call_timeout)
        except OrdersagaError:
            return None

    def _stop(self, stop_id: str) -> Stop:
        return self._orders.temporal.get_workflow_handle_for(StopOrders.run, stop_workflow_id(stop_id))


class StoppedSagas:
    """The StopSagas port, through the client of running orders."""

    def __init__(self, orders: OrderClient) -> None:
        self._orders = orders

    async def look(self, record: OrderRecord) -> SeenOrder | None:
        """The order as its saga sees it; one whose saga was not started is only accepted. None: it has ended."""
        try:
            view = await self._orders.state(record.order.order_id)
        except OrderNotFoundError:
            return None if record.started else SeenOrder(status=record.status)
        except OrderClosedError:
            return None
        return None if view.status in FINAL_STATUSES else _seen(view)

    async def hold(self, record: OrderRecord, kind: str, by: str, reason: str) -> Told:
        """Place a typed hold; a saga that was not started begins with it."""
        request = HoldRequest(kind=kind, by=by, reason=reason)
        try:
            if record.started:
                await self._orders.place_hold(record.order.order_id, request)
            else:
                await self._orders.ask_first(record.order, "place_hold", request, OrderView, providers=_of(record))
        except (OrderRefusedError, OrderClosedError) as error:
            return Told(answer="too_late", detail=error.message)
        return Told(answer="held")

    async def release(self, order_id: str, kind: str, by: str, reason: str) -> Told:
        """Release it; where there is nothing to release, that is said."""
        try:
            await self._orders.release_hold(order_id, HoldRequest(kind=kind, by=by, reason=reason))
        except (OrderRefusedError, OrderClosedError, OrderNotFoundError) as error:
            return Told(answer="released", detail=error.message)
        return Told(answer="released")

    async def cancel(self, record: OrderRecord, wanted: Decision, request_id: str, by: str, reason: str) -> Told:
        """Ask to cancel; asked again with the same `request_id`, it is one request."""
        order_id = record.order.order_id
        request = CancelRequest(by=by, reason=reason, lines=wanted.lines, parcels=wanted.parcels, request_id=request_id)
        try:
            answer = await self._ask_to_cancel(record, request)
        except OrderClosedError as error:
            return Told(answer="too_late", detail=error.message)
        except SagaUnreachableError:
            await self._orders.request_cancel(order_id, request)  # Temporal keeps it while nobody takes it
            return Told(answer="pending", detail="asked; not answered in time")
        return Told(answer=answer.outcome, detail=answer.message)

    async def _ask_to_cancel(self, record: OrderRecord, request: CancelRequest) -> CancelAnswer:
        if record.started:
            return await self._orders.cancel(record.order.order_id, request, CANCEL_WITHIN)
        return await self._orders.ask_first(record.order, "cancel", request, CancelAnswer, providers=_of(record))


def _of(record: OrderRecord) -> set[str]:
    return {plan.provider for plan in record.parcels}


def _seen(view: OrderView) -> SeenOrder:
    parcels = tuple(SeenParcel(plan=each.plan, status=each.status, carrier=each.carrier) for each in view.parcels)
    return SeenOrder(status=view.status, confirmed=view.outcome == "confirmed", parcels=parcels)
