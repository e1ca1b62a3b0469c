"""A small world for saga tests: fakes, workers, and the words to play a scenario in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WithStartWorkflowOperation, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from ordersaga.channel_purse import ChannelPurse
from ordersaga.domain.books import Balance
from ordersaga.domain.channels import ChannelAccount
from ordersaga.domain.errors import RetryError
from ordersaga.domain.identifiers import effect_key, workflow_id
from ordersaga.domain.orders import Order, SellerTerms
from ordersaga.domain.payments import PaymentState
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.fakes.channels import FakeChannel
from tests.fakes.effects import FakeEffects
from tests.fakes.journal import FakeJournal
from tests.fakes.memory import Memory
from tests.fakes.payments import FakePayments
from tests.fakes.platform import FakePlatform
from tests.fakes.returns import FakeExchanges, FakeReturns
from tests.fakes.samples import catalog, order
from tests.fakes.script import Scripted
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.fakes.stock import FakeStock
from tests.support.sources import Sources, beside
from tests.support.stops import ScriptedStops
from workers.activities import Ports, build
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker
from workflows import presentation
from workflows.messages import (
    ORDER_QUEUE,
    CancelAnswer,
    CancelRequest,
    ConfirmAnswer,
    OrderResult,
    OrderView,
    Resolution,
)
from workflows.order_fulfillment import OrderFulfillment

Handle = WorkflowHandle[OrderFulfillment, OrderResult]
A = TypeVar("A")
SHOP = "tiktok_acme"
ACCOUNT = ChannelAccount(account=SHOP, channel="tiktok_shop", seller="acme", shop="1")
"""The marketplace's shop that `World.channel` stands for."""
_numbers = count(1)


class _Calls(list[tuple[Any, ...]]):
    """A fake's calls, which also enter the log that all fakes share."""

    def __init__(self, name: str, log: list[str]) -> None:
        super().__init__()
        self._name, self._log = name, log

    def append(self, call: tuple[Any, ...]) -> None:
        super().append(call)
        self._log.append(f"{self._name}.{call[0]}")


@contextlib.contextmanager
def _unless_over() -> Iterator[None]:
    """Time passes for no workflow that has ended."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


@contextlib.asynccontextmanager
async def stalled(fake: Scripted, method: str) -> AsyncIterator[asyncio.Event]:
    """The next call of a method waits for the end of this block, later ones do not; the event: it has arrived."""
    reached, end, real = asyncio.Event(), asyncio.Event(), getattr(fake, method)

    async def wait(*args: Any, **kwargs: Any) -> Any:
        setattr(fake, method, real)
        reached.set()
        await end.wait()
        return await real(*args, **kwargs)

    setattr(fake, method, wait)
    yield reached
    end.set()


class World:
    """Fakes behind real workers on a real server. `nj-1` and `ca-1` each hold 10 of MUG, 10 of TEE."""

    def __init__(self, environment: WorkflowEnvironment, prefix: str | None = None, **worker: Any) -> None:
        self.environment = environment
        self._worker = worker
        self.client = environment.client
        self.memory = Memory()
        self.payments = FakePayments(self.memory)
        self.platform = FakePlatform()
        self.prefix = prefix or f"o{next(_numbers)}x"
        self.channel = FakeChannel(self.memory, shop=self.prefix)
        self.provider = FakeProvider(books_carrier=True)
        self.warehouse = FakeProvider(name="seller_warehouse", books_carrier=False)
        self.carrier = FakeCarrier()
        self.stock = FakeStock(self.memory)
        self.effects = FakeEffects(self.memory)
        self.journal = FakeJournal(self.memory)
        self.returns = FakeReturns(self.memory)
        self.exchanges = FakeExchanges(self.stock)
        self.sources = Sources()
        self.stops = ScriptedStops()
        self.log: list[str] = []
        self._share_log()
        self.handles: list[WorkflowHandle[Any, Any]] = []
        self.task_timeout: timedelta | None = None
        self._events = count(1)
        self.stocked()

    def hear_soon(self) -> None:
        """Orders hear what is said to them two seconds into a step of their own that takes long, not eight."""
        self.task_timeout = timedelta(seconds=2.5)

    def stocked(self, *receipts: tuple[str, str, int], provider: str = "shipbob") -> None:
        """Put units on the shelves; by default ten of each product on both coasts."""
        default = [("nj-1", "MUG", 10), ("nj-1", "TEE", 10), ("ca-1", "MUG", 10), ("ca-1", "TEE", 10)]
        self.memory.load(catalog(*(receipts or default), provider=provider))

    def restocked(self, *receipts: tuple[str, str, int], provider: str = "shipbob") -> None:
        """Empty the shelves, then put these units on them, at warehouses of `provider`."""
        self.memory.shelves.clear()
        self.memory.receipts.clear()
        self.stocked(*receipts, provider=provider)

    def _share_log(self) -> None:
        fakes: dict[str, Scripted] = {
            "payments": self.payments,
            "platform": self.platform,
            "channel": self.channel,
            "shipbob": self.provider,
            "warehouse": self.warehouse,
            "carrier": self.carrier,
            "stock": self.stock,
        }
        for name, fake in fakes.items():
            fake.calls = _Calls(name, self.log)

    def ports(self) -> Ports:
        """What activities reach: the fakes."""
        return Ports(
            stock=self.stock,
            ledger=self.effects,
            journal=self.journal,
            payments=self.payments,
            providers={"shipbob": self.provider, "seller_warehouse": self.warehouse},
            carriers={"easypost": self.carrier},
            returns=self.returns,
            exchanges=self.exchanges,
            visible_after=timedelta(0),
            channel_money={"tiktok_shop": self.platform, SHOP: self._purse()},
            channels={SHOP: self.channel},
            channel_accounts={SHOP: ACCOUNT},
        )

    def _purse(self) -> ChannelPurse:
        return ChannelPurse(SHOP, self.channel, self.journal, self.effects)

    def attended(self, ports: Ports) -> list[str]:
        """The carrier accounts whose lanes have a worker."""
        return list(ports.carriers)

    async def __aenter__(self) -> Self:
        ports = self.ports()
        activities = self.stops.beside(beside(build(ports), self.sources))
        orders = order_worker(self.client, activities, **self._worker)
        accounts, shops = self.attended(ports), ports.channels
        workers = [orders, *lane_workers(self.client, activities, ports.providers, accounts=accounts, channels=shops)]
        self._running = running(workers, settle=0)
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.__aexit__(kind, error, trace)

    def order(self, *lines: tuple[str, int], **changes: Any) -> Order:
        """A new order, placed now."""
        terms = SellerTerms(**changes.pop("terms", {}))
        name = f"{self.prefix}{next(self._events)}"
        return order(name, *lines, placed_at=datetime.now(UTC), terms=terms, **changes)

    async def checkout(self, placed: Order, *providers: str) -> tuple[ConfirmAnswer, Handle]:
        """What a checkout does: start the saga and wait for its answer, in one call."""
        operation = WithStartWorkflowOperation(
            OrderFulfillment.run,
            placed,
            id=workflow_id(placed.order_id),
            task_queue=ORDER_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=presentation.initial_attributes(placed, providers),
            static_summary=presentation.static_summary(placed),
            task_timeout=self.task_timeout,
        )
        answer = await self.client.execute_update_with_start_workflow(
            "confirm", start_workflow_operation=operation, id="confirm", result_type=ConfirmAnswer
        )
        handle = await operation.workflow_handle()
        self.handles.append(handle)
        return answer, handle

    async def started_later(self, placed: Order, delay: timedelta) -> Handle:
        """An order whose first workflow task comes only after a delay."""
        handle: Handle = await self.client.start_workflow(
            OrderFulfillment.run,
            placed,
            id=workflow_id(placed.order_id),
            task_queue=ORDER_QUEUE,
            search_attributes=presentation.initial_attributes(placed),
            start_delay=delay,
        )
        self.handles.append(handle)
        return handle

    async def confirmed(self, *lines: tuple[str, int], **changes: Any) -> tuple[Order, Handle]:
        """An order whose checkout heard `confirmed`."""
        placed = self.order(*lines, **changes)
        answer, handle = await self.checkout(placed)
        assert answer.outcome is ConfirmOutcome.CONFIRMED
        return placed, handle

    async def accepted(self, *lines: tuple[str, int], **changes: Any) -> tuple[Order, Handle]:
        """An order whose parcels are all at their providers."""
        placed, handle = await self.confirmed(*lines, **changes)
        await self.until(handle, lambda view: all(p.status is ParcelStatus.ACCEPTED for p in view.parcels))
        return placed, handle

    def reference(self, placed: Order, parcel: int = 1, generation: int = 1) -> str:
        """What provider and carrier know a parcel by."""
        return f"{placed.order_id}-{parcel}-{generation}"

    def payment(self, placed: Order, parcel: int = 1, generation: int = 1) -> PaymentState:
        """A parcel's payment, as the payment company sees it."""
        key = effect_key(placed.order_id, "authorize", parcel, generation)
        return self.payments.payments[self.payments.references[key]]

    async def report(
        self, handle: Handle, status: ParcelStatus, *, parcel: int = 1, generation: int = 1, **extra: object
    ) -> None:
        """A provider's or carrier's message arrives."""
        event = ParcelEvent(
            source="test",
            source_id=str(next(self._events)),
            parcel=parcel,
            generation=generation,
            status=status,
            occurred_at=datetime.now(UTC),
            **extra,
        )
        await handle.signal("parcel_event", event)

    async def payment_moved(self, handle: Handle) -> None:
        """The payment company's message arrives."""
        event = PaymentEvent(source="test", source_id="e", parcel=1, payment_id="p", kind="payment_intent.changed")
        await handle.signal("payment_event", event)

    async def deliver(self, handle: Handle, *parcels: int, generation: int = 1) -> OrderResult:
        """Every parcel is scanned and delivered; the order's result."""
        for parcel in parcels or (1,):
            await self.arrive(handle, parcel, generation)
        return await self.result(handle)

    async def arrive(self, handle: Handle, parcel: int = 1, generation: int = 1) -> None:
        """One parcel is scanned and delivered."""
        scan = {"carrier": "ups", "tracking_number": "1Z1"}
        await self.report(handle, ParcelStatus.IN_TRANSIT, parcel=parcel, generation=generation, **scan)
        await self.report(handle, ParcelStatus.DELIVERED, parcel=parcel, generation=generation)

    async def result(self, handle: Handle) -> OrderResult:
        """How the order ended."""
        return await asyncio.wait_for(handle.result(), 20)

    async def cancel(self, handle: Handle, by: str = "agent") -> CancelAnswer:
        """A support agent cancels and hears the answer."""
        asked = CancelRequest(by=by, reason="changed mind")
        answer: CancelAnswer = await handle.execute_update("cancel", asked, result_type=CancelAnswer)
        return answer

    async def resolve(self, handle: Handle, choice: str, kind: str | None = None, by: str = "operator") -> None:
        """An operator answers the open question (of a kind)."""
        item = await self.question(handle, kind)
        answer = Resolution(item_id=item, choice=choice, by=by, reason="seen")
        await handle.execute_update("resolve_attention", answer)

    async def question(self, handle: Handle, kind: str | None = None) -> str:
        """Wait for an open question; its id."""
        view = await self.until(handle, lambda seen: any(kind in (None, i.kind) for i in seen.attention))
        return next(item.item_id for item in view.attention if kind in (None, item.kind))

    async def until(self, handle: Handle, condition: Callable[[OrderView], bool]) -> OrderView:
        """Look at the order until it is as expected."""
        for _ in range(200):
            view: OrderView = await handle.query("order_state", result_type=OrderView)
            if condition(view):
                return view
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true; last seen: {view}")

    async def called(self, fake: Scripted, method: str, times: int) -> None:
        """Wait until a method of the outside was called so many times."""
        await self._eventually(lambda: len(fake.called(method)) >= times, f"{times} calls of {method}")

    async def recorded(self, placed: Order, status: OrderStatus) -> None:
        """Wait until lists show this status for the order."""
        await self._eventually(lambda: self.memory.orders[placed.order_id].status is status, f"recorded as {status}")

    async def _eventually(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never happened: {what}; calls: {self.log}")

    def down(self, fake: Scripted, method: str, times: int = 300) -> None:
        """An outside company answers nothing for a long time; `up` ends it."""
        for _ in range(times):
            fake.fail_next(method, RetryError("down", "no answer", unknown=True))

    def up(self, fake: Scripted, method: str) -> None:
        """It answers again."""
        fake.forget_failures(method)

    def story(self, placed: Order) -> list[str]:
        """The kinds of the journal entries people read about an order, in order."""
        return [entry.kind for (owner, _), entry in self.memory.journal.items() if owner == placed.order_id]

    async def pass_time(self, handle: WorkflowHandle[Any, Any], by: timedelta) -> None:
        """Let time pass for the outside companies and for one order, unless it has ended, firing its timers."""
        before = self.memory.now
        self.memory.now = lambda: before() + by
        with _unless_over():
            await self.environment.fast_forward(handle, by)

    async def waiting(self, handle: WorkflowHandle[Any, Any], asked: Coroutine[Any, Any, A]) -> A:
        """An order's answer to what it is asked, while its time passes: nothing else can decide about it."""
        answer = asyncio.create_task(asked)
        async with asyncio.timeout(60):
            while not answer.done():
                await asyncio.wait([answer], timeout=0.2)
                if not answer.done():
                    await self.pass_time(handle, timedelta(seconds=10))
        return await answer

    async def balanced(self, placed: Order) -> None:
        """The order's books explain all its money and goods, and nothing is held for it."""
        assert (await self.balance(placed)).differences() == []

    async def failed_tasks(self) -> list[str]:
        """Workflow tasks that failed in any order of this world; there must be none. Ends orders left open."""
        return [failure for handle in self.handles for failure in await self._ended(handle)]

    async def _ended(self, handle: WorkflowHandle[Any, Any]) -> list[str]:
        failures = await task_failures(handle)  # before it is terminated, which fails a task that is under way
        if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await handle.terminate("end of test")
        return failures

    async def balance(self, placed: Order) -> Balance:
        """The order's books."""
        return await self.effects.balance(placed.order_id)

    def units(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(location, sku) to (on hand, held)."""
        return {(level.location, level.sku): (level.on_hand, level.held) for level in self.memory.stock_levels()}


async def task_failures(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """Why workflow tasks of an order failed, if any. A message that crosses the order's end is none, nor is a reset."""
    causes = WorkflowTaskFailedCause
    fine = (causes.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, causes.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)
    failed = [
        event.workflow_task_failed_event_attributes
        for event in (await handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    return [f"{handle.id}: {task.failure.message}" for task in failed if task.cause not in fine]


async def event_counts(handle: Handle) -> tuple[list[str], int]:
    """The names of a history's events, and its size in bytes."""
    history = await handle.fetch_history()
    names = [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]
    return names, sum(event.ByteSize() for event in history.events)
