"""When a breaker opens, when it is tried, and when it closes."""

from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.breakers import (
    FIRST_DELAY,
    GOOD_PROBES,
    LEAST_CALLS,
    LONGEST_DELAY,
    Breaker,
    BreakerState,
    Window,
    delay,
    forced,
    left_alone,
    opened,
    probed,
    too_many_failed,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEW = Breaker(lane="provider-shipbob", state=BreakerState.CLOSED, since=NOW, reason="new", by="breaker")
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("calls", "failed", "opens"),
    [
        (LEAST_CALLS - 1, LEAST_CALLS - 1, False),
        (LEAST_CALLS, LEAST_CALLS // 2, True),
        (LEAST_CALLS, LEAST_CALLS // 2 - 1, False),
        (1000, 499, False),
        (1000, 500, True),
    ],
)
def test_half_of_enough_calls_opens_it(calls: int, failed: int, opens: bool) -> None:
    """Of a few calls no share says anything."""
    assert too_many_failed(calls, failed) is opens


def test_each_further_opening_waits_twice_as_long_up_to_a_bound() -> None:
    """From seconds to minutes, and never for longer."""
    assert [delay(openings) for openings in (1, 2, 3)] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert delay(100) == LONGEST_DELAY


def test_a_breaker_closes_after_good_probes_in_a_row() -> None:
    """A bad one among them begins the count, and the wait, anew; since when it is away stays."""
    breaker = opened(NEW, NOW, "half failed")
    assert (breaker.state, breaker.next_probe) == (BreakerState.OPEN, NOW + FIRST_DELAY)
    for _ in range(GOOD_PROBES - 1):
        breaker = probed(breaker, LATER, None)
    breaker = probed(breaker, LATER, "no answer")
    assert (breaker.since, breaker.good, breaker.next_probe) == (NOW, 0, LATER + 2 * FIRST_DELAY)
    for _ in range(GOOD_PROBES):
        assert breaker.state is BreakerState.OPEN
        breaker = probed(breaker, LATER, None)
    assert (breaker.state, breaker.openings, breaker.next_probe) == (BreakerState.CLOSED, 0, None)
    assert opened(breaker, LATER, "again").next_probe == LATER + FIRST_DELAY


def test_a_persons_say_holds_until_its_end() -> None:
    """Neither failures nor probes change what was set; afterwards they do."""
    kept = forced(NEW, BreakerState.CLOSED, NOW, LATER, "we know", "ada")
    assert opened(kept, NOW, "all failed") == kept
    assert opened(kept, LATER, "all failed").state is BreakerState.OPEN
    out = forced(NEW, BreakerState.OPEN, NOW, LATER, "orders get lost", "ada")
    assert out.next_probe == LATER
    assert probed(out, NOW, None) == out
    assert left_alone(out, NOW, "it is back", "ada").next_probe == NOW


def test_a_window_forgets_what_is_older_than_a_minute() -> None:
    """Calls count for as long as the window says, and failed ones are counted among them."""
    now = [0.0]
    window = Window(lambda: now[0])
    for second in range(0, 60, 10):
        now[0] = float(second)
        window.count(second < 30)
    assert window.totals() == (6, 3)
    now[0] = 85.0
    assert window.totals() == (3, 0)
