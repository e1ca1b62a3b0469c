"""Hostile messages: a parcel never moves backward, whatever arrives in whatever order."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.lattices import Verdict, goods_left, judge, scanned
from ordersaga.domain.statuses import ParcelStatus as P

WAY = [P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED]
ENDS = [P.CANCELED, P.LOST, P.RETURNED_TO_SENDER]
statuses = st.sampled_from(list(P))


def replay(reports: list[P], start: P = P.PLANNED) -> P:
    """Where a parcel stands after these reports."""
    for report in reports:
        if judge(start, report) is Verdict.APPLIED:
            start = report
    return start


@given(statuses)
def test_a_report_of_the_same_status_is_old_news(status: P) -> None:
    """The same message again changes nothing and is no conflict."""
    assert judge(status, status) is Verdict.OLDER


@given(st.sampled_from(WAY), st.sampled_from(WAY))
def test_on_its_way_a_parcel_only_moves_forward(current: P, reported: P) -> None:
    """A report is applied exactly when it is further along the way; otherwise it is older, never a conflict."""
    forward = WAY.index(reported) > WAY.index(current)

    assert judge(current, reported) is (Verdict.APPLIED if forward else Verdict.OLDER)


@given(st.lists(st.sampled_from(WAY)), st.randoms(use_true_random=False))
def test_progress_ends_at_the_same_place_in_any_order(reports: list[P], random: Random) -> None:
    """Reports of progress, shuffled and repeated, leave the parcel at the furthest of them."""
    furthest = max([P.PLANNED, *reports], key=WAY.index)
    shuffled = sorted(reports * 2, key=lambda _: random.random())

    assert replay(reports) == replay(shuffled) == furthest


@given(st.sampled_from(ENDS), st.lists(statuses))
def test_an_end_is_an_end(end: P, reports: list[P]) -> None:
    """Nothing that arrives later moves a canceled, lost or returned parcel; it is a conflict or old news."""
    assert replay(reports, start=end) == end


@given(st.lists(statuses))
def test_goods_that_left_never_come_back_by_message(reports: list[P]) -> None:
    """Once the goods are out, or scanned, no sequence of messages claims otherwise."""
    current = P.PLANNED
    for report in reports:
        after = replay([report], start=current)
        assert goods_left(after) >= goods_left(current)
        assert scanned(after) >= scanned(current)
        current = after


@given(st.lists(statuses))
def test_a_shipped_parcel_is_never_canceled(reports: list[P]) -> None:
    """A cancellation reported for goods that left is a conflict, and a delivery of a canceled parcel too."""
    current = replay(reports)

    if goods_left(current):
        assert judge(current, P.CANCELED) is Verdict.CONFLICT
    if current is P.CANCELED:
        assert judge(current, P.DELIVERED) is Verdict.CONFLICT


@given(statuses, statuses)
def test_scanned_goods_have_left(current: P, reported: P) -> None:
    """First scan implies that the goods left, wherever a parcel stands."""
    assert scanned(current) <= goods_left(current)
    assert isinstance(judge(current, reported), Verdict)
