"""While an order waits, a provider that can keeps its units aside; the hand-off ships those, an undo lets them go."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.aside import AMAZON, GRACE, KEPT_FOR, AsideWorld
from tests.workflows.changes import BOSTON, SAVED, change, moved, split, to_boston
from tests.workflows.test_clearance import hold
from tests.workflows.world import Handle
from workflows.messages import OrderView

WAITS = {"hand_off_delay": GRACE}


@pytest_asyncio.fixture
async def aside(environment: WorkflowEnvironment) -> AsyncIterator[AsideWorld]:
    """Mugs at Amazon in California, and at the seller's own warehouse in New Jersey."""
    async with AsideWorld(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def set_aside(world: AsideWorld, **changes: object) -> tuple[Order, Handle]:
    """An order in its grace period, its units kept at Amazon."""
    placed, handle = await world.confirmed(**{"terms": WAITS, **changes})
    await told(world, placed, handle, "set_aside")
    return placed, handle


async def told(world: AsideWorld, placed: Order, handle: Handle, kind: str, times: int = 1) -> None:
    """Wait until the order's story has it."""
    await world.until(handle, lambda _: world.story(placed).count(kind) >= times)


def accepted(view: OrderView) -> bool:
    """The parcel is handed over."""
    return view.parcels[0].status is ParcelStatus.ACCEPTED


def effects(world: AsideWorld, placed: Order) -> dict[str, str]:
    """What came of the order's calls about goods, by step and generation."""
    steps = ("set_aside", "let_go", "hand_off", "withdraw")
    rows = [row for row in world.memory.effects.values() if row.order_id == placed.order_id and row.step in steps]
    return {f"{row.step}/{row.generation}": row.status.value for row in rows}


async def shipped(world: AsideWorld, handle: Handle, placed: Order, generation: int = 1) -> None:
    """Handed over by the provider's own carrier, delivered, paid, and everything settled."""
    await world.until(handle, accepted)
    result = await world.deliver(handle, generation=generation)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await world.balanced(placed)


async def test_what_is_set_aside_in_the_grace_period_is_what_ships(aside: AsideWorld) -> None:
    """One order at Amazon all the time: kept, and only once the hour is over accepted; it is asked once for each."""
    placed, handle = await set_aside(aside)
    await aside.pass_time(handle, timedelta(minutes=58))
    assert (aside.standing(placed).status, aside.provider.called("submit")) == (ParcelStatus.PLANNED, [])
    await aside.pass_time(handle, timedelta(minutes=3))
    await shipped(aside, handle, placed)
    assert list(aside.provider.orders) == [aside.reference(placed)]
    assert [len(aside.provider.called(each)) for each in ("reserve", "submit", "cancel")] == [1, 1, 0]
    assert effects(aside, placed) == {"set_aside/1": "done", "hand_off/1": "done"}


async def test_an_order_that_does_not_wait_is_handed_over_at_once(aside: AsideWorld) -> None:
    """Nothing is asked twice where it is shipped at once."""
    placed, _ = await aside.accepted()
    assert aside.provider.called("reserve") == []
    assert effects(aside, placed) == {"hand_off/1": "done"}


async def test_a_hold_is_a_wait_too(aside: AsideWorld) -> None:
    """For as long as somebody holds the order; releasing it ships what was kept."""
    placed, handle = await set_aside(aside)
    await hold(handle, "fraud_review")
    await aside.pass_time(handle, timedelta(days=2))
    assert aside.standing(placed).status is ParcelStatus.PLANNED
    await hold(handle, "fraud_review", "release_hold")
    await shipped(aside, handle, placed)
    assert len(aside.provider.called("reserve")) == 1


async def test_a_cancellation_in_the_grace_period_lets_it_go(aside: AsideWorld) -> None:
    """The answer is `canceled` at once; Amazon keeps nothing, which is on record before the order closes."""
    placed, handle = await set_aside(aside)
    answer = await aside.cancel(handle)
    assert (answer.outcome, answer.voided) == ("canceled", 1000)
    assert (await aside.result(handle)).status is OrderStatus.CANCELED
    assert aside.standing(placed).status is ParcelStatus.CANCELED
    assert effects(aside, placed) == {"set_aside/1": "done", "let_go/1": "done"}
    await aside.balanced(placed)


async def test_a_provider_that_is_away_keeps_no_money_back(aside: AsideWorld) -> None:
    """Nothing can ship: shopper and shelf have theirs at once; the order stays open until Amazon has let go."""
    placed, handle = await set_aside(aside)
    aside.down(aside.provider, "cancel")
    answer = await aside.cancel(handle)
    assert (answer.outcome, answer.voided) == ("canceled", 1000)
    await aside.pass_time(handle, timedelta(minutes=61))
    assert "Could not have amazon_mcf let go of its units" in (await open_question(aside, handle))
    assert aside.standing(placed).status is ParcelStatus.PLANNED
    aside.up(aside.provider, "cancel")
    await aside.resolve(handle, "retry")
    assert (await aside.result(handle)).status is OrderStatus.CANCELED
    assert aside.standing(placed).status is ParcelStatus.CANCELED


async def open_question(world: AsideWorld, handle: Handle) -> str:
    """What a person is asked."""
    item = await world.question(handle)
    view = await world.until(handle, lambda seen: bool(seen.attention))
    return next(each.question for each in view.attention if each.item_id == item)


async def test_what_ships_although_it_was_let_go_is_asked_about(aside: AsideWorld) -> None:
    """Somebody ended the hold at Amazon: a person stops it there, and says so."""
    placed, handle = await set_aside(aside)
    aside.provider.answer_cancel_next(CancelDecision.REFUSED)
    await aside.cancel(handle)
    assert "ships it although nobody asked" in await open_question(aside, handle)
    await aside.resolve(handle, "settled_by_hand")
    assert (await aside.result(handle)).status is OrderStatus.CANCELED
    assert effects(aside, placed)["let_go/1"] in ("refused", "done")
    await aside.balanced(placed)


async def test_a_place_that_lacks_the_units_is_left_at_once(aside: AsideWorld) -> None:
    """As at a hand-off, only an hour sooner: planned at the other place, which is asked when the wait is over."""
    aside.provider.fail_next("reserve", OperatorError("out_of_stock", "too few units"))
    placed, handle = await aside.confirmed(terms=WAITS)
    await told(aside, placed, handle, "moved")
    view = await aside.until(handle, lambda seen: seen.parcels[0].plan.provider == "seller_warehouse")
    assert view.status is OrderStatus.CONFIRMED
    assert (aside.units()["nj-1", "MUG"], aside.units()["ca-1", "MUG"]) == ((10, 1), (10, 0))
    assert aside.warehouse.calls == []
    await aside.pass_time(handle, timedelta(minutes=61))
    await aside.until(handle, accepted)
    assert aside.provider.orders == {}
    assert effects(aside, placed) == {"set_aside/1": "refused", "hand_off/2": "done"}


async def test_a_refusal_without_another_place_leaves_it_to_the_hand_off(aside: AsideWorld) -> None:
    """Nobody is asked in the grace period: the units may come; then it goes under a reference of its own."""
    aside.restocked(("ca-1", "MUG", 10), provider=AMAZON)
    aside.provider.fail_next("reserve", OperatorError("out_of_stock", "too few units"))
    placed, handle = await aside.confirmed(terms=WAITS)
    await told(aside, placed, handle, "stays")
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed, generation=2)
    assert aside.memory.attention == {}
    assert len(aside.provider.called("reserve")) == 1


async def test_an_address_that_is_refused_cancels_nothing_yet(aside: AsideWorld) -> None:
    """The shopper has the hour to mend it: the new one is asked with at once."""
    aside.provider.fail_next("reserve", CustomerError("address_refused", "no such street"))
    placed, handle = await aside.confirmed(terms=WAITS)
    await told(aside, placed, handle, "not_set_aside")
    assert (await aside.until(handle, lambda _: True)).status is OrderStatus.CONFIRMED
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed, generation=2)
    assert aside.provider.hand_offs[aside.reference(placed, generation=2)].ship_to == BOSTON


async def test_a_provider_that_does_not_answer_holds_nothing_up(aside: AsideWorld) -> None:
    """Tried as long as the order waits, in vain; the hand-off comes at its time, under the same reference."""
    aside.down(aside.provider, "reserve")
    placed, handle = await aside.confirmed(terms=WAITS)
    await aside.called(aside.provider, "reserve", 1)
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed)
    assert list(aside.provider.orders) == [aside.reference(placed)]
    assert effects(aside, placed) == {"set_aside/1": "done", "hand_off/1": "done"}


async def test_a_lost_answer_is_looked_up(aside: AsideWorld) -> None:
    """It was kept, and is asked for no second time."""
    aside.provider.fail_next("reserve", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    placed, handle = await set_aside(aside)
    assert len(aside.provider.called("reserve")) == 1
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed)


async def test_a_lost_answer_that_nobody_could_look_up_is_let_go_too(aside: AsideWorld) -> None:
    """Amazon kept it and fell silent; canceled meanwhile, it is found and let go before the order closes."""
    aside.provider.fail_next("reserve", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    aside.down(aside.provider, "inquire")
    placed, handle = await aside.confirmed(terms=WAITS)
    await aside.called(aside.provider, "inquire", 1)
    await aside.cancel(handle)
    aside.up(aside.provider, "inquire")
    await aside.pass_time(handle, timedelta(minutes=1))
    assert (await aside.result(handle)).status is OrderStatus.CANCELED
    assert aside.standing(placed).status is ParcelStatus.CANCELED
    assert effects(aside, placed) == {"set_aside/1": "done", "let_go/1": "done"}


async def test_what_is_only_kept_was_not_handed_over(aside: AsideWorld) -> None:
    """The hand-off was lost on its way there: Amazon shows the hold, so it is handed over again."""
    placed, handle = await set_aside(aside)
    aside.provider.fail_next("submit", RetryError("no_answer", "lost", unknown=True))
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed)
    assert len(aside.provider.called("submit")) == 2


async def test_another_address_is_set_aside_anew(aside: AsideWorld) -> None:
    """The first is let go before the second is asked for, which ships."""
    placed, handle = await set_aside(aside)
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await told(aside, placed, handle, "set_aside", 2)
    assert [aside.standing(placed, n).status for n in (1, 2)] == [ParcelStatus.CANCELED, ParcelStatus.PLANNED]
    calls = [call for call in aside.log if call.split(".")[1] in ("reserve", "cancel")]
    assert calls == ["shipbob.reserve", "shipbob.cancel", "shipbob.reserve"]
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed, generation=2)
    assert aside.provider.hand_offs[aside.reference(placed, generation=2)].ship_to == BOSTON


async def test_a_parcel_that_is_moved_leaves_nothing_behind(aside: AsideWorld) -> None:
    """Amazon lets it go; the seller's own warehouse keeps nothing aside and is asked at the hand-off."""
    placed, handle = await set_aside(aside)
    answer = await change(handle, "move_parcel", moved("nj-1", "seller_warehouse"))
    assert answer.outcome == "done"
    await told(aside, placed, handle, "let_go")
    assert aside.standing(placed).status is ParcelStatus.CANCELED
    await aside.pass_time(handle, timedelta(minutes=61))
    await aside.until(handle, accepted)
    assert effects(aside, placed) == {"set_aside/1": "done", "let_go/1": "done", "hand_off/2": "done"}


async def test_both_parts_of_a_split_parcel_are_set_aside(aside: AsideWorld) -> None:
    """What was kept for the whole is let go; each part has its own."""
    placed, handle = await aside.confirmed(("MUG", 1), ("TEE", 1), terms=WAITS, payment=SAVED)
    await told(aside, placed, handle, "set_aside")
    assert (await change(handle, "split_parcel", split(("TEE", 1)))).outcome == "done"
    await told(aside, placed, handle, "set_aside", 3)
    kept = {order.reference: order.status.value for order in aside.provider.orders.values()}
    name = placed.order_id
    assert kept == {f"{name}-1-1": "canceled", f"{name}-1-2": "planned", f"{name}-2-1": "planned"}


async def test_what_lapsed_unheard_is_handed_over_under_another_name(aside: AsideWorld) -> None:
    """The canceled order ships nothing: the hand-off says so and makes another; nobody is asked."""
    placed, handle = await set_aside(aside)
    aside.provider.advance(aside.reference(placed), ParcelStatus.CANCELED)
    await aside.pass_time(handle, timedelta(minutes=61))
    await shipped(aside, handle, placed, generation=2)
    assert aside.memory.attention == {}
    done = {"set_aside/1": "done", "let_go/1": "done", "hand_off/1": "refused", "hand_off/2": "done"}
    assert effects(aside, placed) == done


async def test_what_lapses_is_set_aside_anew(aside: AsideWorld) -> None:
    """A hold outlives what Amazon keeps: it is asked again, though others could ship it."""
    placed, handle = await set_aside(aside)
    await hold(handle, "fraud_review")
    await aside.pass_time(handle, 0.7 * KEPT_FOR)
    aside.provider.advance(aside.reference(placed), ParcelStatus.CANCELED)
    await aside.report(handle, ParcelStatus.CANCELED)
    await told(aside, placed, handle, "set_aside", 2)
    await hold(handle, "fraud_review", "release_hold")
    await shipped(aside, handle, placed, generation=2)
    assert aside.warehouse.calls == []


async def test_what_a_provider_gives_up_goes_from_elsewhere(aside: AsideWorld) -> None:
    """It kept the units and cannot any more: planned at the other place before the wait is over, and only there."""
    placed, handle = await set_aside(aside)
    aside.provider.advance(aside.reference(placed), ParcelStatus.CANCELED)
    await aside.report(handle, ParcelStatus.CANCELED)
    await told(aside, placed, handle, "moved")
    await aside.pass_time(handle, timedelta(minutes=61))
    await aside.until(handle, accepted)
    assert effects(aside, placed)["hand_off/2"] == "done"
    assert list(aside.warehouse.orders) == [aside.reference(placed, generation=2)]


async def test_what_a_provider_keeps_beside_a_move_is_let_go(aside: AsideWorld) -> None:
    """Amazon is away when the hand-off comes: it goes from elsewhere in time, and the hold is ended once it answers."""
    placed, handle = await set_aside(aside)
    aside.lanes.broken = {AMAZON}
    away = RetryError("breaker_open", "not called", retry_after=timedelta(minutes=3))
    for _ in range(50):
        aside.provider.fail_next("submit", away)
        aside.provider.fail_next("cancel", away)
    await aside.pass_time(handle, timedelta(minutes=61))
    await aside.called(aside.provider, "submit", 1)
    await aside.pass_time(handle, timedelta(minutes=30))
    await aside.until(handle, lambda seen: seen.parcels[0].plan.provider == "seller_warehouse" and accepted(seen))
    assert aside.standing(placed).status is ParcelStatus.PLANNED
    aside.up(aside.provider, "cancel")
    await aside.pass_time(handle, timedelta(minutes=5))
    await told(aside, placed, handle, "let_go")
    assert aside.standing(placed).status is ParcelStatus.CANCELED
