"""Contract of the Carrier port, on the fake and on each carrier there is; what differs is a field of the counter."""

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.shipping import CancelDecision, InterceptDecision, ShippingService
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Carrier
from tests.contracts.carrier_counter import Counter
from tests.contracts.carrier_courier import (
    courier,
    courier_company,
    courier_counter,
    courier_emulator,
    turning_courier,
)
from tests.contracts.carrier_ups import turning_ups, ups, ups_company, ups_counter, ups_emulator
from tests.fakes.shipping import FakeCarrier
from tests.gateways.conftest import easypost, easypost_company, easypost_emulator
from tests.gateways.support import label, new_order
from tests.support.emulators import EmulatorProcess

__all__ = ["easypost", "easypost_company", "easypost_emulator", "turning_ups", "ups", "ups_company", "ups_emulator"]
__all__ += ["courier", "courier_company", "courier_emulator", "turning_courier"]


def fake_counter(*, turns_around: bool = False) -> Counter:
    """In memory."""
    fake = FakeCarrier(can_intercept=turns_around)

    async def lose_answer(method: str) -> None:
        fake.fail_next(method, RetryError("no_answer", "lost", unknown=True), after_doing=True)

    async def scan(reference: str) -> None:
        fake.track(reference, ParcelStatus.IN_TRANSIT)

    return Counter(fake, lose_answer, scan, turns_around=turns_around)


def easypost_counter(carrier: Carrier, emulator: EmulatorProcess) -> Counter:
    """The real adapter over HTTP."""
    paths = {"book": "/buy$", "void": "/refund$"}

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", path=paths[method], times=1)

    async def scan(reference: str) -> None:
        await emulator.post("advance", match=reference, to="in_transit")

    return Counter(carrier, lose_answer, scan)


@pytest.fixture(params=["fake", "easypost", "ups", "courier"])
def counter(request: pytest.FixtureRequest) -> Counter:
    """A carrier of each kind."""
    if request.param == "fake":
        return fake_counter()
    if request.param == "ups":
        return ups_counter(request.getfixturevalue("ups"), request.getfixturevalue("ups_emulator"))
    if request.param == "courier":
        return courier_counter(request.getfixturevalue("courier"), request.getfixturevalue("courier_emulator"))
    return easypost_counter(request.getfixturevalue("easypost"), request.getfixturevalue("easypost_emulator"))


async def test_one_reference_one_label(counter: Counter) -> None:
    """A label has a price and a tracking number, is found by its reference, and is not bought twice."""
    bought = await counter.carrier.book(label(order := new_order()))
    assert (bought.reference, bought.voided) == (f"{order}-1-1", False)
    assert bought.tracking_number
    assert bought.cost is not None
    assert bought.cost > 0
    for again in (await counter.carrier.book(label(order)), await counter.carrier.inquire(bought.reference)):
        assert counter.lasting(again) == counter.lasting(bought)


async def test_nothing_is_known_of_a_label_never_bought(counter: Counter) -> None:
    """Inquiring finds nothing, and there is nothing to undo."""
    reference = f"{new_order()}-1-1"
    assert await counter.carrier.inquire(reference) is None
    assert await counter.carrier.void(reference) is CancelDecision.NOTHING_TO_UNDO


async def test_void_of_an_unused_label(counter: Counter) -> None:
    """An unused label is taken back, at once or pending; it reads as voided, and asking again is harmless."""
    bought = await counter.carrier.book(label(new_order()))
    decision = await counter.carrier.void(bought.reference)
    assert decision in {CancelDecision.CANCELED, CancelDecision.PENDING}
    assert await counter.carrier.void(bought.reference) is decision
    found = await counter.carrier.inquire(bought.reference)
    assert counter.lasting(found) == counter.lasting(bought.model_copy(update={"voided": True}))


async def test_a_lost_answer_is_found_and_not_repeated(counter: Counter) -> None:
    """After a lost answer the carrier tells what happened, and a repeat buys and voids nothing more."""
    order = new_order()
    await counter.lose_answer("book")
    with pytest.raises(RetryError) as caught:
        await counter.carrier.book(label(order))
    assert caught.value.unknown is True
    found = await counter.carrier.inquire(f"{order}-1-1")
    assert found is not None
    assert await counter.carrier.book(label(order)) == found
    await counter.lose_answer("void")
    with pytest.raises(RetryError):
        await counter.carrier.void(found.reference)
    voided = await counter.carrier.inquire(found.reference)
    assert counter.lasting(voided) == counter.lasting(found.model_copy(update={"voided": True}))


async def test_a_look_says_where_a_label_is(counter: Counter) -> None:
    """Printed, then scanned, with who moves it under which number; nothing about a label never bought."""
    order = new_order()
    assert await counter.carrier.look(f"{order}-1-1") is None
    bought = await counter.carrier.book(label(order))
    before = await counter.carrier.look(bought.reference)
    await counter.scan(bought.reference)
    after = await counter.carrier.look(bought.reference)
    assert before is not None
    assert after is not None
    assert (before.status, after.status) == (ParcelStatus.LABELED, ParcelStatus.IN_TRANSIT)
    for told in (before, after):
        assert (told.parcel, told.generation) == (1, 1)
        assert (told.carrier, told.tracking_number) == (bought.carrier, bought.tracking_number)


async def test_the_carrier_that_was_asked_for(counter: Counter) -> None:
    """It is the one that takes the parcel, by either service."""
    for service in ShippingService:
        bought = await counter.carrier.book(label(new_order(), carrier=counter.sells, service=service))
        assert bought.carrier.lower() == counter.sells


async def test_what_cannot_be_turned_around_is_not(counter: Counter) -> None:
    """A label that says it cannot be intercepted is not, before the first scan or after it."""
    bought = await counter.carrier.book(label(new_order()))
    assert bought.can_intercept is counter.turns_around is False
    assert await counter.carrier.intercept(bought.reference) is InterceptDecision.NOT_OFFERED
    await counter.scan(bought.reference)
    assert await counter.carrier.intercept(bought.reference) is InterceptDecision.NOT_OFFERED
    assert counter.lasting(await counter.carrier.inquire(bought.reference)) == counter.lasting(bought)


@pytest.fixture(params=["fake", "ups", "courier"])
def turning(request: pytest.FixtureRequest) -> Counter:
    """A carrier of each kind that turns parcels around."""
    if request.param == "fake":
        return fake_counter(turns_around=True)
    if request.param == "courier":
        carrier, emulator = request.getfixturevalue("turning_courier"), request.getfixturevalue("courier_emulator")
        return courier_counter(carrier, emulator, turns_around=True)
    carrier, emulator = request.getfixturevalue("turning_ups"), request.getfixturevalue("ups_emulator")
    return ups_counter(carrier, emulator, turns_around=True)


async def test_turning_a_parcel_around(turning: Counter) -> None:
    """Where it is offered: not before the first scan, then once, however often it is asked."""
    bought = await turning.carrier.book(label(new_order()))
    assert bought.can_intercept is turning.turns_around is True
    assert await turning.carrier.intercept(bought.reference) is InterceptDecision.REFUSED
    assert turning.lasting(await turning.carrier.inquire(bought.reference)) == turning.lasting(bought)
    await turning.scan(bought.reference)
    assert await turning.carrier.intercept(bought.reference) is InterceptDecision.ACCEPTED
    assert await turning.carrier.intercept(bought.reference) is InterceptDecision.ACCEPTED
    found = await turning.carrier.inquire(bought.reference)
    assert turning.lasting(found) == turning.lasting(bought.model_copy(update={"intercepted": True}))
    assert await turning.carrier.intercept(f"{new_order()}-1-1") is InterceptDecision.REFUSED
