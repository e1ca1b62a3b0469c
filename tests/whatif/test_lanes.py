"""Lanes in virtual time: the rate holds, urgent calls go first, and no seller waits behind another's crowd."""

from dataclasses import dataclass

from ordersaga.whatif.clock import VirtualClock, as_microseconds
from ordersaga.whatif.lanes import Lane
from ordersaga.whatif.scenario import MONDAY


@dataclass
class Waits:
    """A call that waits."""

    fairness_key: str
    priority: int = 3
    fairness_weight: float = 1.0
    gone: bool = False


def served(*calls: Waits, per_minute: float | None = 60) -> list[tuple[Waits, float]]:
    """The calls in the order they were served, each with its second."""
    clock = VirtualClock(MONDAY)
    began, order = clock.now, list[tuple[Waits, float]]()
    lane: Lane[Waits] = Lane(clock, lambda call: order.append((call, (clock.now - began) / 1e6)), per_minute)
    for call in calls:
        lane.add(call)
    clock.run()
    return order


def test_the_rate_holds_and_nothing_waits_without_one() -> None:
    """A call a second at sixty a minute; all at once without a limit."""
    calls = [Waits("a") for _ in range(5)]
    assert [second for _, second in served(*calls)] == [0, 1, 2, 3, 4]
    assert [second for _, second in served(*calls, per_minute=None)] == [0] * 5


def test_a_small_seller_does_not_wait_behind_a_crowd() -> None:
    """Five calls behind two hundred: their turns come every other time; a heavier key has more turns."""
    order = [call.fairness_key for call, _ in served(*[Waits("viral")] * 200, *[Waits("small")] * 5)]
    assert [rank for rank, key in enumerate(order) if key == "small"] == [1, 3, 5, 7, 9]
    heavy = [Waits("small", fairness_weight=5.0) for _ in range(5)]
    order = [call.fairness_key for call, _ in served(*[Waits("viral")] * 200, *heavy)]
    assert order[:5].count("small") >= 4


def test_urgent_calls_go_first() -> None:
    """Whatever was there before, and whoever they belong to."""
    order = served(*[Waits("viral", priority=4)] * 10, Waits("viral", priority=1), Waits("small", priority=2))
    assert [call.priority for call, _ in order[:3]] == [1, 2, 4]


def test_who_left_is_passed_over() -> None:
    """And costs the others no turn."""
    order = served(Waits("a"), Waits("gone", gone=True), Waits("b"))
    assert [(call.fairness_key, second) for call, second in order] == [("a", 0), ("b", 1)]


def test_time_is_what_people_write() -> None:
    """Microseconds and back, to the last one."""
    assert as_microseconds(VirtualClock(MONDAY).time) == as_microseconds(MONDAY)
