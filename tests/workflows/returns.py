"""The words to play a return in: an order delivered, a return asked for, sent back, inspected."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from activities.effects import Effects
from activities.inventory import Inventory, ShipUnits
from activities.payments import ParcelPayment, Payments
from ordersaga.domain.identifiers import return_workflow_id
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.orders import LineQuantity, Order, ParcelPlan, Payment
from ordersaga.domain.returns import InspectedLine, Inspection, Opened, Refusal, ReturnAsk, ReturnRecord, ReturnRequest
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.domain.values import Message
from tests.workflows.world import World
from workflows import return_presentation
from workflows.messages import ORDER_QUEUE, Resolution
from workflows.order_return import OrderReturn
from workflows.return_state import CancelReturn, ReturnResult, ReturnView

Handle = WorkflowHandle[OrderReturn, ReturnResult]
SAVED = Payment(payment_method="pm_card_visa", customer="cus_ada")


@dataclass
class Returning:
    """One return of one order, in a world."""

    world: World
    placed: Order
    handle: Handle
    number: int = 1

    @property
    def record(self) -> ReturnRecord:
        """What lists show."""
        return self.world.returns.records[self.placed.order_id, self.number]

    @property
    def reference(self) -> str:
        """What the carrier knows the way back by."""
        return self.record.case.reference

    async def view(self) -> ReturnView:
        """What its workflow says."""
        view: ReturnView = await self.handle.query("return_state", result_type=ReturnView)
        return view

    async def until(self, condition: Callable[[ReturnView], bool]) -> ReturnView:
        """Look at the return until it is as expected."""
        for _ in range(200):
            view = await self.view()
            if condition(view):
                return view
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true; last seen: {view}")

    async def awaited(self) -> "Returning":
        """Its shopper knows how to send the goods."""
        await self.until(lambda view: view.awaiting == "the goods, from the shopper")
        return self

    async def report(self, status: ParcelStatus, **changes: Any) -> None:
        """The carrier tells of the way back."""
        known = {"parcel": self.record.case.plan.parcel, "returning": self.number, "generation": 1}
        event = ParcelEvent(
            source="test", source_id="t", status=status, occurred_at=datetime.now(UTC), **{**known, **changes}
        )
        await self.handle.signal("parcel_event", event)

    async def receive(self, *lines: InspectedLine, reason: str | None = None) -> ReturnView:
        """The warehouse says what it found; by default one MUG as new."""
        found = Inspection(lines=lines or (InspectedLine(sku="MUG", sellable=1),), by="warehouse", reason=reason)
        return ReturnView.model_validate(await self.told("receive", found))

    async def cancel(self) -> ReturnView:
        """The shopper keeps it."""
        asked = CancelReturn(by="agent", reason="kept")
        return ReturnView.model_validate(await self.told("cancel_return", asked))

    async def question(self, kind: str) -> str:
        """Wait for an open question of a kind; its id."""
        view = await self.until(lambda seen: any(item.kind == kind for item in seen.attention))
        return next(item.item_id for item in view.attention if item.kind == kind)

    async def resolve(self, kind: str, choice: str, by: str = "operator") -> None:
        """A person answers it."""
        answer = Resolution(item_id=await self.question(kind), choice=choice, by=by, reason="seen")
        await self.told("resolve_attention", answer)

    async def told(self, update: str, message: Message) -> Any:
        """An update; asked again where it reached the return just as that was about to end."""
        for _ in range(20):
            try:
                return await self.handle.execute_update(update, message)
            except RPCError as error:
                if "unexpected workflow task failure" not in error.message:
                    raise
        raise AssertionError(f"{update} never got through")

    async def result(self) -> ReturnResult:
        """How it ended."""
        return await asyncio.wait_for(self.handle.result(), 20)

    def story(self) -> list[str]:
        """The kinds of the return's lines in the order's journal, in order."""
        mine = f"return-{self.number}-"
        return [
            entry.kind
            for (owner, name), entry in self.world.memory.journal.items()
            if owner == self.placed.order_id and name.startswith(mine)
        ]


async def delivered(world: World, *lines: tuple[str, int], **changes: Any) -> Order:
    """An order that has ended with everything at the shopper's, entered as its saga enters it."""
    placed = world.order(*lines, **changes)
    ports = world.ports()
    inventory, payments = Inventory(ports.stock, ports.ledger), _payments(world)
    for plan in (await inventory.hold_stock(placed)).parcels:
        payment = ParcelPayment(
            order_id=placed.order_id,
            parcel=plan.parcel,
            amount=plan.amount,
            currency=placed.currency,
            payment_method=placed.payment.payment_method,
            customer=placed.payment.customer,
        )
        await payments.authorize(payment)
        await payments.capture(payment)
        await inventory.ship_stock(ShipUnits(order_id=placed.order_id, plan=plan, currency=placed.currency))
    await world.journal.record(_ended(world, placed))
    return placed


def _payments(world: World) -> Payments:
    ports = world.ports()
    return Payments(ports.payments, Effects(ports.ledger, ports.visible_after), ports.ledger)


def _ended(world: World, placed: Order) -> JournalUpdate:
    entries = tuple(
        JournalEntry(
            entry_id=f"saga-{plan.parcel}", at=world.memory.now(), kind="delivered", text="", parcel=plan.parcel
        )
        for plan in parcels(world, placed)
    )
    return JournalUpdate(order_id=placed.order_id, status=OrderStatus.COMPLETED, outcome="confirmed", entries=entries)


def parcels(world: World, placed: Order) -> tuple[ParcelPlan, ...]:
    """How the order was cut into parcels."""
    return world.memory.orders[placed.order_id].parcels


def asked(*lines: tuple[str, int], **changes: Any) -> ReturnRequest:
    """A shopper's request; by default one MUG, unwanted."""
    units = tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in lines or (("MUG", 1),))
    return ReturnRequest(**{"lines": units, "reason": "unwanted", "by": "shopper", **changes})


async def opened(world: World, placed: Order, request: ReturnRequest, **more: Any) -> Opened | Refusal:
    """What the door says to a request, at the time of this world."""
    return await world.returns.open(placed.order_id, ReturnAsk(request, **more), world.memory.now())


async def started(world: World, placed: Order, *lines: tuple[str, int], **changes: Any) -> Returning:
    """A return that was accepted and whose workflow runs."""
    answer = await opened(world, placed, asked(*lines, **changes))
    assert isinstance(answer, Opened), answer
    case = answer.record.case
    handle: Handle = await world.client.start_workflow(
        OrderReturn.run,
        case,
        id=return_workflow_id(case.order_id, case.number),
        task_queue=ORDER_QUEUE,
        search_attributes=return_presentation.initial_attributes(case),
        static_summary=return_presentation.static_summary(case),
        task_timeout=world.task_timeout,
    )
    world.handles.append(handle)
    return Returning(world, placed, handle, case.number)


async def returning(world: World, *lines: tuple[str, int], **changes: Any) -> Returning:
    """A delivered order of these lines, all of which the shopper is to send back."""
    terms = {"terms": changes.pop("terms")} if "terms" in changes else {}
    payment = {"payment": changes.pop("payment")} if "payment" in changes else {}
    bought = changes.pop("bought", lines)
    placed = await delivered(world, *bought, **terms, **payment)
    return await (await started(world, placed, *lines, **changes)).awaited()


def shown(back: Returning) -> OrderStatus:
    """What lists show for the order."""
    return back.world.memory.orders[back.placed.order_id].status


def refunds(world: World) -> list[int]:
    """The amounts the payment company was asked to give back, in minor units."""
    return [call[1] for call in world.payments.called("refund")]
