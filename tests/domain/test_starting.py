"""The window of sagas under way: its bounds, what it learns, and that it comes back."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.starting import FEWEST, FEWEST_KEPT, FIRST, Window

TARGET = timedelta(seconds=2)

outcomes = st.lists(
    st.tuples(st.floats(0, 60), st.floats(0, 60), st.booleans(), st.booleans()), max_size=200
)  # pause before, how long it took, whether the window is used, whether Temporal is away


def filled(window: Window, *, seconds: float, took: float, count: int, at: float = 0.0) -> float:
    """So many outcomes, `seconds` apart, of sagas that took so long, while the window is used; the time after them."""
    for number in range(count):
        window.saw(at + number * seconds, at + number * seconds + took, used=True)
    return at + count * seconds


@given(most=st.integers(1, 300), told=outcomes)
def test_it_stays_within_its_bounds_whatever_is_seen(most: int, told: list[tuple[float, float, bool, bool]]) -> None:
    """Never above `most`, never under the fewest; all of it is room, and what is kept for others comes on top."""
    window, now = Window(most, TARGET), 0.0
    for pause, took, used, away in told:
        now += pause
        window.cut(now) if away else window.saw(now, now + took, used=used)
        assert min(FEWEST, most) <= window.size <= most
        assert 0 <= window.room(0) <= window.size
        assert window.room(0) == window.size
        assert window.reserve >= FEWEST_KEPT
        assert window.room(window.size) == 0


@given(told=outcomes)
def test_it_comes_back_to_its_largest_whatever_was_seen(told: list[tuple[float, float, bool, bool]]) -> None:
    """After any past, sagas that are in time again open the whole window."""
    window, now = Window(64, TARGET), 0.0
    for pause, took, used, away in told:
        now += pause
        window.cut(now) if away else window.saw(now, now + took, used=used)
    filled(window, seconds=0.02, took=0.1, count=800, at=now + 61)
    assert window.size == 64


@given(told=outcomes)
def test_somebody_always_may_start(told: list[tuple[float, float, bool, bool]]) -> None:
    """With nothing under way there is room, for the starter and for a quiet seller."""
    window, now = Window(64, TARGET), 0.0
    for pause, took, used, away in told:
        now += pause
        window.cut(now) if away else window.saw(now, now + took, used=used)
        assert window.room(0) > 0
        assert window.reserve > 0


def test_late_outcomes_make_it_smaller_once_until_the_smaller_one_is_seen() -> None:
    """Sagas that began before a cut say nothing about what came of it."""
    window = Window(64, TARGET)
    filled(window, seconds=0.01, took=4, count=30)
    after = window.size
    assert after == int(64 / FIRST * 0.7)
    filled(window, seconds=0.01, took=4, count=30, at=0.31)
    assert window.size == after


def test_one_slow_call_of_a_company_changes_nothing() -> None:
    """It takes more than one late outcome among those in time."""
    window = Window(64, TARGET)
    filled(window, seconds=0.1, took=0.2, count=50)
    before = window.size
    filled(window, seconds=0.1, took=5, count=1, at=100)
    assert window.size == before


def test_what_nobody_used_does_not_grow() -> None:
    """A quiet hour is no proof that there is room for more."""
    window = Window(64, TARGET)
    for second in range(500):
        window.saw(second, second + 0.05, used=False)
    assert window.size == 64 // FIRST


def test_slow_companies_are_no_reason_to_start_fewer() -> None:
    """Sagas take three seconds each however few they are: after a first cut nobody was faster, and time is given."""
    window = Window(64, TARGET)
    filled(window, seconds=0.1, took=3, count=400)
    assert window.size > 32
    filled(window, seconds=0.1, took=0.1, count=100, at=100)
    assert not window.is_late(1.9)
    assert window.is_late(2.1)
