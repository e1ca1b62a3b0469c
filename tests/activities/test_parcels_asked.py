"""What is asked about a parcel after it was handed off: another address, where it is, to turn it around."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.carriers import BookLabel, InterceptParcel, LookAtLabel
from activities.providers import LookAtParcel, Providers, UpdateAddress
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RefusedError, RetryError
from ordersaga.domain.orders import LineQuantity, ParcelPlan
from ordersaga.domain.shipping import (
    AddressDecision,
    InterceptDecision,
    ParcelReport,
    ShippingService,
)
from ordersaga.domain.statuses import ParcelStatus
from tests.activities.conftest import HAND_OFF, REFERENCE, Bench
from tests.fakes.samples import EAST, address, order
from tests.fakes.shipping import FakeProvider

LOST = RetryError("timeout", "no answer", unknown=True)
PLAN = ParcelPlan(parcel=1, location=EAST, provider="seller_warehouse", lines=order().lines, amount=1000)
BOOK = BookLabel(order=order(), plan=PLAN)
MOVED = address(line1="2 Side St")
INTERCEPT = InterceptParcel(order_id="o1", parcel=1)
ACCEPTED, REFUSED, NOT_OFFERED = InterceptDecision.ACCEPTED, InterceptDecision.REFUSED, InterceptDecision.NOT_OFFERED


def update(generation: int = 1) -> UpdateAddress:
    """The same parcel to another address."""
    return UpdateAddress(
        provider="shipbob", order_id="o1", parcel=1, generation=generation, reference=REFERENCE, ship_to=MOVED
    )


async def test_an_address_is_updated_once_per_generation(bench: Bench) -> None:
    """The ledger answers a repeat; another change is another effect. The address is not in the ledger."""
    await bench.providers.hand_off(HAND_OFF)
    for generation in (1, 1, 2):
        assert await bench.providers.update_address(update(generation)) is AddressDecision.UPDATED
    assert bench.provider.called("update_address") == [(REFERENCE, MOVED)] * 2
    assert bench.provider.hand_offs[REFERENCE].ship_to == MOVED
    assert bench.row("update_address").answer == {"decision": "updated"}


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_lost_hand_off_is_sent_again_at_once_where_its_reference_keeps_it_apart(
    bench: Bench, idempotent: bool
) -> None:
    """Elsewhere only once an inquiry that finds nothing proves something: a second one would be another parcel."""
    bench.provider.is_able(idempotent=idempotent)
    bench.provider.fail_next("submit", LOST)
    with pytest.raises(ApplicationError, match="timeout"):
        await bench.providers.hand_off(HAND_OFF)
    if idempotent:
        assert (await bench.providers.hand_off(HAND_OFF)).accepted
    else:
        with pytest.raises(ApplicationError, match="not_visible_yet"):
            await bench.providers.hand_off(HAND_OFF)
        assert len(bench.provider.called("submit")) == 1
        bench.time_has_passed()
        assert (await bench.providers.hand_off(HAND_OFF)).accepted
    assert len(bench.provider.called("submit")) == 2


@pytest.mark.parametrize("refusal", [CustomerError("address_refused", "no"), RefusedError("refused", "never made")])
async def test_an_order_refused_later_is_none_to_look_at(bench: Bench, refusal: OrdersagaError) -> None:
    """Whoever only looks is told that there is none; a look that fails for another reason fails."""
    bench.provider.fail_next("inquire", refusal)
    bench.provider.fail_next("inquire", OperatorError("bad_credentials", "revoked"))
    ask = LookAtParcel(provider="shipbob", reference=REFERENCE)
    assert await bench.providers.look(ask) is None
    with pytest.raises(ApplicationError, match="bad_credentials"):
        await bench.providers.look(ask)


async def test_a_refused_address_is_an_answer(bench: Bench) -> None:
    """Picked: the provider is not asked twice, and the parcel goes where it went."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.advance(REFERENCE, ParcelStatus.PICKED)
    for _ in range(2):
        assert await bench.providers.update_address(update()) is AddressDecision.REFUSED
    assert len(bench.provider.called("update_address")) == 1
    assert bench.provider.hand_offs[REFERENCE].ship_to == HAND_OFF.hand_off.ship_to
    row = bench.row("update_address")
    assert (row.status, row.code) == (EffectStatus.REFUSED, "address_refused")


async def test_a_provider_that_takes_no_other_address(bench: Bench) -> None:
    """NOT_OFFERED is an answer too."""
    provider = FakeProvider(address_until=None)
    providers = Providers({"shipbob": provider}, bench.effects, bench.ledger)
    await providers.hand_off(HAND_OFF)
    assert await providers.update_address(update()) is AddressDecision.NOT_OFFERED
    assert provider.hand_offs[REFERENCE].ship_to == HAND_OFF.hand_off.ship_to
    assert bench.row("update_address").code == "address_not_offered"


async def test_an_address_it_cannot_ship_to_is_refused(bench: Bench) -> None:
    """The shopper's side: refused, with the code why."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.fail_next("update_address", CustomerError("address_refused", "no such street"))
    assert await bench.providers.update_address(update()) is AddressDecision.REFUSED
    assert bench.row("update_address").code == "address_refused"


async def test_a_lost_answer_to_an_address_is_asked_again(bench: Bench) -> None:
    """Sending it twice is one change."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.fail_next("update_address", LOST, after_doing=True)
    with pytest.raises(ApplicationError) as caught:
        await bench.providers.update_address(update())
    assert (caught.value.type, bench.row("update_address").status) == ("retry", EffectStatus.UNKNOWN)
    assert await bench.providers.update_address(update()) is AddressDecision.UPDATED
    assert bench.row("update_address").status is EffectStatus.DONE


async def test_an_address_an_operator_must_look_at_is_asked_anew(bench: Bench) -> None:
    """Credentials repaired: the same change is made after all."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.fail_next("update_address", OperatorError("shipbob_credentials", "check the token"))
    with pytest.raises(ApplicationError) as caught:
        await bench.providers.update_address(update())
    assert caught.value.type == "refused"
    assert await bench.providers.update_address(update()) is AddressDecision.UPDATED


async def test_a_look_at_a_parcel_changes_nothing(bench: Bench) -> None:
    """What the provider says now, all of it; nothing is written."""
    look = LookAtParcel(provider="shipbob", reference=REFERENCE)
    assert await bench.providers.look(look) is None
    await bench.providers.hand_off(HAND_OFF)
    units = (LineQuantity(sku="MUG", quantity=1),)
    told = {"carrier": "UPS", "tracking_number": "1Z1", "detail": "Packing Completed"}
    bench.provider.advance(REFERENCE, ParcelStatus.PACKED, **told, partially_canceled=True, canceled_lines=units)
    assert await bench.providers.look(look) == ParcelReport(
        status=ParcelStatus.PACKED, **told, partial=True, canceled_lines=units
    )
    assert bench.steps() == {"hand_off/1/1": "done"}


async def test_a_label_is_bought_by_service_and_carrier(bench: Bench) -> None:
    """As asked, and from the location's address with the products' weight as ever."""
    asked = BOOK.model_copy(update={"service": ShippingService.EXPEDITED, "carrier": "ups"})
    bought = await bench.carriers.book_label(asked)
    assert (bought.bought, bought.carrier, bought.can_intercept) == (True, "ups", False)
    request, plain = bench.carrier.requests[REFERENCE], order().ship_to
    assert (request.service, request.carrier, request.ship_to) == (ShippingService.EXPEDITED, "ups", plain)
    assert request.returning is False


async def test_a_label_is_the_cheapest_by_default(bench: Bench) -> None:
    """Inputs written before there was a choice mean the same as ever."""
    await bench.carriers.book_label(BookLabel.model_validate(BOOK.model_dump(exclude={"service", "carrier"})))
    request = bench.carrier.requests[REFERENCE]
    assert (request.service, request.carrier) == (ShippingService.STANDARD, None)


async def test_a_look_at_a_label(bench: Bench) -> None:
    """Nothing without one; then what tracking says, and nothing is written."""
    look = LookAtLabel(order_id="o1", reference=REFERENCE)
    assert await bench.carriers.look(look) is None
    await bench.carriers.book_label(BOOK)
    bench.carrier.track(REFERENCE, ParcelStatus.RETURNED_TO_SENDER, "refused at the door")
    assert await bench.carriers.look(look) == ParcelReport(
        status=ParcelStatus.RETURNED_TO_SENDER,
        source="fedex",
        carrier="fedex",
        tracking_number="1Z000001",
        detail="refused at the door",
    )
    assert bench.steps() == {"book_label/1/1": "done"}


async def test_a_parcel_is_turned_around_once(bench: Bench) -> None:
    """Asked once per generation, for the label that was bought last."""
    bench.carrier.can_intercept = True
    assert (await bench.carriers.book_label(BOOK)).can_intercept is True
    bench.carrier.track(REFERENCE, ParcelStatus.IN_TRANSIT)
    for _ in range(2):
        assert await bench.carriers.intercept(INTERCEPT) is ACCEPTED
    assert bench.carrier.called("intercept") == [(REFERENCE,)]
    assert bench.row("intercept").status is EffectStatus.DONE


async def test_no_label_of_ours_is_turned_around(bench: Bench) -> None:
    """Nothing bought, or the purchase refused: nobody is asked, nothing is written."""
    assert await bench.carriers.intercept(INTERCEPT) is NOT_OFFERED
    bench.carrier.fail_next("book", CustomerError("label_refused", "no"))
    await bench.carriers.book_label(BOOK)
    assert await bench.carriers.intercept(INTERCEPT) is NOT_OFFERED
    assert bench.carrier.called("intercept") == []
    assert bench.steps() == {"book_label/1/1": "refused"}


@pytest.mark.parametrize(
    ("offered", "decision", "code"),
    [(True, REFUSED, "intercept_refused"), (False, NOT_OFFERED, "intercept_not_offered")],
)
async def test_a_carrier_that_turns_nothing_around(
    bench: Bench, offered: bool, decision: InterceptDecision, code: str
) -> None:
    """An answer, kept for this request; a later one asks again."""
    bench.carrier.can_intercept = offered
    await bench.carriers.book_label(BOOK)
    for _ in range(2):
        assert await bench.carriers.intercept(INTERCEPT) is decision
    assert len(bench.carrier.called("intercept")) == 1
    assert bench.row("intercept").code == code
    bench.carrier.can_intercept = True
    bench.carrier.track(REFERENCE, ParcelStatus.IN_TRANSIT)
    assert await bench.carriers.intercept(INTERCEPT.model_copy(update={"generation": 2})) is ACCEPTED


@pytest.mark.parametrize("after_doing", [True, False])
async def test_a_lost_answer_to_an_interception_is_looked_up(bench: Bench, after_doing: bool) -> None:
    """It was taken: found on the label, not asked twice. It was not: asked again, once that is proved."""
    bench.carrier.can_intercept = True
    await bench.carriers.book_label(BOOK)
    bench.carrier.track(REFERENCE, ParcelStatus.IN_TRANSIT)
    bench.carrier.fail_next("intercept", LOST, after_doing=after_doing)
    with pytest.raises(ApplicationError):
        await bench.carriers.intercept(INTERCEPT)
    if not after_doing:
        with pytest.raises(ApplicationError, match="not_visible_yet"):
            await bench.carriers.intercept(INTERCEPT)
        bench.time_has_passed()
    assert await bench.carriers.intercept(INTERCEPT) is ACCEPTED
    assert len(bench.carrier.called("intercept")) == (1 if after_doing else 2)


async def test_an_interception_nobody_answered_ends_with_the_way(bench: Bench) -> None:
    """The parcel is where it ends: what is open is entered as refused, and the carrier is not asked again."""
    bench.carrier.can_intercept = True
    await bench.carriers.book_label(BOOK)
    bench.carrier.fail_next("intercept", LOST)
    with pytest.raises(ApplicationError):
        await bench.carriers.intercept(INTERCEPT)
    ended = INTERCEPT.model_copy(update={"way_ended": True})
    assert await bench.carriers.intercept(ended) is REFUSED
    assert bench.row("intercept").status is EffectStatus.REFUSED
    assert len(bench.carrier.called("intercept")) == 1


async def test_an_interception_that_was_taken_stays_taken(bench: Bench) -> None:
    """The end of the way changes no answer."""
    bench.carrier.can_intercept = True
    await bench.carriers.book_label(BOOK)
    bench.carrier.track(REFERENCE, ParcelStatus.IN_TRANSIT)
    await bench.carriers.intercept(INTERCEPT)
    assert await bench.carriers.intercept(INTERCEPT.model_copy(update={"way_ended": True})) is ACCEPTED
