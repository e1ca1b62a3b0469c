"""The distinct ways an order can take, each played to its end in a world of its own.

Every step is awaited before the next message is sent, so that a scenario always gives the same commands.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.replay.address_scenarios import address_gone_back, address_taken_in_part
from tests.replay.aside_scenarios import (
    not_set_aside_and_moved,
    set_aside_and_canceled,
    set_aside_and_shipped,
    set_aside_anew,
)
from tests.replay.carrier_scenarios import (
    account_not_allowed,
    carrier_chosen,
    carrier_stopped,
    label_elsewhere,
    label_looked_for,
)
from tests.replay.channel_scenarios import channel_canceled, channel_shipped
from tests.replay.moving_scenarios import (
    given_up_and_moved,
    missed_pick_moved,
    moved_while_away,
    refused_and_moved,
    short_and_given_back,
    short_and_moved,
    short_and_split,
)
from tests.replay.payment_scenarios import (
    bank_debit,
    bank_debit_too_late,
    pay_link,
    pay_link_abandoned,
    platform_paid,
)
from tests.replay.reconciliation_scenarios import finding_repaired, reconciled, repair_given_up, source_failed
from tests.replay.return_scenarios import goodwill_after_end, return_canceled, return_expired, return_lost, returned
from tests.replay.stop_scenarios import stop_foreseen, stop_lifted
from tests.workflows.accounts import ManyCarriers
from tests.workflows.aside import AsideWorld
from tests.workflows.changes import SAVED, change, goodwill, moved, to_boston
from tests.workflows.changes import split as split_off
from tests.workflows.moving import MovingWorld
from tests.workflows.world import Handle, World
from workflows.messages import CancelRequest, DelayConsent, HoldRequest

Ended = WorkflowHandle[Any, Any]
Scenario = Callable[[World], Awaitable[Ended]]


async def played(environment: WorkflowEnvironment, name: str, *, time: int = 1) -> Ended:
    """Play a scenario in a fresh world for the `time`th time; its order or return, ended."""
    prefix = f"{name}_" if time == 1 else f"{name}_again{time}_"
    async with _WORLDS.get(name, World)(environment, prefix=prefix) as world:
        handle = await SCENARIOS[name](world)
        await asyncio.wait_for(handle.result(), 20)
        return handle


async def _scanned(world: World, handle: Handle, parcel: int = 1, generation: int = 1) -> None:
    scan = {"carrier": "ups", "tracking_number": "1Z1"}
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=parcel, generation=generation, **scan)
    await world.until(handle, lambda view: view.parcels[parcel - 1].captured > 0)


async def _shipped(world: World, handle: Handle) -> Handle:
    await _scanned(world, handle)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED)
    return handle


async def _shipped_anew(world: World, handle: Handle) -> Handle:
    """After it was taken back and handed off again."""
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await _scanned(world, handle, generation=2)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED, generation=2)
    return handle


async def one_parcel(world: World) -> Handle:
    """Confirmed, picked, shipped, delivered."""
    _, handle = await world.accepted()
    await world.report(handle, ParcelStatus.PICKED)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.PICKED)
    return await _shipped(world, handle)


async def split(world: World) -> Handle:
    """Two parcels, scanned and delivered one after the other."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    _, handle = await world.accepted(("MUG", 1), ("TEE", 2))
    await _scanned(world, handle, 1)
    await world.until(handle, lambda view: view.status is OrderStatus.PARTIALLY_SHIPPED)
    await _scanned(world, handle, 2)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED, parcel=1)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.DELIVERED)
    await world.report(handle, ParcelStatus.DELIVERED, parcel=2)
    return handle


async def challenge(world: World) -> Handle:
    """The shopper passes 3-D Secure, then the order ships."""
    world.payments.require_action_next()
    placed = world.order()
    _, handle = await world.checkout(placed)
    world.payments.complete_action(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    return await _shipped(world, handle)


async def challenge_abandoned(world: World) -> Handle:
    """The payment window ends without payment."""
    world.payments.require_action_next()
    _, handle = await world.checkout(world.order())
    await world.pass_time(handle, timedelta(minutes=16))
    return handle


async def own_warehouse(world: World) -> Handle:
    """A pick ticket, a label we buy, and the way to the shopper."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    _, handle = await world.accepted()
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    return await _shipped(world, handle)


async def label_refused(world: World) -> Handle:
    """The carrier refuses; ticket, stock and money are undone."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    world.carrier.fail_next("book", CustomerError("label_refused", "no service"))
    return (await world.confirmed())[1]


async def captured_at_confirmation(world: World) -> Handle:
    """Paid before it ships, canceled before the pick, refunded."""
    _, handle = await world.accepted(terms={"capture": "at_confirmation"})
    await world.cancel(handle)
    return handle


async def canceled_before_pick(world: World) -> Handle:
    """The provider agrees to stop it."""
    _, handle = await world.accepted()
    await world.cancel(handle)
    return handle


async def canceled_unbegun(world: World) -> Handle:
    """Canceled before anything was authorized; what a lost task may have reserved is looked for."""
    handle = await world.started_later(world.order(), timedelta(seconds=1))
    await handle.signal("request_cancel")
    return handle


async def canceled_by_temporal(world: World) -> Handle:
    """A raw cancellation of the workflow."""
    _, handle = await world.accepted()
    await handle.cancel()
    return handle


async def cancel_refused(world: World) -> Handle:
    """Picked already: it ships and is paid for."""
    _, handle = await world.accepted()
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    await world.cancel(handle)
    return await _shipped(world, handle)


async def provider_exception(world: World) -> Handle:
    """Accepted, then given up by its provider."""
    _, handle = await world.accepted()
    await world.report(handle, ParcelStatus.EXCEPTION, detail="out of stock")
    return handle


async def capture_written_off(world: World) -> Handle:
    """The bank refuses the capture for good and an operator accepts the loss."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    _, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "write_off", "capture_refused")
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED)
    return handle


async def authorization_lapsed(world: World) -> Handle:
    """The reservation ended before the scan; a new one is captured."""
    placed, handle = await world.accepted()
    world.payments.lapse(world.payment(placed).payment_id)
    return await _shipped(world, handle)


async def declined(world: World) -> Handle:
    """The bank says no."""
    world.payments.decline_next()
    return (await world.checkout(world.order()))[1]


async def sold_out(world: World) -> Handle:
    """No stock."""
    return (await world.checkout(world.order(("MUG", 99))))[1]


async def held(world: World) -> Handle:
    """A grace period with a hold in it, then on its way."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": timedelta(hours=1)})
    await world.recorded(placed, OrderStatus.CONFIRMED)
    hold = HoldRequest(kind="fraud_review", by="agent")
    await handle.execute_update("place_hold", hold)
    await world.recorded(placed, OrderStatus.ON_HOLD)
    await world.pass_time(handle, timedelta(hours=1, minutes=5))
    await world.until(handle, lambda view: view.awaiting.startswith("the release of holds"))
    await handle.execute_update("release_hold", hold)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    return await _shipped(world, handle)


async def ship_by_missed(world: World) -> Handle:
    """Nobody scanned it in time; a person cancels."""
    _, handle = await world.accepted()
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.resolve(handle, "cancel", "ship_by_missed")
    return handle


async def lost_on_the_way(world: World) -> Handle:
    """The carrier lost it; the shopper is refunded."""
    _, handle = await world.accepted()
    await _scanned(world, handle)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.LOST)
    return handle


_RETURNS: tuple[Scenario, ...] = (returned, return_expired, return_lost, return_canceled, goodwill_after_end)
_PAYMENTS: tuple[Scenario, ...] = (
    pay_link,
    pay_link_abandoned,
    bank_debit,
    bank_debit_too_late,
    platform_paid,
    channel_shipped,
    channel_canceled,
)


async def partly_canceled(world: World) -> Handle:
    """One of two units is canceled after the hand-off; the other ships."""
    _, handle = await world.accepted(("MUG", 2))
    lines = (LineQuantity(sku="MUG", quantity=1),)
    await handle.execute_update("cancel", CancelRequest(by="agent", lines=lines))
    return await _shipped_anew(world, handle)


async def parcel_split(world: World) -> Handle:
    """One parcel becomes two, delivered one after the other."""
    _, handle = await world.accepted(("MUG", 2), payment=SAVED)
    await change(handle, "split_parcel", split_off(("MUG", 1)))
    await world.until(handle, lambda view: [p.status for p in view.parcels] == [ParcelStatus.ACCEPTED] * 2)
    await _scanned(world, handle, 1, generation=2)
    await world.until(handle, lambda view: view.status is OrderStatus.PARTIALLY_SHIPPED)
    await _scanned(world, handle, 2)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED, parcel=1, generation=2)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.DELIVERED)
    await world.report(handle, ParcelStatus.DELIVERED, parcel=2)
    return handle


async def parcel_moved(world: World) -> Handle:
    """It ships from the other coast."""
    _, handle = await world.accepted()
    await change(handle, "move_parcel", moved("nj-1"))
    return await _shipped_anew(world, handle)


async def address_changed(world: World) -> Handle:
    """Its provider takes the other address."""
    _, handle = await world.accepted()
    await change(handle, "change_address", to_boston())
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    return await _shipped(world, handle)


async def goodwill_approved(world: World) -> Handle:
    """A second person approves part of the price back."""
    _, handle = await world.accepted(terms={"second_person_above": 500})
    await _scanned(world, handle)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await change(handle, "refund", goodwill(600))
    await world.resolve(handle, "approve", "refund_approval", by="boss")
    await world.until(handle, lambda view: view.parcels[0].refunded == 600)
    await world.report(handle, ParcelStatus.DELIVERED)
    return handle


async def delayed_by_law(world: World) -> Handle:
    """Late: the shopper is told, and does not want to wait."""
    placed, handle = await world.accepted()
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.question(handle, "ship_by_missed")
    await world.until(handle, lambda _: "delay_notice" in world.story(placed))
    await handle.execute_update("answer_delay", DelayConsent(by="shopper", consent=False))
    return handle


async def renewed(world: World) -> Handle:
    """The reservation is replaced before it lapses, then captured."""
    _, handle = await world.accepted(terms={"ship_within": timedelta(days=10)})
    await world.pass_time(handle, timedelta(days=6, hours=19))
    await world.called(world.payments, "authorize", 2)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    return await _shipped(world, handle)


async def reshipped(world: World) -> Handle:
    """Overdue, sent once more free of charge, delivered."""
    placed, handle = await world.accepted()
    await _scanned(world, handle)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.pass_time(handle, timedelta(days=6, hours=1))
    await world.resolve(handle, "reship", "delivery_overdue")
    await world.until(handle, lambda _: world.reference(placed, 2) in world.provider.orders)
    await world.until(handle, lambda view: view.parcels[-1].status is ParcelStatus.ACCEPTED)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=2)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED, parcel=2)
    return handle


_CARRIERS: tuple[Scenario, ...] = (carrier_chosen, label_elsewhere, label_looked_for, carrier_stopped)
_ALL: tuple[Scenario, ...] = (
    one_parcel,
    split,
    challenge,
    challenge_abandoned,
    own_warehouse,
    label_refused,
    captured_at_confirmation,
    canceled_before_pick,
    canceled_unbegun,
    canceled_by_temporal,
    cancel_refused,
    provider_exception,
    capture_written_off,
    authorization_lapsed,
    declined,
    sold_out,
    held,
    ship_by_missed,
    lost_on_the_way,
    *_RETURNS,
    partly_canceled,
    parcel_split,
    parcel_moved,
    address_changed,
    address_taken_in_part,
    address_gone_back,
    goodwill_approved,
    delayed_by_law,
    renewed,
    reshipped,
    reconciled,
    source_failed,
    finding_repaired,
    repair_given_up,
    *_CARRIERS,
    account_not_allowed,
    *_PAYMENTS,
    stop_lifted,
    stop_foreseen,
)
_MOVING: tuple[Scenario, ...] = (
    refused_and_moved,
    moved_while_away,
    given_up_and_moved,
    missed_pick_moved,
    short_and_split,
    short_and_moved,
    short_and_given_back,
)
_ASIDE: tuple[Scenario, ...] = (
    set_aside_and_shipped,
    set_aside_and_canceled,
    set_aside_anew,
    not_set_aside_and_moved,
)
_WORLDS: Final[dict[str, type[World]]] = {
    **{scenario.__name__: ManyCarriers for scenario in _CARRIERS},
    **{scenario.__name__: MovingWorld for scenario in _MOVING},
    **{scenario.__name__: AsideWorld for scenario in _ASIDE},
}
SCENARIOS: Final[dict[str, Scenario]] = {scenario.__name__: scenario for scenario in (*_ALL, *_MOVING, *_ASIDE)}
