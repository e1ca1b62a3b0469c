"""16 CFR 435: a late order is told about; silence is consent to one definite delay, never to a second."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.samples import address
from tests.workflows.world import Handle, World
from workflows.messages import ChangeAnswer, DelayConsent

MISSED = timedelta(days=2, hours=1)
WANTED = timedelta(days=8)
"""From then until a quarter of the ten days before the revised date."""
REVISED = timedelta(days=2, hours=12)
"""From then until past the revised date."""
TERMS = {"delay_extension": timedelta(days=10)}
NOTICES = ("delay_notice", "delay_consent_wanted")


def notices(world: World, placed: Order) -> list[str]:
    """What the shopper was told about the delay, in order."""
    return [kind for kind in world.story(placed) if kind in NOTICES]


async def answered(handle: Handle, *, consent: bool) -> ChangeAnswer:
    """The shopper's answer."""
    asked = DelayConsent(by="shopper", consent=consent)
    answer: ChangeAnswer = await handle.execute_update("answer_delay", asked, result_type=ChangeAnswer)
    return answer


async def told(world: World) -> tuple[Order, Handle]:
    """A late order whose shopper got the first notice; an operator keeps waiting."""
    placed, handle = await world.accepted(terms=TERMS)
    await world.pass_time(handle, MISSED)
    await world.question(handle, "ship_by_missed")
    await world.until(handle, lambda _: notices(world, placed) == ["delay_notice"])
    return placed, handle


async def wanted(world: World) -> tuple[Order, Handle]:
    """The revised date comes near: consent is wanted."""
    placed, handle = await told(world)
    for _ in range(2):  # the reservation is renewed on the way, by the day it says
        await world.pass_time(handle, WANTED / 2)
    await world.until(handle, lambda _: notices(world, placed) == list(NOTICES))
    return placed, handle


async def completed(world: World, placed: Order, handle: Handle) -> None:
    """It ships after all and is paid once; nothing keeps the order open."""
    result = await world.deliver(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert world.provider.called("cancel") == []
    await world.balanced(placed)


async def given_back(world: World, placed: Order, handle: Handle) -> None:
    """Canceled for want of consent: goods, stock, money; nothing was taken."""
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "delay_not_accepted")
    assert (result.captured, world.payments.called("capture")) == (0, [])
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.void"]
    await world.balanced(placed)


async def test_silence_is_consent_to_the_first_delay_only(world: World) -> None:
    """Told once, asked once before the revised date, then canceled and given back by itself at that date."""
    placed, handle = await wanted(world)
    assert world.provider.called("cancel") == []
    await world.pass_time(handle, REVISED)
    await given_back(world, placed, handle)
    assert notices(world, placed) == list(NOTICES)


async def test_parcel_that_ships_within_the_first_delay_asks_nothing_more(world: World) -> None:
    """Scanned on the fifth day: the clock ends with it."""
    placed, handle = await told(world)
    await world.pass_time(handle, timedelta(days=3))
    await completed(world, placed, handle)
    assert notices(world, placed) == ["delay_notice"]


async def test_scan_after_consent_was_wanted_ends_the_clock(world: World) -> None:
    """Nobody answered, and it ships before the revised date: delivered a week later, not canceled."""
    placed, handle = await wanted(world)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    await world.pass_time(handle, timedelta(days=5))
    await completed(world, placed, handle)


async def test_express_yes_goes_on_past_the_revised_date(world: World) -> None:
    """Consent keeps the order; later days bring reminders to us, no cancellation."""
    placed, handle = await wanted(world)
    answer = await answered(handle, consent=True)
    assert (answer.outcome, answer.message) == ("done", "the shopper agrees to wait")
    await world.until(handle, lambda _: "delay_answered" in world.story(placed))
    await world.pass_time(handle, REVISED)
    assert (await world.until(handle, lambda _: True)).parcels[0].status is ParcelStatus.ACCEPTED
    await completed(world, placed, handle)


async def test_yes_to_the_first_notice_is_no_yes_to_a_second_delay(world: World) -> None:
    """Consent is asked for anew, and without it the order is canceled."""
    placed, handle = await told(world)
    await answered(handle, consent=True)
    for _ in range(2):
        await world.pass_time(handle, WANTED / 2)
    await world.until(handle, lambda _: notices(world, placed) == list(NOTICES))
    await world.pass_time(handle, REVISED)
    await given_back(world, placed, handle)


@pytest.mark.parametrize("when", [told, wanted])
async def test_no_cancels_at_once(world: World, when: object) -> None:
    """At either notice: undone now, not at the revised date."""
    placed, handle = await (told if when is told else wanted)(world)
    answer = await answered(handle, consent=False)
    assert answer.outcome == "done"
    await given_back(world, placed, handle)


@pytest.mark.parametrize(
    "changes",
    [{"terms": {"delay_rule": "none"}}, {"ship_to": address(country="CA", region="ON", postal_code="M5H 2N2")}],
    ids=["no rule", "not in the US"],
)
async def test_no_notices_where_the_law_does_not_apply(world: World, changes: dict[str, object]) -> None:
    """A person is asked all the same; weeks later nothing was canceled by itself."""
    placed, handle = await world.accepted(**changes)
    await world.pass_time(handle, MISSED)
    await world.question(handle, "ship_by_missed")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await answered(handle, consent=True)
    assert "no delay notice is open" in str(refused.value.cause)
    assert notices(world, placed) == []
    await completed(world, placed, handle)


async def test_answer_before_any_notice_is_refused(world: World) -> None:
    """Nothing is late: the answer changes nothing."""
    placed, handle = await world.accepted()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await answered(handle, consent=False)
    assert "no delay notice is open" in str(refused.value.cause)
    await completed(world, placed, handle)


async def test_parcel_that_has_left_is_no_delay_to_consent_to(world: World) -> None:
    """It left in time and waits for its first scan: nobody tells the shopper that it may still be canceled."""
    placed, handle = await world.accepted()
    await world.pass_time(handle, timedelta(hours=24))
    await world.report(handle, ParcelStatus.LEFT_WAREHOUSE)
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.LEFT_WAREHOUSE)
    await world.pass_time(handle, timedelta(hours=25))
    await world.question(handle, "ship_by_missed")
    assert notices(world, placed) == []
    await completed(world, placed, handle)


async def test_canceled_by_a_person_ends_the_clock(world: World) -> None:
    """The order closes at once: no errand waits for the revised date."""
    placed, handle = await told(world)
    await world.resolve(handle, "cancel", "ship_by_missed")
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "ship_by_missed")
    assert notices(world, placed) == ["delay_notice"]
    await world.balanced(placed)
