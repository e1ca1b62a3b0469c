"""What a stop matches, and what it does with an order at each stage."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.journal import OrderRecord, ParcelAddress
from ordersaga.domain.orders import LineQuantity, OrderLine, ParcelPlan
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.domain.stop_decisions import SeenOrder, SeenParcel, decide
from ordersaga.domain.stops import (
    Stage,
    StopMatch,
    StopPolicy,
    StopRule,
    Treatment,
    avoided,
    hold_kind,
    passed_over,
    stopping,
)
from tests.fakes.samples import address, order

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STRICT = StopPolicy(
    accepted=Treatment.CANCEL,
    confirmed=Treatment.HOLD,
    at_provider=Treatment.CANCEL,
    picked=Treatment.DRAIN,
    in_transit=Treatment.CANCEL,
)


def rule(policy: StopPolicy = STRICT, **match: str) -> StopRule:
    """A stop in force."""
    wanted = StopMatch(**(match or {"region": "US-NY"}))
    return StopRule(stop_id="s1", match=wanted, policy=policy, effective_at=NOW - timedelta(hours=1))


def plan(number: int = 1, provider: str = "shipbob", sku: str = "MUG") -> ParcelPlan:
    """A parcel of two units, 2000 minor units."""
    line = OrderLine(sku=sku, quantity=2, unit_price=1000)
    return ParcelPlan(parcel=number, location="nj-1", provider=provider, lines=(line,), amount=2000)


def record(status: OrderStatus = OrderStatus.FULFILLING, **changes: Any) -> OrderRecord:
    """An open order."""
    placed = order("o1", ("MUG", 2), ("TEE", 2), **changes)
    return OrderRecord(
        order=placed,
        status=status,
        outcome="confirmed",
        reason=None,
        parcels=(plan(),),
        accepted_at=NOW,
        updated_at=NOW,
        started=True,
    )


def seen(*parcels: SeenParcel, status: OrderStatus = OrderStatus.FULFILLING) -> SeenOrder:
    """A confirmed order."""
    return SeenOrder(status=status, confirmed=True, parcels=parcels)


def parcel(status: ParcelStatus, number: int = 1, carrier: str | None = None, **of: str) -> SeenParcel:
    """A parcel as its saga sees it."""
    return SeenParcel(plan=plan(number, **of), status=status, carrier=carrier)


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        ({"region": "US"}, True),
        ({"region": "US-NY"}, True),
        ({"region": "US-CA"}, False),
        ({"region": "CA"}, False),
        ({"seller": "acme", "channel": "checkout"}, True),
        ({"seller": "acme", "channel": "tiktok_shop"}, False),
        ({"sku": "TEE"}, True),
        ({"sku": "LAMP"}, False),
    ],
)
def test_all_that_is_given_must_match(match: dict[str, str], matches: bool) -> None:
    """Of the address, the seller, the channel and the lines."""
    assert StopMatch(**match).order(record().order) is matches


def test_a_stop_of_nothing_is_no_stop() -> None:
    """It would stop everything by mistake."""
    with pytest.raises(ValueError, match="give at least one"):
        StopMatch()


def test_the_door_follows_the_clock() -> None:
    """Before it takes effect and from its end on, nobody is refused."""
    wanted = rule().model_copy(update={"effective_at": NOW, "until": NOW + timedelta(hours=1)})
    placed = record().order
    moments = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(minutes=59), NOW + timedelta(hours=1)]
    assert [stopping([wanted], placed, moment) is not None for moment in moments] == [False, True, True, False]
    assert "until 2026-03-01 13:00 UTC" in wanted.told()


def test_a_stopped_provider_is_avoided_and_refuses_nobody_by_itself() -> None:
    """Another may ship the order; a carrier is not known before there is a label."""
    placed = record().order
    assert list(avoided([rule(provider="shipbob")], placed, NOW)) == ["shipbob"]
    assert not avoided([rule(provider="shipbob", region="US-CA")], placed, NOW)
    assert not avoided([rule(provider="shipbob", carrier="ups")], placed, NOW)
    assert stopping([rule(provider="shipbob"), rule(carrier="ups")], placed, NOW) is None


def test_who_waits_in_line_is_passed_over_unless_let_go_on() -> None:
    """Hold and cancel both give nothing out."""
    drain = StopPolicy(accepted=Treatment.DRAIN)
    assert passed_over([rule()], record().order, NOW)
    assert not passed_over([rule(drain)], record().order, NOW)


@pytest.mark.parametrize(
    ("status", "stage", "treatment"),
    [
        (ParcelStatus.ACCEPTED, Stage.AT_PROVIDER, Treatment.CANCEL),
        (ParcelStatus.EXCEPTION, Stage.AT_PROVIDER, Treatment.CANCEL),
        (ParcelStatus.PLANNED, Stage.AT_PROVIDER, Treatment.CANCEL),
        (ParcelStatus.PICKED, Stage.PICKED, Treatment.DRAIN),
        (ParcelStatus.LEFT_WAREHOUSE, Stage.PICKED, Treatment.DRAIN),
        (ParcelStatus.IN_TRANSIT, Stage.IN_TRANSIT, Treatment.CANCEL),
    ],
)
def test_each_stage_is_treated_as_its_policy_says(status: ParcelStatus, stage: Stage, treatment: Treatment) -> None:
    """The whole order, and its parcel's money."""
    found = decide(rule(), record(), seen(parcel(status)))
    assert found is not None
    assert (found.stage, found.treatment, found.lines, found.money) == (stage, treatment, (), 2000)


@pytest.mark.parametrize("status", [OrderStatus.CONFIRMED, OrderStatus.ON_HOLD, OrderStatus.NEEDS_ATTENTION])
def test_what_is_not_handed_off_can_be_held(status: OrderStatus) -> None:
    """An open question may hide how far it is: then the saga is asked."""
    found = decide(rule(), record(status), seen(parcel(ParcelStatus.PLANNED), status=status))
    assert found is not None
    assert (found.stage, found.treatment) == (Stage.CONFIRMED, Treatment.HOLD)


def test_before_its_outcome_an_order_is_accepted() -> None:
    """Its total is at stake."""
    found = decide(rule(), record(OrderStatus.PENDING), SeenOrder(status=OrderStatus.PENDING))
    assert found is not None
    assert (found.stage, found.treatment, found.money) == (Stage.ACCEPTED, Treatment.CANCEL, 4000)


@pytest.mark.parametrize("status", [ParcelStatus.DELIVERED, ParcelStatus.CANCELED, ParcelStatus.LOST])
def test_what_has_come_to_its_end_is_left_alone(status: ParcelStatus) -> None:
    """Nothing of it is left to be stopped."""
    assert decide(rule(), record(), seen(parcel(status))) is None
    assert decide(rule(), record(OrderStatus.COMPLETED), seen(parcel(ParcelStatus.ACCEPTED))) is None


def test_of_several_parcels_those_are_canceled_whose_stage_says_so() -> None:
    """One that the policy lets go on keeps its units; the order is as far as the one least far."""
    both = seen(parcel(ParcelStatus.ACCEPTED), parcel(ParcelStatus.PICKED, 2, sku="TEE"))
    found = decide(rule(), record(), both)
    assert found is not None
    assert (found.stage, found.money) == (Stage.AT_PROVIDER, 2000)
    assert found.lines == (LineQuantity(sku="MUG", quantity=2),)


def test_a_stopped_provider_or_carrier_concerns_its_parcels_only() -> None:
    """The other parcel of the order goes on."""
    both = seen(
        parcel(ParcelStatus.ACCEPTED, carrier="UPS"), parcel(ParcelStatus.ACCEPTED, 2, provider="own", sku="TEE")
    )
    by_carrier, by_provider = decide(rule(carrier="ups"), record(), both), decide(rule(provider="own"), record(), both)
    assert by_carrier is not None
    assert by_carrier.lines == (LineQuantity(sku="MUG", quantity=2),)
    assert by_provider is not None
    assert by_provider.lines == (LineQuantity(sku="TEE", quantity=2),)
    assert decide(rule(carrier="fedex"), record(), both) is None


def test_an_order_that_now_ships_elsewhere_does_not_match() -> None:
    """Where it goes now counts."""
    moved = record(ship_to=address(region="MA", city="Boston"))
    assert decide(rule(), moved, seen(parcel(ParcelStatus.ACCEPTED))) is None


def test_the_hold_is_named_after_its_stop() -> None:
    """A name that holds may have."""
    assert hold_kind("20260301ab12cd34") == "stop_20260301ab12cd34"


@pytest.mark.parametrize(
    ("region", "parcels"), [("US-NY", (1,)), ("US-MA", (2,)), ("US", ()), ("US-CA", None)], ids=lambda each: str(each)
)
def test_each_parcel_is_of_the_region_that_it_goes_to_itself(region: str, parcels: tuple[int, ...] | None) -> None:
    """Both have the same goods: the decision says out of which they are canceled; none means all of the order."""
    elsewhere = (ParcelAddress(parcel=2, ship_to=address(city="Boston", region="MA")),)
    parted = record().model_copy(update={"elsewhere": elsewhere})
    both = seen(parcel(ParcelStatus.ACCEPTED), parcel(ParcelStatus.ACCEPTED, 2))
    found = decide(rule(region=region), parted, both)
    assert (found.parcels if found else None) == parcels
    if found is not None and parcels:
        assert (found.lines, found.money) == ((LineQuantity(sku="MUG", quantity=2),), 2000)


def test_a_region_where_the_order_goes_but_no_parcel_any_more_is_left_alone() -> None:
    """The one that went there has arrived; before there are parcels, the order's own address counts."""
    elsewhere = (ParcelAddress(parcel=2, ship_to=address(city="Boston", region="MA")),)
    parted = record().model_copy(update={"elsewhere": elsewhere})
    assert decide(rule(), parted, seen(parcel(ParcelStatus.DELIVERED), parcel(ParcelStatus.ACCEPTED, 2))) is None
    waits = SeenOrder(status=OrderStatus.PENDING)
    assert decide(rule(region="US-MA"), record(OrderStatus.PENDING), waits) is None
