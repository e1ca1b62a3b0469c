"""One order's life as a program plays it: what people ask, what companies do, and what is heard of it."""

import asyncio
from collections.abc import Awaitable, Coroutine
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus as P
from tests.fakes.samples import WEST
from tests.properties.companies import LEFT, Companies, DecidingProvider, HonestCarrier
from tests.workflows.moving import MovingWorld
from tests.workflows.world import Handle, task_failures
from workers.sandbox import workflow_runner
from workflows.messages import CancelAnswer, OrderView
from workflows.order_fulfillment import OrderFulfillment

SHARED = {"shipbob in the east": WEST, "shipbob in the west": "nj-1"}
"""Each coast has a provider of its own: which is the seller's."""
HAND_OFF = 6
"""Looks, in which an order that may be handed off is."""
REFUSALS = {"customer", "operator"}
"""What may keep a request out: whoever asked hears why, in words."""


class Life:
    """One order in a world of its own. `told`: every report so far, for those that are repeated."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.world = MovingWorld(environment)
        self.world.carrier = HonestCarrier()
        self.providers = DecidingProvider(books_carrier=True), DecidingProvider(name="seller_warehouse")
        self.world.provider, self.world.warehouse = self.providers
        self.companies = Companies(self.world)
        self.told: list[ParcelEvent] = []
        self.asked: list[asyncio.Task[object]] = []
        self.cancel_answers: list[CancelAnswer] = []
        self.placed: Order
        self.handle: Handle

    async def begin(self, lines: tuple[tuple[str, int], ...], provider: str, **changes: Any) -> None:
        """Stock the shelves, open the doors, and place the order."""
        self.world.restocked(
            *((place, sku, 10) for place in ("nj-1", WEST) for sku in ("MUG", "TEE")),
            provider="shipbob" if provider in SHARED else provider,
        )
        if provider in SHARED:
            own = self.world.memory.locations[SHARED[provider]]
            self.world.memory.locations[own.location] = own.model_copy(update={"provider": "seller_warehouse"})
        await self.world.__aenter__()
        self.placed = self.world.order(*lines, **changes)
        self.handle = await self.world.started_later(self.placed, timedelta(0))
        await self.ask(self.handle.execute_update("confirm"))

    async def end(self) -> None:
        """Close the doors."""
        for task in self.asked:
            task.cancel()
        await self.world.__aexit__(None, None, None)

    # ---- looking ---------------------------------------------------------------------------------------------

    async def running(self) -> bool:
        """Whether the order has not ended."""
        return (await self.handle.describe()).status is WorkflowExecutionStatus.RUNNING

    async def view(self) -> OrderView:
        """The order as its saga sees it; asked again when a slow machine broke a workflow task off."""
        for _ in range(20):
            try:
                view: OrderView = await self.handle.query("order_state", result_type=OrderView)
            except RPCError:
                await asyncio.sleep(0.5)
            else:
                return view
        raise AssertionError("the order does not say how it stands")

    def story(self) -> list[str]:
        """What people read about the order, as `kind: text`."""
        known = self.world.memory.journal.items()
        return [f"{entry.kind}: {entry.text}" for (owner, _), entry in known if owner == self.placed.order_id]

    def picked(self, which: int) -> str | None:
        """One of the hand-offs there are, by any number."""
        references = list(self.companies.orders)
        return references[which % len(references)] if references else None

    # ---- asking ----------------------------------------------------------------------------------------------

    async def ask(self, asking: Coroutine[Any, Any, Any]) -> None:
        """Somebody asks and waits for the answer, while everything else goes on."""
        self.asked.append(asyncio.create_task(self._heard(asking)))

    async def _heard(self, asking: Awaitable[object]) -> object:
        """The answer; None when the order would not take the request, or has ended."""
        try:
            return await asking
        except RPCError:
            return None
        except WorkflowUpdateFailedError as failure:
            cause = failure.cause
            assert isinstance(cause, ApplicationError), f"an accepted request was dropped: {cause!r}"
            assert cause.type in REFUSALS, f"a request failed as {cause.type}: {cause}"
            return None

    async def signal(self, name: str, *inputs: object) -> bool:
        """Send a message; False: the order has ended."""
        try:
            await self.handle.signal(name, args=inputs)
        except RPCError:
            return False
        return True

    # ---- what companies do -----------------------------------------------------------------------------------

    async def moves(self, which: int, to: P, heard: int) -> None:
        """A parcel gets somewhere, if it can; that is heard so many times."""
        reference = self.picked(which)
        if reference is not None and self.companies.can_move(reference, to):
            await self.tell(self.companies.move(reference, to) * heard)

    async def lacks(self, which: int, heard: int) -> None:
        """A provider finds that it has a unit less of what it was given, if it can; that is heard so many times."""
        for _ in range(HAND_OFF):
            if able := [one for one in self.companies.orders if self.companies.can_lack(one)]:
                await self.tell([self.companies.lack(able[which % len(able)])] * heard)
                return
            await asyncio.sleep(0.05)

    async def ships_all_the_same(self, which: int) -> None:
        """A parcel that its provider had canceled leaves."""
        reference = self.picked(which)
        if reference is None or self.companies.standing(reference) is not P.CANCELED or not await self.running():
            return
        source = "shipbob" if self.companies.provider_of(reference) is self.world.provider else "easypost"
        if await self.signal("parcel_event", self.companies.event(source, reference, P.IN_TRANSIT)):
            self.companies.move(reference, P.IN_TRANSIT)
            self.companies.shipped_all_the_same.add(reference)

    async def tell(self, events: list[ParcelEvent]) -> None:
        """These reports arrive."""
        for event in events:
            self.told.append(event)
            await self.signal("parcel_event", event)

    async def payment_changes(self, which: int) -> None:
        """The shopper passes the challenge, or a reservation ends by itself; or the message says nothing new."""
        states = list(self.world.payments.payments.values())
        if states:
            state = states[which % len(states)]
            if state.status is PaymentStatus.REQUIRES_ACTION:
                self.world.payments.complete_action(state.payment_id)
            elif state.status is PaymentStatus.AUTHORIZED and not self.scanned():
                self.world.payments.lapse(state.payment_id)
        try:
            await self.world.payment_moved(self.handle)
        except RPCError:
            return

    def scanned(self) -> bool:
        """Whether any goods have left."""
        return any(self.companies.standing(reference) in LEFT for reference in self.companies.orders)

    async def time_passes(self, by: timedelta) -> None:
        """For the order and for everybody outside."""
        try:
            await self.world.pass_time(self.handle, by)
        except RPCError:
            return  # it has ended

    async def failures(self) -> list[str]:
        """Workflow tasks that failed, but for those that a slow machine broke off."""
        return [failure for failure in await task_failures(self.handle) if "TMPRL1101" not in failure]

    async def replays(self) -> list[str]:
        """Why another worker could not continue the order from its history, if it could not."""
        known = Replayer(
            workflows=[OrderFulfillment], workflow_runner=workflow_runner(), data_converter=pydantic_data_converter
        )
        history = await self.handle.fetch_history()
        failure = (await known.replay_workflow(history, raise_on_replay_failure=False)).replay_failure
        return [] if failure is None else [f"its history does not replay: {failure}"]

    async def workers_are_replaced(self) -> None:
        """Every worker ends and another begins, which knows of the order only what its history tells."""
        await self.world.__aexit__(None, None, None)
        await self.world.__aenter__()
