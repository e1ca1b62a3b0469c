"""Parcels that do not arrive: looked for, refunded or sent once more, and never paid for or given back twice."""

from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World
from workflows.messages import Resolution

OVERDUE = timedelta(days=6, hours=1)
COUNTS_AS_LOST = timedelta(days=7)
"""After it was due, by the seller's terms."""


async def on_its_way(world: World, placed: Order, handle: Handle, parcel: int = 1) -> None:
    """The carrier has the parcel; nobody has seen it since."""
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=parcel)
    world.provider.advance(world.reference(placed, parcel), ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[parcel - 1].status is ParcelStatus.IN_TRANSIT)


async def overdue(world: World, **terms: object) -> tuple[Order, Handle]:
    """A paid parcel that should have been delivered; a person is asked."""
    placed, handle = await world.accepted(terms=terms)
    await on_its_way(world, placed, handle)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    await world.pass_time(handle, OVERDUE)
    await world.question(handle, "delivery_overdue")
    return placed, handle


async def sent_again(world: World) -> tuple[Order, Handle]:
    """The same goods once more, at the provider."""
    placed, handle = await overdue(world)
    await world.resolve(handle, "reship", "delivery_overdue")
    await accepted_again(world, handle)
    return placed, handle


async def accepted_again(world: World, handle: Handle, parcel: int = 2) -> None:
    """The parcel sent once more is at its provider."""
    await world.until(
        handle, lambda seen: len(seen.parcels) == parcel and seen.parcels[-1].status is ParcelStatus.ACCEPTED
    )


async def money_back(world: World, placed: Order, handle: Handle) -> None:
    """What was paid went back once, and the books agree."""
    result = await world.result(handle)
    assert (result.captured, result.refunded) == (1000, 1000)
    assert (len(world.payments.called("capture")), len(world.payments.called("refund"))) == (1, 1)
    balance = await world.balance(placed)
    assert (balance.captured_net, balance.goods_kept, balance.receivable, balance.authorized) == (0, 0, 0, 0)
    await world.balanced(placed)


# ---- looked for, refunded --------------------------------------------------------------------------------------------


async def test_delivery_nobody_told_is_found_by_looking(world: World) -> None:
    """The provider knows that it arrived: completed, and no person is asked."""
    placed, handle = await world.accepted()
    await on_its_way(world, placed, handle)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    world.provider.advance(world.reference(placed), ParcelStatus.DELIVERED)
    await world.pass_time(handle, OVERDUE)
    result = await world.result(handle)
    assert (result.status, result.refunded, world.memory.attention) == (OrderStatus.COMPLETED, 0, {})
    await world.balanced(placed)


async def test_silent_provider_does_not_keep_the_question_back(world: World) -> None:
    """Nobody says where it is: a person is asked all the same, and it is refunded as lost."""
    placed, handle = await world.accepted()
    await on_its_way(world, placed, handle)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    silence = RetryError("down", "no answer", unknown=True, retry_after=timedelta(hours=1))
    world.provider.fail_next("inquire", silence)
    await world.pass_time(handle, OVERDUE)
    await world.resolve(handle, "refund_as_lost", "delivery_overdue")
    await money_back(world, placed, handle)
    assert "silence" in world.story(placed)


async def test_much_money_is_refunded_by_two_persons(world: World) -> None:
    """Above the limit one person only proposes; a second of the same mind decides."""
    placed, handle = await overdue(world, second_person_above=999)
    item = await world.question(handle, "delivery_overdue")
    await world.resolve(handle, "refund_as_lost", "delivery_overdue")
    view = await world.until(handle, lambda seen: seen.attention[0].proposed == "refund_as_lost")
    assert (view.attention[0].money, world.payments.called("refund")) == (1000, [])
    second = Resolution(item_id=item, choice="refund_as_lost", by="lead", reason="seen too")
    await handle.execute_update("resolve_attention", second)
    await money_back(world, placed, handle)


async def test_news_after_refund_as_lost_moves_nothing(world: World) -> None:
    """Found and delivered after all: two conflicts in the story, no second refund, the other parcel unharmed."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 2))
    await on_its_way(world, placed, handle)
    await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
    await world.pass_time(handle, OVERDUE)
    await world.resolve(handle, "refund_as_lost", "delivery_overdue")
    await world.called(world.payments, "refund", 1)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.deliver(handle, 2)
    lost, kept = (world.payment(placed, parcel).captured for parcel in (1, 2))
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, lost + kept, lost)
    assert (world.story(placed).count("conflict"), len(world.payments.called("refund"))) == (2, 1)
    await world.balanced(placed)


async def test_parcel_back_at_its_sender_is_refunded_and_sold_again(world: World) -> None:
    """It came back unopened: its unit is on the shelf again."""
    placed, handle = await overdue(world)
    assert world.units()["ca-1", "MUG"] == (9, 0)
    await world.report(handle, ParcelStatus.RETURNED_TO_SENDER)
    await money_back(world, placed, handle)
    assert (await world.result(handle)).status is OrderStatus.RETURNED
    assert world.units()["ca-1", "MUG"] == (10, 0)


# ---- sent once more --------------------------------------------------------------------------------------------------


async def test_parcel_sent_again_completes_the_order_paid_once(world: World) -> None:
    """New units, a hand-off of its own with a promise of its own, no second capture."""
    placed, handle = await sent_again(world)
    again = world.provider.hand_offs[world.reference(placed, 2)]
    assert again.ship_by > placed.ship_by + timedelta(days=5)
    view = await world.until(handle, lambda seen: len(seen.parcels) == 2)
    assert (view.parcels[1].plan.amount, view.attention) == (0, ())
    assert world.units()["ca-1", "MUG"] == (9, 1)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert (len(world.payments.called("authorize")), len(world.payments.called("capture"))) == (1, 1)
    assert (world.units()["ca-1", "MUG"], world.payments.called("refund")) == ((8, 0), [])
    assert {"reshipped", "delay_notice"} & set(world.story(placed)) == {"reshipped"}
    await world.balanced(placed)


async def test_parcel_sent_again_has_its_own_ship_by(world: World) -> None:
    """Two days from then: warned and asked about only after that."""
    placed, handle = await sent_again(world)
    await world.pass_time(handle, timedelta(days=1))
    assert {"ship_by_at_risk", "delay_notice"}.isdisjoint(world.story(placed))
    await world.pass_time(handle, timedelta(days=1, hours=1))
    await world.question(handle, "ship_by_missed")
    assert world.story(placed).count("ship_by_at_risk") == 1


async def test_goods_sold_out_meanwhile_are_refunded_instead(world: World) -> None:
    """Nothing is left to send: the money goes back, and no parcel is added."""
    world.restocked(("ca-1", "MUG", 1))
    placed, handle = await overdue(world)
    await world.resolve(handle, "reship", "delivery_overdue")
    await money_back(world, placed, handle)
    assert "not_reshipped" in world.story(placed)
    assert list(world.provider.orders) == [world.reference(placed)]


@pytest.mark.parametrize("end", [ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER])
async def test_parcel_sent_again_that_does_not_arrive_either_is_refunded(world: World, end: ParcelStatus) -> None:
    """The money of the first parcel goes back, once; what came back is sold again."""
    placed, handle = await sent_again(world)
    await on_its_way(world, placed, handle, 2)
    await world.report(handle, end, parcel=2)
    await money_back(world, placed, handle)
    assert world.units()["ca-1", "MUG"] == (8 if end is ParcelStatus.LOST else 9, 0)


async def test_parcel_sent_again_and_given_up_by_its_provider_is_refunded(world: World) -> None:
    """Undone before it left: its unit is free again, the first parcel's money goes back."""
    placed, handle = await sent_again(world)
    world.provider.advance(world.reference(placed, 2), ParcelStatus.EXCEPTION)
    await world.report(handle, ParcelStatus.EXCEPTION, parcel=2)
    await money_back(world, placed, handle)
    assert world.units()["ca-1", "MUG"] == (9, 0)


async def test_parcel_sent_a_third_time_and_lost_is_refunded(world: World) -> None:
    """Lost, lost and lost: however often it was sent, the money that was paid goes back once."""
    placed, handle = await sent_again(world)
    await on_its_way(world, placed, handle, 2)
    await world.pass_time(handle, OVERDUE)
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert view.attention[0].money == 1000
    await world.resolve(handle, "reship", "delivery_overdue")
    await accepted_again(world, handle, 3)
    await on_its_way(world, placed, handle, 3)
    await world.report(handle, ParcelStatus.LOST, parcel=3)
    await money_back(world, placed, handle)


async def test_first_parcel_found_after_it_was_sent_again_is_a_conflict(world: World) -> None:
    """Both arrive: noted, nothing is charged or given back."""
    placed, handle = await sent_again(world)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.until(handle, lambda _: True)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert world.story(placed).count("conflict") == 1
    await world.balanced(placed)


# ---- by the seller's terms -------------------------------------------------------------------------------------------


async def test_terms_refund_by_themselves_once_it_counts_as_lost(world: World) -> None:
    """Not before: a person could still have decided otherwise."""
    placed, handle = await overdue(world, lost_parcel="refund")
    await world.pass_time(handle, COUNTS_AS_LOST - timedelta(hours=3))
    assert world.payments.called("refund") == []
    await world.pass_time(handle, timedelta(hours=4))
    await money_back(world, placed, handle)
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]


async def test_terms_send_again_by_themselves_once_it_counts_as_lost(world: World) -> None:
    """Sent once more without a person, free of charge, and delivered."""
    placed, handle = await overdue(world, lost_parcel="reship")
    await world.pass_time(handle, COUNTS_AS_LOST - timedelta(hours=3))
    assert len(world.provider.orders) == 1
    await world.pass_time(handle, timedelta(hours=4))
    await accepted_again(world, handle)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    await world.balanced(placed)


@pytest.mark.parametrize("policy", ["refund", "reship"])
async def test_terms_do_nothing_where_nobody_tells_of_deliveries(world: World, policy: str) -> None:
    """A month of silence proves nothing: no refund and no second parcel before a person says so."""
    world.provider.tell_no_delivery()
    placed, handle = await overdue(world, lost_parcel=policy)
    await world.pass_time(handle, COUNTS_AS_LOST + timedelta(days=30))
    assert (world.payments.called("refund"), len(world.provider.orders)) == ([], 1)
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert [item.kind for item in view.attention] == ["delivery_overdue"]
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    await world.balanced(placed)


async def test_terms_that_ask_do_nothing_by_themselves(world: World) -> None:
    """Two weeks late: reminders, no refund; its delivery ends the question."""
    placed, handle = await overdue(world)
    await world.pass_time(handle, timedelta(days=14))
    view = await world.until(handle, lambda seen: bool(seen.attention and seen.attention[0].reminders))
    assert (len(view.parcels), world.payments.called("refund")) == (1, [])
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


# ---- its carrier says that it is lost --------------------------------------------------------------------------------


async def say_lost(handle: Handle, parcel: int = 1) -> None:
    """Its carrier says so, who knows that it had the parcel even where no scan was heard."""
    now = datetime.now(UTC)
    said = ParcelEvent(
        source="easypost",
        source_id=f"lost-{parcel}",
        parcel=parcel,
        generation=1,
        status=ParcelStatus.LOST,
        occurred_at=now,
    )
    await handle.signal("parcel_event", said)


async def reported_lost(world: World, policy: str) -> tuple[Order, Handle]:
    """A paid parcel on its way; its carrier reports it as lost, long before it is overdue."""
    placed, handle = await world.accepted(terms={"lost_parcel": policy})
    await on_its_way(world, placed, handle)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    await say_lost(handle)
    return placed, handle


async def test_reported_lost_it_is_sent_again_by_the_terms(world: World) -> None:
    """At once and without a person: one more hand-off, paid once, nothing given back."""
    placed, handle = await reported_lost(world, "reship")
    await accepted_again(world, handle)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert [call[0] for call in world.provider.called("submit")] == [world.reference(placed, n) for n in (1, 2)]
    assert list(world.provider.orders) == [world.reference(placed, n) for n in (1, 2)]
    assert (len(world.payments.called("authorize")), len(world.payments.called("capture"))) == (1, 1)
    assert (world.payments.called("refund"), world.payments.called("void"), world.memory.attention) == ([], [], {})
    assert world.story(placed).count("reshipped") == 1
    assert {"goods_lost", "conflict"}.isdisjoint(world.story(placed))
    assert world.units()["ca-1", "MUG"] == (8, 0)
    await world.balanced(placed)


async def test_reported_lost_twice_it_is_refunded(world: World) -> None:
    """What was sent once more is lost too: the money goes back once, and nothing is sent a third time."""
    placed, handle = await reported_lost(world, "reship")
    await accepted_again(world, handle)
    await on_its_way(world, placed, handle, 2)
    await say_lost(handle, 2)
    await money_back(world, placed, handle)
    assert list(world.provider.orders) == [world.reference(placed, n) for n in (1, 2)]
    assert (world.story(placed).count("reshipped"), world.memory.attention) == (1, {})
    assert world.units()["ca-1", "MUG"] == (8, 0)


async def test_replacement_that_is_overdue_is_refunded_by_the_terms(world: World) -> None:
    """Nobody answers, and it was sent once more already: the money goes back, nothing is sent a third time."""
    placed, handle = await reported_lost(world, "reship")
    await accepted_again(world, handle)
    await on_its_way(world, placed, handle, 2)
    await world.pass_time(handle, OVERDUE)
    await world.question(handle, "delivery_overdue")
    assert world.payments.called("refund") == []
    await world.pass_time(handle, COUNTS_AS_LOST + timedelta(hours=1))
    await money_back(world, placed, handle)
    assert list(world.provider.orders) == [world.reference(placed, n) for n in (1, 2)]


async def test_reported_lost_before_any_scan_nothing_is_taken(world: World) -> None:
    """Nobody pays for it, so nothing is sent again: the reservation is given back."""
    placed, handle = await world.accepted(terms={"lost_parcel": "reship"})
    await say_lost(handle)
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 0, 0)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert (world.payments.called("capture"), world.payments.called("refund")) == ([], [])
    assert list(world.provider.orders) == [world.reference(placed)]
    assert ("reshipped" in world.story(placed), world.memory.attention) == (False, {})
    await world.balanced(placed)


async def test_reported_lost_and_sold_out_is_refunded(world: World) -> None:
    """Nothing is left to send: the money goes back, and nobody is asked."""
    world.restocked(("ca-1", "MUG", 1))
    placed, handle = await reported_lost(world, "reship")
    await money_back(world, placed, handle)
    assert list(world.provider.orders) == [world.reference(placed)]
    assert (world.story(placed).count("not_reshipped"), world.memory.attention) == (1, {})


@pytest.mark.parametrize("policy", ["ask", "refund"])
async def test_reported_lost_under_other_terms_is_refunded(world: World, policy: str) -> None:
    """Only terms that say so send it again."""
    placed, handle = await reported_lost(world, policy)
    await money_back(world, placed, handle)
    assert (list(world.provider.orders), world.memory.attention) == ([world.reference(placed)], {})
