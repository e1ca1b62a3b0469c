"""The promise to ship: looked after before it breaks, asked about when a company is silent or the day has passed."""

from datetime import timedelta
from functools import partial

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World
from workflows.messages import OrderView

NO_LAW = {"delay_rule": "none"}
AT_RISK = timedelta(hours=37)
"""Just past three quarters of two days."""
MONTH = {"ship_within": timedelta(days=30), "extended_authorization": True, **NO_LAW}


def silent(world: World, method: str, *waits: timedelta) -> None:
    """A provider that asks us each time to come back later, and says nothing else."""
    for wait in waits:
        world.provider.fail_next(method, RetryError("down", "no answer", unknown=True, retry_after=wait))


async def ships(world: World, placed: Order, handle: Handle) -> None:
    """It is scanned and delivered, paid for once, and the books agree."""
    result = await world.deliver(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert (len(world.payments.called("capture")), world.payments.called("refund")) == (1, [])
    await world.balanced(placed)


def _reminded(days: int, view: OrderView) -> bool:
    return [item.reminders for item in view.attention] == [days]


# ---- before it breaks ------------------------------------------------------------------------------------------------


async def test_warned_once_at_three_quarters_after_asking_the_provider(world: World) -> None:
    """The provider is asked first; people are warned, nobody has to answer, nothing is undone."""
    placed, handle = await world.accepted()
    await world.pass_time(handle, timedelta(hours=35))
    assert (world.provider.called("inquire"), "ship_by_at_risk" in world.story(placed)) == ([], False)
    await world.pass_time(handle, AT_RISK - timedelta(hours=35))
    await world.called(world.provider, "inquire", 1)
    await world.pass_time(handle, timedelta(hours=10))
    assert world.story(placed).count("ship_by_at_risk") == 1
    assert (world.memory.attention, world.provider.called("cancel")) == ({}, [])
    await ships(world, placed, handle)


async def test_scan_that_was_not_told_is_found_and_nobody_is_warned(world: World) -> None:
    """The message was lost: asking finds the scan, which captures."""
    placed, handle = await world.accepted()
    world.provider.advance(world.reference(placed), ParcelStatus.IN_TRANSIT, carrier="ups", tracking_number="1Z9")
    await world.pass_time(handle, AT_RISK)
    view = await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    assert (view.parcels[0].carrier, view.parcels[0].tracking_number) == ("ups", "1Z9")
    await world.pass_time(handle, timedelta(hours=12))
    assert "ship_by_at_risk" not in world.story(placed)
    assert "delay_notice" not in world.story(placed)
    await ships(world, placed, handle)


async def test_provider_silent_about_a_late_parcel_is_a_persons_question(world: World) -> None:
    """Asked for ten minutes in vain: a person may keep waiting; the scan then pays as ever."""
    silent(world, "inquire", timedelta(hours=1))
    placed, handle = await world.accepted()
    await world.pass_time(handle, AT_RISK)
    await world.resolve(handle, "keep_waiting", "provider_silent")
    assert {"silence", "ship_by_at_risk"} <= set(world.story(placed))
    await ships(world, placed, handle)


async def test_provider_silent_about_a_late_parcel_and_given_up(world: World) -> None:
    """`cancel` undoes it in the order of irreversibility."""
    silent(world, "inquire", timedelta(hours=1))
    placed, handle = await world.accepted()
    await world.pass_time(handle, AT_RISK)
    await world.resolve(handle, "cancel", "provider_silent")
    result = await world.result(handle)
    assert (result.status, result.reason, result.captured) == (OrderStatus.CANCELED, "provider_silent", 0)
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.void"]
    await world.balanced(placed)


async def test_unanswered_silence_keeps_neither_ship_by_nor_the_notice_back(world: World) -> None:
    """Nobody answers about the silence, and the day passes: the shopper is told, and the question is the new one."""
    silent(world, "inquire", timedelta(hours=1))
    placed, handle = await world.accepted()
    await world.pass_time(handle, AT_RISK)
    await world.question(handle, "provider_silent")
    await world.pass_time(handle, timedelta(hours=12))
    await world.question(handle, "ship_by_missed")
    assert world.story(placed).count("delay_notice") == 1
    assert [item.kind for item in world.memory.attention.values() if item.resolved is None] == ["ship_by_missed"]
    await ships(world, placed, handle)


async def test_unanswered_silence_does_not_let_the_reservation_lapse(world: World) -> None:
    """The hold of a week ends while a person is asked: it is renewed all the same."""
    silent(world, "inquire", timedelta(hours=1))
    placed, handle = await world.accepted(terms={**NO_LAW, "ship_within": timedelta(days=9)})
    await world.pass_time(handle, timedelta(days=6, hours=17))
    assert len(world.payments.called("authorize")) == 1
    await world.pass_time(handle, timedelta(hours=2))
    await world.called(world.payments, "authorize", 2)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    await ships(world, placed, handle)


# ---- the provider's lane ---------------------------------------------------------------------------------------------


async def test_provider_silent_at_hand_off_is_asked_about_within_four_hours(world: World) -> None:
    """Not before; `retry` after it has recovered ships, under the same reference."""
    silent(world, "submit", timedelta(hours=3), timedelta(hours=3))
    placed, handle = await world.confirmed()
    await world.called(world.provider, "submit", 1)
    await world.pass_time(handle, timedelta(hours=2, minutes=50))
    assert world.memory.attention == {}
    await world.pass_time(handle, timedelta(hours=1, minutes=20))
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (view.attention[0].kind, view.attention[0].choices) == ("provider_silent", ("retry", "cancel"))
    assert (world.units()["ca-1", "MUG"], world.payments.called("void")) == ((10, 1), [])
    await world.resolve(handle, "retry", "provider_silent")
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    assert list(world.provider.orders) == [world.reference(placed)]
    await ships(world, placed, handle)


async def test_provider_silent_at_hand_off_and_given_up(world: World) -> None:
    """`cancel`: the provider is asked whether it has the parcel, then stock and money are undone."""
    silent(world, "submit", timedelta(hours=6))
    placed, handle = await world.confirmed()
    await world.resolve(handle, "cancel", "provider_silent")
    result = await world.result(handle)
    assert (result.status, result.captured) == (OrderStatus.CANCELED, 0)
    assert world.log[-2:] == ["stock.release", "payments.void"]
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)


async def test_silence_at_hand_off_does_not_keep_the_notice_of_the_delay_back(world: World) -> None:
    """Ship-by passes before any provider has the parcel: the shopper is told once, and it is tried once more."""
    silent(world, "submit", timedelta(hours=6), timedelta(hours=6))
    placed, handle = await world.confirmed()
    await world.question(handle, "provider_silent")
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.until(handle, lambda _: "delay_notice" in world.story(placed))
    await world.called(world.provider, "submit", 2)
    await world.resolve(handle, "retry", "provider_silent")
    await world.question(handle, "ship_by_missed")
    assert world.story(placed).count("delay_notice") == 1
    await ships(world, placed, handle)


# ---- missed ----------------------------------------------------------------------------------------------------------


async def test_missed_ship_by_reminds_daily_until_somebody_answers(world: World) -> None:
    """Three days unanswered: three reminders of one question; the scan ends it."""
    placed, handle = await world.accepted(terms=NO_LAW)
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.question(handle, "ship_by_missed")
    for day in (1, 2, 3):
        await world.pass_time(handle, timedelta(days=1, minutes=1))
        view = await world.until(handle, partial(_reminded, day))
        assert len(view.attention) == 1
    assert world.story(placed).count("reminder") == 3
    assert world.provider.called("cancel") == []
    await ships(world, placed, handle)


async def test_kept_waiting_it_is_asked_again_the_next_day(world: World) -> None:
    """Not earlier, and as a new question without reminders; `cancel` then undoes."""
    placed, handle = await world.accepted(terms=NO_LAW)
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.resolve(handle, "keep_waiting", "ship_by_missed")
    await world.pass_time(handle, timedelta(hours=23))
    assert [item.resolved for item in world.memory.attention.values()] == ["keep_waiting"]
    await world.pass_time(handle, timedelta(hours=2))
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (len(world.memory.attention), view.attention[0].reminders) == (2, 0)
    await world.resolve(handle, "cancel", "ship_by_missed")
    assert (await world.result(handle)).reason == "ship_by_missed"
    assert "ship_by_at_risk" in world.story(placed)
    await world.balanced(placed)


# ---- left, but never scanned -----------------------------------------------------------------------------------------


async def left(world: World) -> tuple[Order, Handle]:
    """A parcel that left the warehouse a day and a half ago, with weeks to ship by; nobody scanned it."""
    placed, handle = await world.accepted(terms=MONTH)
    await world.report(handle, ParcelStatus.LEFT_WAREHOUSE)
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.LEFT_WAREHOUSE)
    await world.pass_time(handle, timedelta(hours=35))
    assert (world.memory.attention, world.provider.called("inquire")) == ({}, [])
    await world.pass_time(handle, timedelta(hours=2))
    return placed, handle


async def test_parcel_never_scanned_is_lost_by_a_persons_word(world: World) -> None:
    """The provider is asked first; then never captured, voided, its units gone, books that balance."""
    placed, handle = await left(world)
    await world.question(handle, "no_scan")
    assert len(world.provider.called("inquire")) == 1
    await world.resolve(handle, "treat_as_lost", "no_scan")
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 0, 0)
    assert (world.payments.called("capture"), world.payment(placed).status) == ([], PaymentStatus.VOIDED)
    assert (world.units()["ca-1", "MUG"], world.provider.called("cancel")) == ((9, 0), [])
    await world.balanced(placed)


async def test_parcel_never_scanned_is_waited_for(world: World) -> None:
    """`keep_waiting` asks no more before ship-by; the scan pays."""
    placed, handle = await left(world)
    await world.resolve(handle, "keep_waiting", "no_scan")
    await world.pass_time(handle, timedelta(days=5))
    assert len(world.memory.attention) == 1
    await ships(world, placed, handle)


async def test_scan_found_by_asking_needs_nobody(world: World) -> None:
    """The carrier's scan was never told to us: the look finds it before a person is asked."""
    placed, handle = await world.accepted(terms=MONTH)
    await world.report(handle, ParcelStatus.LEFT_WAREHOUSE)
    world.provider.advance(world.reference(placed), ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.LEFT_WAREHOUSE)
    await world.pass_time(handle, timedelta(hours=37))
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    assert world.memory.attention == {}
    await ships(world, placed, handle)
