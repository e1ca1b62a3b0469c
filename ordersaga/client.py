"""Talk to running orders: a typed async client for checkouts that reach Temporal directly, and for our own API.

    client = await OrderClient.connect("127.0.0.1:7233")
    answer = await client.place(order, wait=timedelta(seconds=5))     # None: not decided yet, the order goes on
    await client.cancel(order.order_id, CancelRequest(by="shopper", reason="changed my mind"))

Everything is idempotent per order id: placing an order twice gives one saga and the same answer.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError

from ordersaga.amounts import format_amount
from ordersaga.client_errors import OrderClosedError, SagaUnreachableError, translated
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import OrderStatus
from workflows.messages import (
    CONFIRM_UPDATE_ID,
    ORDER_QUEUE,
    CancelAnswer,
    CancelRequest,
    ConfirmAnswer,
    HoldRequest,
    OrderView,
    Resolution,
)

WORKFLOW: Final = "OrderFulfillment"
CALL_TIMEOUT: Final = timedelta(seconds=5)
CONNECT_TIMEOUT: Final = timedelta(seconds=3)

T = TypeVar("T")


class OrderClient:
    """Messages to running orders. Every method raises the errors drawn in `ordersaga.client_errors`."""

    def __init__(self, temporal: Client, *, call_timeout: timedelta = CALL_TIMEOUT) -> None:
        self.temporal = temporal
        self._call_timeout = call_timeout

    @classmethod
    async def connect(cls, address: str, namespace: str = "default", *, lazy: bool = False) -> Self:
        """Connect to the Temporal frontend at `address` (host:port).

        `lazy`: connect at the first call, and again at the next one if that failed, so that a process may start
        before Temporal does.
        """
        async with translated(order_id=""):
            temporal = await Client.connect(
                address,
                namespace=namespace,
                data_converter=pydantic_data_converter,
                lazy=lazy,
                connect_timeout=CONNECT_TIMEOUT,
            )
        return cls(temporal)

    async def ready(self) -> bool:
        """Whether the Temporal frontend answers now."""
        try:
            async with translated(order_id=""):
                return await self.temporal.service_client.check_health(timeout=timedelta(seconds=2))
        except SagaUnreachableError:
            return False

    async def place(self, order: Order, wait: timedelta | None = None) -> ConfirmAnswer | None:
        """Start the order's saga, once, and wait for its outcome.

        Args:
            order: an order that was accepted; the same order id always means the same saga.
            wait: how long to wait. None does not wait.

        Returns:
            The outcome, or None when it was not known in time: the order goes on, ask again or look at its state.
        """
        if wait is None:
            await self.start(order)
            return None
        operation = _start_operation(order)
        try:
            async with translated(order.order_id), asyncio.timeout(wait.total_seconds() + 1):
                answer: ConfirmAnswer = await self.temporal.execute_update_with_start_workflow(
                    "confirm",
                    start_workflow_operation=operation,
                    id=CONFIRM_UPDATE_ID,
                    result_type=ConfirmAnswer,
                    rpc_timeout=wait,
                )
        except WorkflowAlreadyStartedError as error:
            await _retrieve(operation)
            raise OrderClosedError(order.order_id) from error
        except SagaUnreachableError as error:
            await _retrieve(operation)
            if isinstance(error.__cause__, (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError)):
                return None
            raise
        except BaseException:
            await _retrieve(operation)
            raise
        return answer

    async def start(self, order: Order) -> bool:
        """Start the order's saga without waiting. Returns False when it had been started before (even if closed)."""
        options = _StartOptions.of(order)
        try:
            async with translated(order.order_id):
                await self.temporal.start_workflow(
                    WORKFLOW,
                    order,
                    id=options.id,
                    task_queue=ORDER_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    search_attributes=options.search_attributes,
                    static_summary=options.summary,
                    priority=options.priority,
                    rpc_timeout=self._call_timeout,
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def cancel(self, order_id: str, request: CancelRequest, wait: timedelta | None = None) -> CancelAnswer:
        """Ask for cancellation and hear the truth about it. `wait` bounds the answer (default: 5 s)."""
        return await self._update(order_id, "cancel", request, CancelAnswer, wait)

    async def request_cancel(self, order_id: str, request: CancelRequest) -> None:
        """Ask for cancellation without waiting for the answer."""
        await self._signal(order_id, "request_cancel", request)

    async def place_hold(self, order_id: str, request: HoldRequest) -> OrderView:
        """Put a typed hold on the order: hand-off waits until it is released."""
        return await self._update(order_id, "place_hold", request, OrderView)

    async def release_hold(self, order_id: str, request: HoldRequest) -> OrderView:
        """Release a typed hold."""
        return await self._update(order_id, "release_hold", request, OrderView)

    async def resolve_attention(self, order_id: str, resolution: Resolution) -> AttentionItem:
        """Answer an attention item with one of its choices."""
        return await self._update(order_id, "resolve_attention", resolution, AttentionItem)

    async def parcel_event(self, order_id: str, event: ParcelEvent) -> None:
        """Deliver what a provider or carrier said."""
        await self._signal(order_id, "parcel_event", event)

    async def payment_event(self, order_id: str, event: PaymentEvent) -> None:
        """Deliver what the payment company said."""
        await self._signal(order_id, "payment_event", event)

    async def state(self, order_id: str) -> OrderView:
        """The order as its saga sees it now."""
        return await self._query(order_id, "order_state", OrderView)

    async def timeline(self, order_id: str) -> list[JournalEntry]:
        """The saga's own story of the order."""
        return await self._query(order_id, "timeline", list[JournalEntry])

    async def explain(self, order_id: str) -> str:
        """Why the order is where it is, for a person."""
        return await self._query(order_id, "explain", str)

    def _handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self.temporal.get_workflow_handle(workflow_id(order_id))

    async def _update(
        self, order_id: str, name: str, argument: object, answer: type[T], wait: timedelta | None = None
    ) -> T:
        limit = wait or self._call_timeout
        async with translated(order_id), asyncio.timeout(limit.total_seconds() + 1):
            result: T = await self._handle(order_id).execute_update(
                name, argument, result_type=answer, rpc_timeout=limit
            )
        return result

    async def _query(self, order_id: str, name: str, answer: type[T]) -> T:
        async with translated(order_id):
            result: T = await self._handle(order_id).query(name, result_type=answer, rpc_timeout=self._call_timeout)
        return result

    async def _signal(self, order_id: str, name: str, argument: object) -> None:
        async with translated(order_id):
            await self._handle(order_id).signal(name, argument, rpc_timeout=self._call_timeout)


@dataclass(frozen=True)
class _StartOptions:
    """What is said about an order when its saga starts."""

    id: str
    search_attributes: TypedSearchAttributes
    summary: str
    priority: Priority

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            id=workflow_id(order.order_id),
            search_attributes=search_attributes(order),
            summary=summary(order),
            priority=Priority(fairness_key=order.seller),
        )


def search_attributes(order: Order) -> TypedSearchAttributes:
    """How a new order is found in Temporal; the saga keeps status, providers, carriers and attention up to date."""
    keywords: Mapping[str, str] = {
        "OrderStatus": OrderStatus.PENDING.value,
        "Seller": order.seller,
        "Channel": order.channel,
        "Region": f"{order.ship_to.country}-{order.ship_to.region}",
    }
    pairs: Sequence[SearchAttributePair[Any]] = [
        *(SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in keywords.items()),
        SearchAttributePair(SearchAttributeKey.for_datetime("ShipBy"), order.ship_by),
    ]
    return TypedSearchAttributes(pairs)


def summary(order: Order) -> str:
    """One line for lists of workflows: `ord_1 · sunny-socks · 2 lines · USD 45.00`."""
    lines = "1 line" if len(order.lines) == 1 else f"{len(order.lines)} lines"
    return f"{order.order_id} · {order.seller} · {lines} · {format_amount(order.total, order.currency)}"


def _start_operation(order: Order) -> WithStartWorkflowOperation[Any, Any]:
    options = _StartOptions.of(order)
    return WithStartWorkflowOperation(
        WORKFLOW,
        order,
        id=options.id,
        task_queue=ORDER_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=options.search_attributes,
        static_summary=options.summary,
        priority=options.priority,
    )


async def _retrieve(operation: WithStartWorkflowOperation[Any, Any]) -> None:
    """Take the operation's own copy of the failure, or asyncio complains that nobody ever looked at it."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(0.1):
            await operation.workflow_handle()
