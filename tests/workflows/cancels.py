"""Words to cancel orders with: an order in any status, every door, what is asked, and what the outside is left with."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from temporalio.client import WorkflowExecutionStatus

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.orders import LineQuantity, Order
from ordersaga.domain.shipping import CancelDecision, ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.script import Scripted
from tests.workflows.world import Handle, World, stalled
from workflows.messages import CancelAnswer, CancelRequest, HoldRequest

S = OrderStatus
GRACE = {"hand_off_delay": timedelta(hours=1)}
TWO_PARCELS = (("MUG", 2), ("TEE", 2))
HEARTBEAT = 3.0
"""Seconds after which Temporal delivers messages to an order that hears soon and waits for a quick step."""
ON_RECORD = 6.5
"""After which an update has also been put on record."""
_events = count(1)


async def _nothing() -> None:
    """The order goes on by itself."""


@dataclass
class Stage:
    """An order brought to where somebody cancels. `go_on`: what the world does next, once that was asked."""

    world: World
    placed: Order
    handle: Handle
    go_on: Callable[[], Awaitable[None]] = _nothing

    async def kinds(self) -> list[str]:
        """The kinds of the story's entries so far."""
        return [entry["kind"] for entry in await self.handle.query("timeline")]

    async def told(self, kind: str) -> None:
        """Wait until the story tells this."""
        for _ in range(300):
            if kind in await self.kinds():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{kind} was never told; {await self.kinds()}")

    async def canceled_while(
        self, fake: Scripted, method: str, begin: Awaitable[None], asked: CancelRequest | None = None
    ) -> CancelAnswer:
        """The answer to who cancels while the call that `begin` leads to is under way."""
        async with stalled(fake, method) as reached:
            await begin
            await asyncio.wait_for(reached.wait(), 10)
            answer = asyncio.ensure_future(cancel(self.handle, asked or WHOLE))
            await asyncio.sleep(ON_RECORD)
        return await answer

    async def stands(self, orders: int) -> None:
        """Wait until the warehouse has heard of so many hand-offs, and each has its label."""
        for _ in range(300):
            if len(provider_orders(self.world)) == len(labels(self.world)) == orders:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{provider_orders(self.world)}, {labels(self.world)}")

    @property
    def live(self) -> list[str]:
        """The references of the provider orders that stand."""
        orders = {**self.world.provider.orders, **self.world.warehouse.orders}
        return [reference for reference, order in orders.items() if order.status is not ParcelStatus.CANCELED]

    async def report(self, reference: str, status: ParcelStatus, **told: object) -> None:
        """A report about one hand-off."""
        of = parse_parcel_reference(reference)
        assert of is not None
        event = ParcelEvent(
            source="test",
            source_id=f"cancel-{next(_events)}",
            parcel=of.parcel,
            generation=of.generation,
            status=status,
            occurred_at=datetime.now(UTC),
            **told,
        )
        await self.handle.signal("parcel_event", event)

    async def scanned(self, reference: str | None = None) -> None:
        """Carrier's scan of the only parcel, or of this one; then it is paid."""
        reference = reference or self.live[0]
        of = parse_parcel_reference(reference)
        assert of is not None
        await self.report(reference, ParcelStatus.IN_TRANSIT)
        number = of.parcel
        await self.world.until(self.handle, lambda view: view.parcels[number - 1].captured > 0)

    async def ended(self) -> OrderStatus:
        """Every parcel that stands is scanned and delivered; how the order ends."""
        for _ in range(100):
            if (await self.handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                break
            await self._deliver_all()
            await asyncio.sleep(0.1)
        return (await self.world.result(self.handle)).status

    async def _deliver_all(self) -> None:
        view = await self.world.until(self.handle, lambda _: True)
        going = {p.plan.parcel for p in view.parcels if p.status in _GOING}
        for reference in self.live:
            of = parse_parcel_reference(reference)
            if of is not None and of.parcel in going and not view.attention:
                await self.report(reference, ParcelStatus.IN_TRANSIT)
                await self.report(reference, ParcelStatus.DELIVERED)


_GOING = (ParcelStatus.ACCEPTED, ParcelStatus.PICKED, ParcelStatus.PACKED, ParcelStatus.IN_TRANSIT)


def units(*lines: tuple[str, int], request_id: str | None = None) -> CancelRequest:
    """Only these units."""
    wanted = tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in lines)
    return CancelRequest(by="agent", reason="too many", lines=wanted, request_id=request_id)


WHOLE = CancelRequest(by="agent", reason="changed mind")


async def cancel(handle: Handle, asked: CancelRequest = WHOLE) -> CancelAnswer:
    """Cancel by the update; its answer."""
    answer: CancelAnswer = await handle.execute_update("cancel", asked, result_type=CancelAnswer)
    return answer


async def preview(handle: Handle, asked: CancelRequest = WHOLE) -> CancelAnswer:
    """What cancelling would come to."""
    answer: CancelAnswer = await handle.query("preview_cancel", asked, result_type=CancelAnswer)
    return answer


# ---- an order in every status ------------------------------------------------------------------------------------


async def accepted(world: World, *lines: tuple[str, int], **changes: object) -> Stage:
    """An order whose parcels are all at the warehouse, each with its label; mugs in the east, shirts in the west."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10), provider="seller_warehouse")
    placed, handle = await world.accepted(*(lines or (("MUG", 2),)), **changes)
    await world.until(handle, lambda view: all(parcel.tracking_number for parcel in view.parcels))
    return Stage(world, placed, handle)


async def pending(world: World) -> Stage:
    """The bank does not answer the authorization."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10), provider="seller_warehouse")
    for _ in range(300):
        world.payments.fail_next("authorize", RetryError("down", "no answer"))
    placed = world.order(("MUG", 2))
    handle = await world.started_later(placed, timedelta(0))
    await world.called(world.payments, "authorize", 1)
    await world.until(handle, lambda view: view.status is S.PENDING)

    async def go_on() -> None:
        world.up(world.payments, "authorize")

    return Stage(world, placed, handle, go_on)


async def action_required(world: World) -> Stage:
    """The shopper has one more step to pay."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10), provider="seller_warehouse")
    world.payments.require_action_next()
    placed = world.order(("MUG", 2))
    _, handle = await world.checkout(placed)

    async def go_on() -> None:
        if not world.payments.called("void"):
            world.payments.complete_action(world.payment(placed).payment_id)
            await world.payment_moved(handle)

    return Stage(world, placed, handle, go_on)


async def confirmed(world: World) -> Stage:
    """In the hand-off delay."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10), provider="seller_warehouse")
    placed, handle = await world.confirmed(("MUG", 2), terms=GRACE)
    return Stage(world, placed, handle, lambda: world.pass_time(handle, timedelta(hours=2)))


async def on_hold(world: World) -> Stage:
    """Kept back by a person."""
    stage = await confirmed(world)
    hold = HoldRequest(kind="fraud", by="risk")
    await stage.handle.execute_update("place_hold", hold)

    async def go_on() -> None:
        await stage.handle.execute_update("release_hold", hold)
        await world.pass_time(stage.handle, timedelta(hours=2))

    return Stage(world, stage.placed, stage.handle, go_on)


async def partially_shipped(world: World) -> Stage:
    """One parcel of two was scanned, and is paid."""
    stage = await accepted(world, *TWO_PARCELS)
    await stage.scanned(world.reference(stage.placed, 1))
    return stage


async def shipped(world: World) -> Stage:
    """The only parcel was scanned, and is paid."""
    stage = await accepted(world)
    await stage.scanned()
    return stage


async def delivered(world: World) -> Stage:
    """One parcel of two has arrived."""
    stage = await partially_shipped(world)
    await stage.report(world.reference(stage.placed, 1), ParcelStatus.DELIVERED)
    await world.until(stage.handle, lambda view: view.parcels[0].status is ParcelStatus.DELIVERED)
    return stage


async def canceling(world: World) -> Stage:
    """Somebody canceled it; the warehouse decides later."""
    stage = await accepted(world)
    for _ in range(2):
        world.warehouse.answer_cancel_next(CancelDecision.PENDING)
    await stage.handle.signal("request_cancel")
    await world.until(stage.handle, lambda view: view.status is S.CANCELING)
    return stage


async def needs_attention(world: World) -> Stage:
    """The hand-off was refused to us: a person is asked."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10), provider="seller_warehouse")
    world.warehouse.fail_next("submit", OperatorError("bad_credentials", "key revoked"))
    placed, handle = await world.confirmed(("MUG", 2))
    await world.question(handle, "step_failed")
    return Stage(world, placed, handle)


async def completed(world: World) -> Stage:
    """Arrived, paid, closed."""
    stage = await accepted(world)
    await stage.ended()
    return stage


async def canceled(world: World) -> Stage:
    """Canceled before, and closed."""
    stage = await accepted(world)
    await cancel(stage.handle)
    await world.result(stage.handle)
    return stage


async def rejected(world: World) -> Stage:
    """The card was declined."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10), provider="seller_warehouse")
    world.payments.decline_next()
    placed = world.order(("MUG", 2))
    _, handle = await world.checkout(placed)
    await world.result(handle)
    return Stage(world, placed, handle)


async def returned(world: World) -> Stage:
    """Back at its sender, refunded, closed."""
    stage = await shipped(world)
    await stage.report(stage.live[0], ParcelStatus.RETURNED_TO_SENDER)
    await world.result(stage.handle)
    return stage


BRING: dict[OrderStatus, Callable[[World], Awaitable[Stage]]] = {
    S.PENDING: pending,
    S.ACTION_REQUIRED: action_required,
    S.CONFIRMED: confirmed,
    S.ON_HOLD: on_hold,
    S.FULFILLING: accepted,
    S.PARTIALLY_SHIPPED: partially_shipped,
    S.SHIPPED: shipped,
    S.DELIVERED: delivered,
    S.CANCELING: canceling,
    S.NEEDS_ATTENTION: needs_attention,
    S.COMPLETED: completed,
    S.CANCELED: canceled,
    S.REJECTED: rejected,
    S.RETURNED: returned,
}
"""How an order comes into each status. `delivered` is of one parcel of two: once all have arrived, the order closes."""


# ---- what the outside is left with -------------------------------------------------------------------------------


def payments(world: World, placed: Order) -> tuple[str, ...]:
    """Every payment of the order as the company sees it: `voided`, `captured 2000`, `captured 2000 refunded 1000`."""
    known = [world.payments.payments[found] for key, found in world.payments.references.items() if _of(placed, key)]
    return tuple(
        " ".join([state.status.value, *([str(state.captured)] if state.captured else [])])
        + (f" refunded {state.refunded}" if state.refunded else "")
        for state in known
    )


def _of(placed: Order, reference: str) -> bool:
    return reference.startswith(f"{placed.order_id}/")


def provider_orders(world: World) -> tuple[str, ...]:
    """Every hand-off with what the provider makes of it: `1-1 canceled` is parcel 1, generation 1."""
    orders = {**world.provider.orders, **world.warehouse.orders}
    return tuple(f"{_short(reference)} {order.status}" for reference, order in sorted(orders.items()))


def labels(world: World) -> tuple[str, ...]:
    """Every label: `1-1 voided`, `1-2 used`."""
    bought = sorted(world.carrier.labels.items())
    return tuple(f"{_short(reference)} {'voided' if label.voided else 'used'}" for reference, label in bought)


def _short(reference: str) -> str:
    of = parse_parcel_reference(reference)
    assert of is not None
    return f"{of.parcel}-{of.generation}"


def shelves(world: World) -> dict[str, int]:
    """Units on the shelves by SKU; nothing may be held any more."""
    assert all(held == 0 for _, held in world.units().values()), world.units()
    return {sku: on_hand for (_, sku), (on_hand, _) in world.units().items()}
