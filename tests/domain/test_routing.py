"""Each rule of the chain decides where those before it leave a choice; and what is told of it."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from pydantic import ValidationError

from ordersaga.domain.dispatch import Dispatch, Weekday
from ordersaga.domain.orders import AWAITED, RouteRule, SellerTerms
from ordersaga.domain.routing import Moment, Passed, StockOffer, choose
from ordersaga.domain.routing_words import Why, kept, told
from tests.fakes.samples import PLACED_AT, address, order

LA = "America/Los_Angeles"
USUAL = Dispatch()
BOUGHT = order("o1", ("MUG", 2))
THEN = Moment(PLACED_AT)


def place(name: str, region: str = "NV", dispatch: Dispatch = USUAL, units: int = 9) -> StockOffer:
    """A place with so many mugs."""
    home = {"region": region, "country": "US", "postal_code": "89501", "dispatch": dispatch}
    return StockOffer(location=name, provider=f"of-{name}", available={"MUG": units}, **home)


def fell(*places: StockOffer, moment: Moment = THEN, terms: SellerTerms | None = None) -> list[Passed]:
    """What is passed over when the first of these places is chosen."""
    bought = BOUGHT.model_copy(update={"terms": terms or BOUGHT.terms})
    choice = choose(bought, places, moment)
    assert choice is not None
    assert [plan.location for plan in choice.parcels] == [places[0].location]
    return list(choice.passed)


def test_each_rule_decides_where_the_others_leave_a_choice() -> None:
    """Health before the backlog before the promise before the zone before the cut-off before cost before the name."""
    friday = datetime(2026, 3, 6, 23, tzinfo=UTC)
    late = Dispatch(cut_off=time(9), time_zone=LA)
    assert fell(place("b", "NV"), place("a", "NY"), moment=Moment(PLACED_AT, unwell={"of-a"})) == [
        ("a", "health", 1, 0)
    ]
    busy = Moment(PLACED_AT, busy={"of-a"})
    assert fell(place("b", "NV"), place("a", "NY"), moment=busy) == [("a", "backlog", 1, 0)]
    both = Moment(PLACED_AT, unwell={"of-b"}, busy={"of-a"})
    assert fell(place("a", "NV"), place("b", "NY"), moment=both) == [("b", "health", 1, 0)]
    assert fell(place("b"), place("a", "NY", late), moment=Moment(friday)) == [("a", "promise", 1, 0)]
    assert fell(place("b", "NY"), place("a", dispatch=Dispatch(parcel_fee=0))) == [("a", "zone", 3, 1)]
    closed = Dispatch(cut_off=time(3), time_zone=LA)
    assert fell(place("b"), place("a", dispatch=closed), moment=THEN) == [("a", "cut_off", 1, 0)]
    assert fell(place("b"), place("a", dispatch=Dispatch(unit_fee=5))) == [("a", "cost", 1010, 1000)]
    assert fell(place("a"), place("b")) == [("b", "name", 0, 0)]


def test_verdicts_and_the_split_come_before_every_rank() -> None:
    """What is stopped, or does not ship there, is no candidate; nor is what would take another parcel."""
    moment = Moment(PLACED_AT, unwell={"of-z"}, stopped={"of-a"})
    near, never, few = place("a", "NY"), place("b", "NY", Dispatch(zones="US:0")), place("c", "NY", units=1)
    assert fell(place("z"), near, never, few, moment=moment) == [
        ("a", "stop", 0, 0),
        ("b", "region", 0, 0),
        ("c", "split", 0, 1),
    ]


def test_the_seller_says_which_rank_counts_first() -> None:
    """The ranks not named follow in their usual order."""
    cheap, near = place("cheap", dispatch=Dispatch(shipping_by_zone=(9, 9, 9, 9))), place("near", "NY")
    assert fell(near, cheap) == [("cheap", "zone", 3, 1)]
    assert fell(cheap, near, terms=SellerTerms(route_by=(RouteRule.COST,))) == [("near", "cost", 600, 9)]


@pytest.mark.parametrize(
    ("postal_code", "region", "zone"),
    [("94601", "CA", 1), ("94110", "CA", 2), ("90001", "CA", 3), ("10001", "NY", 5), ("96701", "HI", 0)],
)
def test_the_closest_entry_of_a_table_counts(postal_code: str, region: str, zone: int) -> None:
    """A longer postal prefix before a shorter one, any before the region, the region before the country."""
    table = Dispatch(zones="US:5 US-CA:3 US/94:2 US/946:1 US-HI:0", shipping_by_zone=(1, 2, 3, 4, 5))
    assert place("a", dispatch=table).zone(address(postal_code=postal_code, region=region)) == zone


def test_without_a_table_the_zone_is_told_by_region_postal_area_and_country() -> None:
    """Region, the same first sign of the postal code, the country, abroad; an address not told yet is far."""
    here = place("a")
    there = [address(region="NV"), address(postal_code="84101", region="UT"), address(), address(country="CA")]
    assert [here.zone(to) for to in (*there, AWAITED)] == [1, 2, 3, 4, 4]
    assert place("b", dispatch=Dispatch(zones="*:0")).zone(AWAITED) == 4


def test_a_parcel_leaves_on_the_next_working_day_from_its_cut_off_on() -> None:
    """In the location's own time, over the change to summer time too."""
    until_two = Dispatch(cut_off=time(14), time_zone=LA, working_days=(Weekday.MON, Weekday.FRI))
    before = datetime(2026, 3, 6, 21, 59, tzinfo=UTC)
    after = datetime(2026, 3, 6, 22, 1, tzinfo=UTC)
    assert until_two.departs(before) == datetime(2026, 3, 6, 22, tzinfo=UTC)
    assert until_two.departs(after) == datetime(2026, 3, 9, 21, tzinfo=UTC)
    assert (until_two.days(before), until_two.days(after)) == (0, 3)


def test_no_parcel_leaves_on_a_holiday() -> None:
    """The next day on which its location works, however many in a row it is closed."""
    now = datetime(2026, 12, 24, 15, tzinfo=UTC)
    christmas = Dispatch(cut_off=time(14), closed_on=(date(2026, 12, 25), date(2026, 12, 28)))
    assert christmas.departs(now) == datetime(2026, 12, 29, 14, tzinfo=UTC)
    fridays = tuple(date(2026, 12, 25) + timedelta(weeks=number) for number in range(20))
    rarely = Dispatch(cut_off=time(14), working_days=(Weekday.FRI,), closed_on=fridays)
    assert rarely.days(now) == 1 + 7 * len(fridays)
    open_then = place("open", dispatch=Dispatch(cut_off=time(14)))
    closed = place("closed", dispatch=christmas)
    assert fell(open_then, closed, moment=Moment(now)) == [("closed", "cut_off", 5, 1)]


def test_a_location_that_never_works_again_is_refused() -> None:
    """Nobody lists more than a year of holidays."""
    with pytest.raises(ValidationError, match="at most 366"):
        Dispatch(closed_on=tuple(date(2026, 1, 1) + timedelta(days=number) for number in range(367)))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("zones", "USA:1", "'USA:1' is no entry"),
        ("zones", "US:1 US:2", "stands twice"),
        ("zones", "US:5", "no price for the farthest"),
        ("time_zone", "Mars/Base", "no time zone"),
        ("cut_off", "14:00Z", "has no offset"),
        ("closed_on", ["25 December"], "'25 December' is no day; write it as 2026-12-25"),
        ("closed_on", [86400], "86400 is no day"),
        ("closed_on", ["2026-12-25"], "counts for a location with a cut_off only"),
        ("shipping_by_zone", (1, 2), "at least 4"),
    ],
)
def test_what_cannot_be_meant_is_refused(field: str, value: object, says: str) -> None:
    """Nothing of it would be noticed before orders ship from the wrong place."""
    with pytest.raises(ValidationError, match=says):
        Dispatch.model_validate({field: value})


def test_why_is_kept_in_little_and_told_in_full() -> None:
    """Nothing where nothing else was there; a location for each that was passed over, and how many more there were."""
    alone = choose(BOUGHT, [place("a")], THEN)
    assert alone is not None
    assert kept(alone) is None
    many = choose(BOUGHT, [place("a", "NY"), *(place(f"x{number:02}") for number in range(12))], THEN)
    assert many is not None
    stored = kept(many)
    assert stored is not None
    sentences = told(many.parcels, Why.model_validate(stored), "USD")
    assert sentences[0] == "Parcel 1 ships from a (of-a), in zone 1: it costs about USD 6.00 and leaves the same day."
    assert sentences[1].startswith("Not from x00 (zone: 3, here 1), x01 (")
    assert sentences[1].endswith("x09 (zone: 3, here 1), 2 more.")
    moved = many.parcels[0].model_copy(update={"location": "x00"})
    assert told([moved], Why.model_validate(stored), "USD") == []


def test_a_split_names_who_was_in_no_plan_of_as_few_parcels() -> None:
    """The ranks choose between sets of locations; one that would take a third parcel is in none of them."""
    bought = order("o1", ("MUG", 4), ("TEE", 4))
    cheap = Dispatch(shipping_by_zone=(100, 100, 100, 100))
    shelves = {"a": {"MUG": 4}, "b": {"TEE": 4}, "c": {"TEE": 4}, "d": {"MUG": 1, "TEE": 1}}
    places = [
        place(name, dispatch=cheap if name == "c" else USUAL).model_copy(update={"available": units})
        for name, units in shelves.items()
    ]
    choice = choose(bought, places, THEN)
    assert choice is not None
    assert {plan.location for plan in choice.parcels} == {"a", "c"}
    assert choice.passed == (("b", "cost", 2000, 1100), ("d", "split", 0, 2))
    assert told(choice.parcels, Why.model_validate(kept(choice)), "USD")[-1] == (
        "Not from b (cost: about USD 9.00 more), d (split: in none of the plans of 2 parcels that were compared)."
    )
