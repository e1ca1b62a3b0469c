"""A small world for saga tests: fakes, workers, and the words to play a scenario in."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self

from temporalio.api.enums.v1 import EventType
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.books import Balance
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.orders import Order, SellerTerms
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import ParcelStatus
from tests.fakes.effects import FakeEffects
from tests.fakes.journal import FakeJournal
from tests.fakes.memory import Memory
from tests.fakes.payments import FakePayments
from tests.fakes.samples import catalog, order
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.fakes.stock import FakeStock
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
_numbers = count(1)


class World:
    """Fakes behind real workers on a real server. `nj-1` and `ca-1` each hold 10 of MUG, 10 of TEE."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.environment = environment
        self.client = environment.client
        self.memory = Memory()
        self.payments = FakePayments(self.memory)
        self.provider = FakeProvider(books_carrier=True)
        self.warehouse = FakeProvider(name="seller_warehouse", books_carrier=False)
        self.carrier = FakeCarrier()
        self.stock = FakeStock(self.memory)
        self.effects = FakeEffects(self.memory)
        self.journal = FakeJournal(self.memory)
        self._prefix = f"o{next(_numbers)}x"
        self._events = count(1)
        self.stocked()

    def stocked(self, *receipts: tuple[str, str, int], provider: str = "shipbob") -> None:
        """Put units on the shelves; by default ten of each product on both coasts."""
        default = [("nj-1", "MUG", 10), ("nj-1", "TEE", 10), ("ca-1", "MUG", 10), ("ca-1", "TEE", 10)]
        self.memory.load(catalog(*(receipts or default), provider=provider))

    async def __aenter__(self) -> Self:
        ports = Ports(
            stock=self.stock,
            ledger=self.effects,
            journal=self.journal,
            payments=self.payments,
            providers={"shipbob": self.provider, "seller_warehouse": self.warehouse},
            carrier=self.carrier,
            payments_visible_after=timedelta(0),
        )
        activities = build(ports)
        workers = [order_worker(self.client, activities), *lane_workers(self.client, activities, ports.providers)]
        self._running = running(workers)
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.__aexit__(kind, error, trace)

    def order(self, *lines: tuple[str, int], **changes: Any) -> Order:
        """A new order, placed now."""
        terms = SellerTerms(**changes.pop("terms", {}))
        name = f"{self._prefix}{next(self._events)}"
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
        )
        answer = await self.client.execute_update_with_start_workflow(
            "confirm", start_workflow_operation=operation, id="confirm", result_type=ConfirmAnswer
        )
        return answer, await operation.workflow_handle()

    async def report(self, handle: Handle, status: ParcelStatus, *, parcel: int = 1, **extra: str) -> None:
        """A provider's or carrier's message arrives."""
        event = ParcelEvent(
            source="test",
            source_id=str(next(self._events)),
            parcel=parcel,
            generation=1,
            status=status,
            occurred_at=datetime.now(UTC),
            **extra,
        )
        await handle.signal("parcel_event", event)

    async def payment_moved(self, handle: Handle) -> None:
        """The payment company's message arrives."""
        event = PaymentEvent(source="test", source_id="e", parcel=1, payment_id="p", kind="payment_intent.changed")
        await handle.signal("payment_event", event)

    async def deliver(self, handle: Handle, *parcels: int) -> OrderResult:
        """Every parcel is scanned and delivered; the order's result."""
        for parcel in parcels or (1,):
            await self.report(handle, ParcelStatus.IN_TRANSIT, parcel=parcel, carrier="ups", tracking_number="1Z1")
            await self.report(handle, ParcelStatus.DELIVERED, parcel=parcel)
        return await self.result(handle)

    async def result(self, handle: Handle) -> OrderResult:
        """How the order ended."""
        return await asyncio.wait_for(handle.result(), 20)

    async def cancel(self, handle: Handle, by: str = "agent") -> CancelAnswer:
        """A support agent cancels and hears the answer."""
        asked = CancelRequest(by=by, reason="changed mind")
        answer: CancelAnswer = await handle.execute_update("cancel", asked, result_type=CancelAnswer)
        return answer

    async def resolve(self, handle: Handle, choice: str) -> None:
        """An operator answers the only open question."""
        item = await self.question(handle)
        answer = Resolution(item_id=item, choice=choice, by="operator", reason="seen")
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

    async def pass_time(self, handle: Handle, by: timedelta) -> None:
        """Let time pass for one order, firing its timers on the way."""
        await self.environment.fast_forward(handle, by)

    async def balance(self, placed: Order) -> Balance:
        """The order's books."""
        return await self.effects.balance(placed.order_id)

    def units(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(location, sku) to (on hand, held)."""
        return {(level.location, level.sku): (level.on_hand, level.held) for level in self.memory.stock_levels()}


async def event_counts(handle: Handle) -> tuple[list[str], int]:
    """The names of a history's events, and its size in bytes."""
    history = await handle.fetch_history()
    names = [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]
    return names, sum(event.ByteSize() for event in history.events)
