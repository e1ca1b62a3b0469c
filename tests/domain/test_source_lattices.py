"""Each provider and carrier has a lattice: what it may say, and how its reports end, in whatever order they come."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.lattices import DEFAULT, LATTICES, Verdict, goods_left, judge, scanned
from ordersaga.domain.statuses import ParcelStatus as P

WAY = [P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED]
ENDS = {P.CANCELED, P.LOST, P.RETURNED_TO_SENDER}
OLDER, APPLIED, CONFLICT = Verdict.OLDER, Verdict.APPLIED, Verdict.CONFLICT
SOURCES = [*LATTICES, "unheard_of"]
sources = st.sampled_from(SOURCES)
statuses = st.sampled_from(list(P))
shuffles = st.randoms(use_true_random=False)
reports = st.lists(st.tuples(sources, statuses))


def says(source: str) -> list[P]:
    """What a source may report, in a fixed order."""
    return [status for status in P if status in LATTICES.get(source, DEFAULT).says]


def end(told: list[tuple[str, P]], start: P = P.PLANNED) -> P:
    """Where a parcel stands after these reports."""
    for source, reported in told:
        if judge(start, reported, source) is APPLIED:
            start = reported
    return start


def shuffled(told: list[tuple[str, P]], random: Random) -> list[tuple[str, P]]:
    """The same reports, each twice, in another order."""
    return sorted(told * 2, key=lambda _: random.random())


CONTRADICTIONS = [
    # source, where the parcel stands, what is reported, what becomes of it
    ("easypost", P.CANCELED, P.IN_TRANSIT, CONFLICT),  # left although it was canceled
    ("easypost", P.CANCELED, P.DELIVERED, CONFLICT),
    ("easypost", P.CANCELED, P.RETURNED_TO_SENDER, CONFLICT),
    ("easypost", P.CANCELED, P.LABELED, CONFLICT),  # the voided label lives
    ("easypost", P.DELIVERED, P.RETURNED_TO_SENDER, CONFLICT),
    ("easypost", P.DELIVERED, P.LOST, CONFLICT),
    ("easypost", P.RETURNED_TO_SENDER, P.DELIVERED, CONFLICT),
    ("easypost", P.LOST, P.IN_TRANSIT, CONFLICT),  # found again
    ("easypost", P.LOST, P.DELIVERED, CONFLICT),
    ("easypost", P.LOST, P.RETURNED_TO_SENDER, CONFLICT),
    ("easypost", P.IN_TRANSIT, P.EXCEPTION, CONFLICT),  # a failed delivery ends no journey
    ("easypost", P.ACCEPTED, P.PICKED, CONFLICT),  # a carrier knows nothing of shelves
    ("easypost", P.ACCEPTED, P.LEFT_WAREHOUSE, CONFLICT),
    ("easypost", P.LABELED, P.CANCELED, CONFLICT),  # a voided label cancels no parcel
    ("easypost", P.LABELED, P.LOST, APPLIED),  # its scan never reached us
    ("easypost", P.LABELED, P.RETURNED_TO_SENDER, APPLIED),
    ("easypost", P.EXCEPTION, P.IN_TRANSIT, APPLIED),
    ("private_delivery", P.CANCELED, P.IN_TRANSIT, CONFLICT),
    ("private_delivery", P.DELIVERED, P.RETURNED_TO_SENDER, CONFLICT),
    ("private_delivery", P.LOST, P.DELIVERED, CONFLICT),
    ("private_delivery", P.LABELED, P.EXCEPTION, CONFLICT),  # it has no word for that
    ("private_delivery", P.LABELED, P.CANCELED, CONFLICT),  # a voided label cancels no parcel
    ("private_delivery", P.LABELED, P.LOST, APPLIED),
    ("private_delivery", P.IN_TRANSIT, P.RETURNED_TO_SENDER, APPLIED),
    ("private_delivery", P.EXCEPTION, P.IN_TRANSIT, APPLIED),  # another source's exception, mended
    ("private_delivery", P.DELIVERED, P.IN_TRANSIT, OLDER),
    ("newegg", P.CANCELED, P.LEFT_WAREHOUSE, CONFLICT),  # agreed to cancel, and shipped
    ("newegg", P.LEFT_WAREHOUSE, P.CANCELED, CONFLICT),
    ("newegg", P.ACCEPTED, P.CANCELED, APPLIED),
    ("newegg", P.ACCEPTED, P.PICKED, CONFLICT),  # it has no word for that
    ("newegg", P.IN_TRANSIT, P.DELIVERED, CONFLICT),  # the carrier's to say
    ("newegg", P.LEFT_WAREHOUSE, P.IN_TRANSIT, APPLIED),
    ("shipbob", P.CANCELED, P.LEFT_WAREHOUSE, CONFLICT),  # agreed to cancel, and shipped
    ("shipbob", P.CANCELED, P.ACCEPTED, CONFLICT),
    ("shipbob", P.CANCELED, P.EXCEPTION, CONFLICT),
    ("shipbob", P.LEFT_WAREHOUSE, P.CANCELED, CONFLICT),
    ("shipbob", P.IN_TRANSIT, P.CANCELED, CONFLICT),
    ("shipbob", P.DELIVERED, P.CANCELED, CONFLICT),
    ("shipbob", P.LEFT_WAREHOUSE, P.EXCEPTION, CONFLICT),
    ("shipbob", P.IN_TRANSIT, P.LOST, CONFLICT),  # the carrier's to say
    ("shipbob", P.IN_TRANSIT, P.RETURNED_TO_SENDER, CONFLICT),
    ("shipbob", P.RETURNED_TO_SENDER, P.DELIVERED, CONFLICT),
    ("shipbob", P.ACCEPTED, P.PLANNED, CONFLICT),  # an intention of ours
    ("shipbob", P.EXCEPTION, P.CANCELED, APPLIED),
    ("shipbob", P.EXCEPTION, P.ACCEPTED, APPLIED),
    ("shipbob", P.PICKED, P.ACCEPTED, OLDER),
    ("shipbob", P.IN_TRANSIT, P.LEFT_WAREHOUSE, OLDER),
    ("seller_warehouse", P.LEFT_WAREHOUSE, P.IN_TRANSIT, CONFLICT),  # a seller's word is no scan
    ("seller_warehouse", P.LEFT_WAREHOUSE, P.DELIVERED, CONFLICT),
    ("seller_warehouse", P.LEFT_WAREHOUSE, P.CANCELED, CONFLICT),
    ("seller_warehouse", P.CANCELED, P.PACKED, CONFLICT),
    ("seller_warehouse", P.CANCELED, P.LEFT_WAREHOUSE, CONFLICT),
    ("seller_warehouse", P.IN_TRANSIT, P.LEFT_WAREHOUSE, OLDER),  # the scan came before the click
]


@pytest.mark.parametrize(("source", "current", "reported", "verdict"), CONTRADICTIONS)
def test_contradictions_have_a_defined_outcome(source: str, current: P, reported: P, verdict: Verdict) -> None:
    """The table an operator can read."""
    assert judge(current, reported, source) is verdict


@pytest.mark.parametrize("source", LATTICES)
def test_what_a_source_cannot_say_is_a_conflict_everywhere(source: str) -> None:
    """Also where the parcel stands there already: somebody speaks in its name, or its API has changed."""
    unsaid = set(P) - set(says(source))
    assert unsaid
    assert {judge(current, reported, source) for current in P for reported in unsaid} == {CONFLICT}


@pytest.mark.parametrize("source", LATTICES)
def test_the_same_report_again_is_old_news(source: str) -> None:
    """Twice is once."""
    assert {judge(status, status, source) for status in says(source)} == {OLDER}


def test_a_source_without_a_lattice_is_judged_as_ever() -> None:
    """The two-argument call stands."""
    for current in P:
        for reported in P:
            assert judge(current, reported) is judge(current, reported, "unheard_of")


@given(reports)
def test_nothing_moves_a_parcel_down_its_way(told: list[tuple[str, P]]) -> None:
    """Whoever reports what: not backward, not back into the house, not out of an end."""
    current = P.PLANNED
    for report in told:
        after = end([report], current)
        if current in WAY and after in WAY:
            assert WAY.index(after) >= WAY.index(current)
        assert goods_left(after) >= goods_left(current)
        assert scanned(after) >= scanned(current)
        assert after is current or current not in ENDS
        current = after


@given(st.sampled_from(sorted(ENDS)), reports)
def test_an_end_is_an_end(final: P, told: list[tuple[str, P]]) -> None:
    """Canceled, lost and returned parcels stay so."""
    assert end(told, final) is final


@given(st.lists(st.tuples(sources, st.sampled_from(WAY))), shuffles)
def test_progress_ends_at_the_furthest_report(told: list[tuple[str, P]], random: Random) -> None:
    """Of what each source may say, duplicated and reordered."""
    said = [status for source, status in told if status in says(source)]
    assert end(shuffled(told, random)) is max([P.PLANNED, *said], key=WAY.index)


@given(st.lists(st.sampled_from([P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.EXCEPTION])), shuffles)
def test_a_canceled_parcel_that_never_left_ends_canceled(told: list[P], random: Random) -> None:
    """Whatever overtook the cancellation, an exception too."""
    told_by = [("shipbob", status) for status in [*told, P.CANCELED]]
    assert end(told_by) is end(shuffled(told_by, random)) is P.CANCELED


@given(
    st.sampled_from([P.LOST, P.RETURNED_TO_SENDER]),
    st.lists(st.tuples(sources, st.sampled_from([*WAY[:-1], P.EXCEPTION]))),
    shuffles,
)
def test_a_carriers_end_is_reached_in_any_order(final: P, told: list[tuple[str, P]], random: Random) -> None:
    """The scan may come after the news that the parcel is lost."""
    ended = [*told, ("easypost", final)]
    assert end(ended) is end(shuffled(ended, random)) is final


@given(st.lists(st.tuples(sources, st.sampled_from([*WAY, P.EXCEPTION]))), shuffles)
def test_an_exception_is_forgotten_once_goods_left(told: list[tuple[str, P]], random: Random) -> None:
    """A parcel that left ends where it got to, however often something was wrong before."""
    left = [*told, ("shipbob", P.LEFT_WAREHOUSE)]
    furthest = max((status for source, status in left if status in WAY and status in says(source)), key=WAY.index)
    assert end(left) is end(shuffled(left, random)) is furthest


def test_a_further_account_is_judged_as_its_company_is() -> None:
    """ShipBob has no word for a lost parcel, whichever of our accounts says it."""
    assert judge(P.IN_TRANSIT, P.LOST, "shipbob-east") is Verdict.CONFLICT
    assert judge(P.IN_TRANSIT, P.LOST, "blitz") is Verdict.APPLIED
