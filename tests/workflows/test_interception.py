"""Canceled after the scan: a carrier that offers it turns the parcel around; the money waits for the goods."""

import asyncio
from datetime import timedelta

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.shipping import InterceptDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.cancels import (
    TWO_PARCELS,
    WHOLE,
    Stage,
    accepted,
    cancel,
    labels,
    payments,
    preview,
    shelves,
    units,
)
from tests.workflows.world import World
from workflows.messages import CancelRequest

ALL_OF_IT = units(("MUG", 2))


async def on_its_way(world: World, *lines: tuple[str, int], parcel: int = 1, **changes: object) -> Stage:
    """A parcel scanned by a carrier that turns parcels around, and paid."""
    world.carrier.can_intercept = True
    stage = await accepted(world, *lines, **changes)
    reference = world.reference(stage.placed, parcel)
    world.carrier.track(reference, ParcelStatus.IN_TRANSIT)
    await stage.scanned(reference)
    return stage


async def comes_back(stage: Stage) -> OrderStatus:
    """The carrier brings it back; how the order ends."""
    await stage.report(stage.live[0], ParcelStatus.RETURNED_TO_SENDER)
    return (await stage.world.result(stage.handle)).status


async def arrives(stage: Stage) -> OrderStatus:
    """The carrier delivers it; how the order ends."""
    await stage.report(stage.live[0], ParcelStatus.DELIVERED)
    return (await stage.world.result(stage.handle)).status


async def test_parcel_is_turned_around_restocked_and_refunded(world: World) -> None:
    """Told as intercepting, with the money to come; nothing goes back before the goods do."""
    stage = await on_its_way(world)
    answer = await cancel(stage.handle)
    assert (answer.outcome, answer.voided, answer.refunded) == ("intercepting", 0, 2000)
    assert answer.answer_by is not None
    assert world.payments.called("refund") == []
    assert await comes_back(stage) is OrderStatus.RETURNED
    assert payments(world, stage.placed) == ("captured 2000 refunded 2000",)
    assert shelves(world)["MUG"] == 10
    assert (world.warehouse.called("cancel"), world.carrier.called("void")) == ([], [])
    await world.balanced(stage.placed)


async def test_preview_says_that_it_would_be_turned_around(world: World) -> None:
    """The same outcome and money, and the carrier is not asked."""
    stage = await on_its_way(world)
    foretold = await preview(stage.handle)
    assert world.carrier.called("intercept") == []
    answer = await cancel(stage.handle)
    assert (foretold.outcome, foretold.refunded) == (answer.outcome, answer.refunded) == ("intercepting", 2000)


async def test_all_units_named_one_by_one_turn_it_around_too(world: World) -> None:
    """They are the whole parcel."""
    stage = await on_its_way(world)
    answer = await cancel(stage.handle, ALL_OF_IT)
    assert (answer.outcome, answer.refunded) == ("intercepting", 2000)
    assert await comes_back(stage) is OrderStatus.RETURNED
    await world.balanced(stage.placed)


async def test_some_units_turn_nothing_around(world: World) -> None:
    """A parcel on its way is not opened: too late, delivered and paid."""
    stage = await on_its_way(world)
    answer = await cancel(stage.handle, units(("MUG", 1)))
    assert (answer.outcome, answer.refunded, answer.return_offered) == ("too_late", 0, True)
    assert world.carrier.called("intercept") == []
    assert await arrives(stage) is OrderStatus.COMPLETED
    await world.balanced(stage.placed)


async def test_carrier_that_refuses_delivers(world: World) -> None:
    """Too late; the parcel arrives and stays paid."""
    stage = await on_its_way(world)
    world.carrier.answer_intercept_next(InterceptDecision.REFUSED)
    answer = await cancel(stage.handle)
    assert (answer.outcome, answer.refunded, answer.return_offered) == ("too_late", 0, True)
    assert await arrives(stage) is OrderStatus.COMPLETED
    assert payments(world, stage.placed) == ("captured 2000",)
    assert (len(world.carrier.called("intercept")), shelves(world)["MUG"]) == (1, 8)
    await world.balanced(stage.placed)


async def test_carrier_that_delivers_all_the_same_is_paid(world: World) -> None:
    """It said yes and delivered: completed, nothing is given back."""
    stage = await on_its_way(world)
    assert (await cancel(stage.handle)).outcome == "intercepting"
    assert await arrives(stage) is OrderStatus.COMPLETED
    assert payments(world, stage.placed) == ("captured 2000",)
    assert (world.payments.called("refund"), shelves(world)["MUG"]) == ([], 8)
    await world.balanced(stage.placed)


async def test_parcel_lost_on_its_way_back_is_refunded(world: World) -> None:
    """The shopper keeps nothing and pays nothing; the units are gone."""
    stage = await on_its_way(world)
    await cancel(stage.handle)
    await stage.report(stage.live[0], ParcelStatus.LOST)
    assert (await world.result(stage.handle)).refunded == 2000
    assert shelves(world)["MUG"] == 8
    await world.balanced(stage.placed)


@pytest.mark.parametrize("asked", [WHOLE, ALL_OF_IT])
async def test_canceled_parcel_that_is_lost_is_not_sent_again(world: World, asked: CancelRequest) -> None:
    """The terms send lost parcels again, but nobody wants this one any more: refunded."""
    stage = await on_its_way(world, terms={"lost_parcel": "reship"})
    await cancel(stage.handle, asked)
    await stage.report(stage.live[0], ParcelStatus.LOST)
    assert (await world.result(stage.handle)).refunded == 2000
    assert len(world.warehouse.called("submit")) == 1
    assert "reshipped" not in world.story(stage.placed)
    assert shelves(world)["MUG"] == 8
    await world.balanced(stage.placed)


async def test_two_cancels_turn_it_around_once(world: World) -> None:
    """At once, and once more later: the carrier is asked once, everybody hears the same."""
    stage = await on_its_way(world)
    first, second = await asyncio.gather(cancel(stage.handle), cancel(stage.handle))
    third = await cancel(stage.handle)
    assert {(answer.outcome, answer.refunded) for answer in (first, second, third)} == {("intercepting", 2000)}
    assert await comes_back(stage) is OrderStatus.RETURNED
    assert (len(world.carrier.called("intercept")), len(world.payments.called("refund"))) == (1, 1)


async def test_units_of_a_parcel_that_is_brought_back_cannot_be_named(world: World) -> None:
    """All of it is coming back: asked for some of it, nothing is left, and nobody is told too late."""
    stage = await on_its_way(world)
    await cancel(stage.handle)
    assert (await preview(stage.handle, units(("MUG", 1)))).parts == ()
    assert await comes_back(stage) is OrderStatus.RETURNED


async def test_silent_carrier_is_told_as_pending(world: World) -> None:
    """No answer within 30 seconds: pending; when it answers, the parcel is turned around."""
    stage = await on_its_way(world)
    world.down(world.carrier, "intercept")
    asking = asyncio.create_task(cancel(stage.handle))
    await world.called(world.carrier, "intercept", 1)
    await world.pass_time(stage.handle, timedelta(seconds=31))
    answer = await asking
    assert (answer.outcome, answer.status, answer.refunded) == ("pending", OrderStatus.CANCELING, 2000)
    world.up(world.carrier, "intercept")
    await world.pass_time(stage.handle, timedelta(minutes=10))
    await stage.told("intercepting")
    assert await comes_back(stage) is OrderStatus.RETURNED
    await world.balanced(stage.placed)


@pytest.mark.parametrize("comes", ["back", "home"])
async def test_end_of_the_way_answers_for_a_silent_carrier(world: World, comes: str) -> None:
    """It never answers: where the parcel ends tells, and nobody goes on asking."""
    stage = await on_its_way(world)
    world.down(world.carrier, "intercept")
    await stage.handle.signal("request_cancel")
    await world.called(world.carrier, "intercept", 1)
    ended = await (comes_back(stage) if comes == "back" else arrives(stage))
    assert ended is (OrderStatus.RETURNED if comes == "back" else OrderStatus.COMPLETED)
    assert len(world.payments.called("refund")) == (comes == "back")
    await world.balanced(stage.placed)


@pytest.mark.parametrize("done", [True, False])
async def test_lost_answer_of_the_carrier_is_asked_for_again(world: World, done: bool) -> None:
    """Whether or not it heard us the first time: turned around once."""
    stage = await on_its_way(world)
    lost = RetryError("timeout", "no answer", unknown=True)
    world.carrier.fail_next("intercept", lost, after_doing=done)
    assert (await cancel(stage.handle)).outcome == "intercepting"
    assert await comes_back(stage) is OrderStatus.RETURNED
    await world.balanced(stage.placed)


async def test_one_parcel_is_stopped_and_one_turned_around(world: World) -> None:
    """Each part says its own; the order ends returned, and both get their money back."""
    stage = await on_its_way(world, *TWO_PARCELS)
    answer = await cancel(stage.handle)
    parts = {part.parcel: (part.outcome, part.voided, part.refunded) for part in answer.parts}
    assert parts == {1: ("intercepting", 0, 2000), 2: ("canceled", 2000, 0)}
    assert answer.outcome == "intercepting"
    assert await comes_back(stage) is OrderStatus.RETURNED
    assert payments(world, stage.placed) == ("captured 2000 refunded 2000", "voided")
    assert (shelves(world), labels(world)) == ({"MUG": 10, "TEE": 10}, ("1-1 used", "2-1 voided"))
    await world.balanced(stage.placed)


async def test_parcel_that_left_while_the_cancel_was_refused_is_turned_around(world: World) -> None:
    """Too late for the warehouse, not for the carrier: at the scan it is asked to bring it back."""
    world.carrier.can_intercept = True
    stage = await accepted(world)
    world.warehouse.advance(stage.live[0], ParcelStatus.PICKED)
    assert (await cancel(stage.handle)).outcome == "too_late"
    world.carrier.track(stage.live[0], ParcelStatus.IN_TRANSIT)
    await stage.scanned()
    await stage.told("intercepting")
    assert await comes_back(stage) is OrderStatus.RETURNED
    await world.balanced(stage.placed)
