"""What an order says may be asked of it: its previews refuse nothing of that, and everything else."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import SAVED, expedited, goodwill, moved, paying_with, split, to_boston, with_carrier
from tests.workflows.test_delay_law import told
from tests.workflows.test_shopper_challenge import challenged
from tests.workflows.world import Handle, World
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import CancelAnswer, CancelRequest, DelayConsent, HoldRequest, OrderView

ASKED = {
    "hold": HoldRequest(kind="fraud_review", by="agent"),
    "address": to_boston(),
    "delay": DelayConsent(by="agent", consent=True),
    "expedite": expedited(),
    "move": moved("nowhere-1"),
    "carrier": with_carrier("another"),
    "split": split(("MUG", 1)),
    "refund": goodwill(1),
    "payment": paying_with("pm_other"),
}
HERE = {"address", "expedite", "move", "payment"}
"""Of a parcel that can still be changed."""


async def offered(handle: Handle) -> set[str]:
    """What may be asked of the order, after each preview said the same."""
    view: OrderView = await handle.query("order_state", result_type=OrderView)
    assert view.possible is not None
    previews = {name: await _is_possible(handle, name) for name in ASKED}
    canceled: CancelAnswer = await handle.query("preview_cancel", CancelRequest(), result_type=CancelAnswer)
    taken = {name for name, is_taken in previews.items() if is_taken}
    assert set(view.possible) == taken | ({"cancel"} if canceled.outcome != "too_late" else set())
    return set(view.possible)


async def _is_possible(handle: Handle, name: str) -> bool:
    asked = PreviewRequest.model_validate({name: ASKED[name]})
    foretold: Foretold = await handle.query("preview_change", asked, result_type=Foretold)
    return foretold.outcome != "refused"


async def _awaits_shopper(world: World) -> tuple[Handle, set[str]]:
    return (await challenged(world))[1], {"cancel", "hold"}


async def _not_handed_off(world: World) -> tuple[Handle, set[str]]:
    _, handle = await world.confirmed(("MUG", 3), payment=SAVED, terms={"hand_off_delay": timedelta(hours=1)})
    return handle, {*HERE, "cancel", "hold", "carrier", "split"}


async def _at_provider(world: World) -> tuple[Handle, set[str]]:
    return (await world.accepted(("MUG", 3)))[1], {*HERE, "cancel"}


async def _of_a_saved_card(world: World) -> tuple[Handle, set[str]]:
    return (await world.accepted(("MUG", 3), payment=SAVED))[1], {*HERE, "cancel", "split"}


async def _at_own_warehouse(world: World) -> tuple[Handle, set[str]]:
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    _, handle = await world.accepted(payment=SAVED)
    return handle, {*HERE, "cancel", "carrier"}


async def _expedited(world: World) -> tuple[Handle, set[str]]:
    _, handle = await world.accepted(payment=SAVED)
    await handle.execute_update("expedite", expedited())
    return handle, {*HERE, "cancel"} - {"expedite"}


async def _delayed(world: World) -> tuple[Handle, set[str]]:
    return (await told(world))[1], {*HERE, "cancel", "delay"}


async def _on_its_way(world: World) -> tuple[Handle, set[str]]:
    _, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT, carrier="ups", tracking_number="1Z1")
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    return handle, {"refund"}


async def _there_and_unpaid(world: World) -> tuple[Handle, set[str]]:
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    _, handle = await world.accepted()
    await world.arrive(handle)
    await world.until(handle, lambda view: bool(view.attention) and view.parcels[0].status is ParcelStatus.DELIVERED)
    return handle, {"payment"}


async def _completed(world: World) -> tuple[Handle, set[str]]:
    _, handle = await world.accepted()
    assert (await world.deliver(handle)).status is OrderStatus.COMPLETED
    return handle, set()


STATES = (
    _awaits_shopper,
    _not_handed_off,
    _at_provider,
    _of_a_saved_card,
    _at_own_warehouse,
    _expedited,
    _delayed,
    _on_its_way,
    _there_and_unpaid,
    _completed,
)


@pytest.mark.parametrize("state", STATES)
async def test_what_is_offered_is_what_previews_do_not_refuse(
    world: World, state: Callable[[World], Awaitable[tuple[Handle, set[str]]]]
) -> None:
    """In each state of an order, in which it is just what stands there."""
    handle, expected = await state(world)
    assert await offered(handle) == expected
