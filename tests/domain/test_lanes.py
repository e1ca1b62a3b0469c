"""Who goes first in a lane, and how much a lane hands out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.lanes import Lane, Urgency, pause_after, urgency

NOW = datetime(2026, 3, 1, tzinfo=UTC)
hours = st.timedeltas(min_value=timedelta(hours=-100), max_value=timedelta(hours=100))
within = st.timedeltas(min_value=timedelta(hours=1), max_value=timedelta(days=30))


@pytest.mark.parametrize(
    ("slack", "expected"),
    [(48, Urgency.IN_TIME), (25, Urgency.IN_TIME), (24, Urgency.SOON), (12, Urgency.URGENT), (-3, Urgency.URGENT)],
)
def test_what_is_due_soon_goes_first(slack: int, expected: Urgency) -> None:
    """Against the two days that this seller has."""
    assert urgency(NOW, NOW + timedelta(hours=slack), timedelta(hours=48)) is expected


@given(within, hours, hours)
def test_less_time_never_hurries_less(ship_within: timedelta, one: timedelta, other: timedelta) -> None:
    """Nor more than an undo, which goes before all of it."""
    short, long = sorted([one, other])
    first, second = (urgency(NOW, NOW + slack, ship_within) for slack in (short, long))
    assert Urgency.UNDO < first <= second < Urgency.BACKGROUND


def test_a_lane_gets_its_share_of_the_calls() -> None:
    """Four fifths, divided by the calls of its usual activity; nobody limits our own database."""
    assert Lane("a", 150).rate == pytest.approx(2.0)
    assert Lane("b", 300, calls_each=3).rate == pytest.approx(4 / 3)
    assert Lane("c").rate is None


def test_a_lane_keeps_waiting_for_as_long_as_its_backlog_takes_or_its_oldest_has_waited() -> None:
    """An empty one keeps nobody waiting."""
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    assert Lane("a", 150).wait(7200, minute) == hour
    assert Lane("a", 150).wait(2, hour) == Lane("c").wait(2, hour) == hour
    assert Lane("a", 150).wait(0, hour) == timedelta(0)


@given(st.none() | st.timedeltas())
def test_every_429_pauses_for_a_bounded_time(asked: timedelta | None) -> None:
    """Whatever its header says."""
    assert timedelta(0) <= pause_after(asked) <= timedelta(minutes=10)
