"""Talk to running orders: a typed async client for checkouts that reach Temporal directly, and for our own API.

    client = await OrderClient.connect("127.0.0.1:7233")
    answer = await client.place(order, wait=timedelta(seconds=5))     # None: not decided yet, the order goes on
    await client.cancel(order.order_id, CancelRequest(by="shopper", reason="changed my mind"))

Everything is idempotent per order id: placing an order twice gives one saga and the same answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

from temporalio.client import (
    Client,
    KeepAliveConfig,
    WithStartWorkflowOperation,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    Priority,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.exceptions import WorkflowAlreadyStartedError

from ordersaga.client_changes import Handle, ask_change, named, new_update_id, update_id
from ordersaga.client_errors import OrderClosedError, SagaUnreachableError, translated
from ordersaga.client_histories import HistoryClient
from ordersaga.client_lanes import LaneQueues, QueueState
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.identifiers import workflow_id, workflow_of
from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.values import Message
from ordersaga.tracing_temporal import interceptors
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import (
    CONFIRM_UPDATE_ID,
    ORDER_QUEUE,
    Asked,
    CancelAnswer,
    CancelRequest,
    ChangeAnswer,
    ConfirmAnswer,
    HoldRequest,
    OrderResult,
    OrderView,
    Resolution,
)
from workflows.order_fulfillment import OrderFulfillment
from workflows.presentation import initial_attributes, static_summary

CALL_TIMEOUT: Final = timedelta(seconds=5)
CONNECT_TIMEOUT: Final = timedelta(seconds=3)
KEEP_ALIVE: Final = KeepAliveConfig(interval_millis=11_000, timeout_millis=4_000)
"""A connection that is dead and looks open is noticed within 15 s. Frontends take no more than a ping each 10 s."""

_REPEATED: Final = "unexpected workflow task failure"
"""A message reached the saga just as it was about to end, so Temporal has it take that step again: ask again too."""
_PAUSE: Final = 0.05

T = TypeVar("T")


class OrderClient(HistoryClient):
    """Messages to running orders. Every method raises the errors drawn in `ordersaga.client_errors`."""

    def __init__(self, temporal: Client, *, call_timeout: timedelta = CALL_TIMEOUT) -> None:
        self.temporal = temporal
        self._call_timeout = call_timeout

    @classmethod
    async def connect(
        cls,
        address: str,
        namespace: str = "default",
        *,
        lazy: bool = False,
        converter: DataConverter = pydantic_data_converter,
        **security: Any,
    ) -> Self:
        """Connect to the Temporal frontend at `address` (host:port).

        `security`: `tls`, `api_key` and `rpc_metadata`, as `temporalio.client.Client.connect` takes them.
        `converter`: `ordersaga.privacy.codec.data_converter` of the deployment's keys where it encrypts.
        `lazy`: connect at the first call, and again at the next one if that failed, so that a process may start
        before Temporal does.
        """
        async with translated(order_id=""):
            temporal = await Client.connect(
                address,
                namespace=namespace,
                data_converter=converter,
                lazy=lazy,
                connect_timeout=CONNECT_TIMEOUT,
                keep_alive_config=KEEP_ALIVE,
                interceptors=interceptors(),
                **security,
            )
        return cls(temporal)

    async def ready(self) -> bool:
        """Whether the Temporal frontend answers now."""
        try:
            async with translated(order_id=""):
                return await self.temporal.service_client.check_health(timeout=timedelta(seconds=2))
        except SagaUnreachableError:
            return False

    async def lane(self, name: str) -> QueueState | None:
        """How a lane's queue stands; None while Temporal does not tell."""
        try:
            async with translated(order_id=""):
                return await LaneQueues(self.temporal).look(name)
        except OrdersagaError:
            return None

    async def place(
        self, order: Order, wait: timedelta | None = None, *, providers: Iterable[str] = ()
    ) -> ConfirmAnswer | None:
        """Start the order's saga, once, and wait for its outcome.

        Args:
            order: an order that was accepted; the same order id always means the same saga.
            wait: how long to wait. None does not wait.
            providers: whose locations hold the order's stock, when known: the order is found by them from the start.

        Returns:
            The outcome, or None when it was not known in time: the order goes on, ask again or look at its state.
        """
        if wait is None:
            await self.start(order, providers=providers)
            return None
        return await _until_taken(lambda: self._place(order, wait, providers), wait)

    async def _place(self, order: Order, wait: timedelta, providers: Iterable[str]) -> ConfirmAnswer | None:
        operation = _start_operation(order, providers)
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

    async def start(self, order: Order, *, providers: Iterable[str] = ()) -> bool:
        """Start the order's saga without waiting. Returns False when it had been started before (even if closed)."""
        options = _StartOptions.of(order, providers)
        try:
            async with translated(order.order_id):
                await self.temporal.start_workflow(
                    OrderFulfillment.run,
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

    async def ask_first(
        self, order: Order, update: str, request: Message, shape: type[T], *, providers: Iterable[str] = ()
    ) -> T:
        """Start the order's saga, if nobody has, with an update that it takes before it does anything.

        Raises OrderClosedError when the saga has ended.
        """
        operation, limit = _start_operation(order, providers), self._call_timeout
        try:
            async with translated(order.order_id), asyncio.timeout(limit.total_seconds() + 1):
                answer: T = await self.temporal.execute_update_with_start_workflow(
                    update,
                    request,
                    start_workflow_operation=operation,
                    id=new_update_id(update),
                    result_type=shape,
                    rpc_timeout=limit,
                )
        except WorkflowAlreadyStartedError as error:
            await _retrieve(operation)
            raise OrderClosedError(order.order_id) from error
        except BaseException:
            await _retrieve(operation)
            raise
        return answer

    async def cancel(self, order_id: str, request: CancelRequest, wait: timedelta | None = None) -> CancelAnswer:
        """Ask for cancellation and hear the truth about it. `wait` bounds the answer (default: 5 s).

        To ask again, by whichever method, without asking twice: give the request a `request_id`.
        """
        asked = named(request)
        return await self._cancel(order_id, asked, update_id("cancel", asked.request_id), wait)

    async def cancel_or_hear(self, order_id: str, request: CancelRequest) -> CancelAnswer:
        """The same; a request of this id that was pending when it was asked before is answered as it stands now."""
        return await self._cancel(order_id, request, new_update_id("cancel"), None)

    async def _cancel(
        self, order_id: str, asked: CancelRequest, name: str | None, wait: timedelta | None
    ) -> CancelAnswer:
        def ask(order: Handle, limit: timedelta) -> Awaitable[CancelAnswer]:
            return order.execute_update("cancel", asked, id=name, result_type=CancelAnswer, rpc_timeout=limit)

        return await self._ask(order_id, ask, wait)

    async def preview_cancel(self, order_id: str, request: CancelRequest) -> CancelAnswer:
        """What `cancel` would answer now; nothing is done."""

        def ask(order: Handle, limit: timedelta) -> Awaitable[CancelAnswer]:
            return order.query("preview_cancel", request, result_type=CancelAnswer, rpc_timeout=limit)

        return await self._ask(order_id, ask)

    async def preview_change(self, order_id: str, asked: PreviewRequest) -> Foretold:
        """What a hold, its release or a change would come to now; nothing is done."""

        def ask(order: Handle, limit: timedelta) -> Awaitable[Foretold]:
            return order.query("preview_change", asked, result_type=Foretold, rpc_timeout=limit)

        return await self._ask(order_id, ask)

    async def change(self, order_id: str, asked: Asked, wait: timedelta | None = None) -> ChangeAnswer:
        """Ask for a change (`Expedite`, `AddressChange`, ...) and hear what became of it; `wait` as for `cancel`.

        Asked again with the same `request_id`, it is the same change and has the same answer. Raises UndecidedError
        when the saga took it and has not answered in time.
        """

        request = named(asked)

        async def ask(order: Handle, limit: timedelta) -> ChangeAnswer:
            return await ask_change(order, request, limit)

        return await self._ask(order_id, ask, wait)

    async def request_cancel(self, order_id: str, request: CancelRequest) -> None:
        """Ask for cancellation without waiting for the answer."""
        asked = named(request)
        await self._ask(
            order_id, lambda order, limit: order.signal(OrderFulfillment.on_request_cancel, asked, rpc_timeout=limit)
        )

    async def place_hold(self, order_id: str, request: HoldRequest) -> OrderView:
        """Put a typed hold on the order: hand-off waits until it is released."""
        name = new_update_id("place_hold")

        def ask(order: Handle, limit: timedelta) -> Awaitable[OrderView]:
            return order.execute_update("place_hold", request, id=name, result_type=OrderView, rpc_timeout=limit)

        return await self._ask(order_id, ask)

    async def release_hold(self, order_id: str, request: HoldRequest) -> OrderView:
        """Release a typed hold."""
        name = new_update_id("release_hold")

        def ask(order: Handle, limit: timedelta) -> Awaitable[OrderView]:
            return order.execute_update("release_hold", request, id=name, result_type=OrderView, rpc_timeout=limit)

        return await self._ask(order_id, ask)

    async def resolve_attention(self, order_id: str, resolution: Resolution) -> AttentionItem:
        """Answer an attention item with one of its choices; a question of a return goes to the return."""
        name = new_update_id("resolve")

        def ask(order: Handle, limit: timedelta) -> Awaitable[AttentionItem]:
            return order.execute_update(
                "resolve_attention", resolution, id=name, result_type=AttentionItem, rpc_timeout=limit
            )

        return await self._ask(order_id, ask, asker=workflow_of(resolution.item_id, order_id))

    async def parcel_event(self, order_id: str, event: ParcelEvent) -> None:
        """Deliver what a provider or carrier said."""
        await self._ask(
            order_id, lambda order, limit: order.signal(OrderFulfillment.on_parcel_event, event, rpc_timeout=limit)
        )

    async def payment_event(self, order_id: str, event: PaymentEvent) -> None:
        """Deliver what the payment company said."""
        await self._ask(
            order_id, lambda order, limit: order.signal(OrderFulfillment.on_payment_event, event, rpc_timeout=limit)
        )

    async def state(self, order_id: str) -> OrderView:
        """The order as its saga sees it now."""
        return await self._ask(
            order_id, lambda order, limit: order.query(OrderFulfillment.order_state, rpc_timeout=limit)
        )

    async def timeline(self, order_id: str) -> list[JournalEntry]:
        """The saga's own story of the order."""
        return await self._ask(order_id, lambda order, limit: order.query(OrderFulfillment.timeline, rpc_timeout=limit))

    async def explain(self, order_id: str) -> str:
        """Why the order is where it is, for a person."""
        return await self._ask(order_id, lambda order, limit: order.query(OrderFulfillment.explain, rpc_timeout=limit))

    async def _ask(
        self,
        order_id: str,
        ask: Callable[[Handle, timedelta], Awaitable[T]],
        wait: timedelta | None = None,
        asker: str | None = None,
    ) -> T:
        limit = wait or self._call_timeout
        running = asker or workflow_id(order_id)
        order: Handle = self.temporal.get_workflow_handle_for(OrderFulfillment.run, running)

        async def once() -> T:
            async with translated(order_id), asyncio.timeout(limit.total_seconds() + 1):
                return await ask(order, limit)

        return await _until_taken(once, limit)


async def _until_taken(call: Callable[[], Awaitable[T]], limit: timedelta) -> T:
    """Call again while the step that would have taken the message is taken again: the message was not recorded."""
    until = asyncio.get_running_loop().time() + limit.total_seconds()
    while True:
        try:
            return await call()
        except SagaUnreachableError as error:
            if _REPEATED not in str(error) or asyncio.get_running_loop().time() >= until:
                raise
        await asyncio.sleep(_PAUSE)


@dataclass(frozen=True)
class _StartOptions:
    """What is said about an order when its saga starts."""

    id: str
    search_attributes: TypedSearchAttributes
    summary: str
    priority: Priority

    @classmethod
    def of(cls, order: Order, providers: Iterable[str]) -> Self:
        return cls(
            id=workflow_id(order.order_id),
            search_attributes=initial_attributes(order, providers),
            summary=static_summary(order),
            priority=Priority(fairness_key=order.seller),
        )


def _start_operation(
    order: Order, providers: Iterable[str]
) -> WithStartWorkflowOperation[OrderFulfillment, OrderResult]:
    options = _StartOptions.of(order, providers)
    return WithStartWorkflowOperation(
        OrderFulfillment.run,
        order,
        id=options.id,
        task_queue=ORDER_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=options.search_attributes,
        static_summary=options.summary,
        priority=options.priority,
    )


async def _retrieve(operation: WithStartWorkflowOperation[OrderFulfillment, OrderResult]) -> None:
    """Take the operation's own copy of the failure, or asyncio complains that nobody ever looked at it.

    The copy may be a cancellation: of the call that ran out of time, not of us.
    """
    copy = asyncio.ensure_future(operation.workflow_handle())
    await asyncio.wait([copy], timeout=0.1)
    if not copy.cancel() and not copy.cancelled():
        copy.exception()
