"""The faults of a run."""

import pytest

from tests.chaos.schedule import KINDS, LINKS, MOST_AT_ONCE, PARTS, Fault, plan_faults

SEEDS = range(1, 30)


def test_the_seed_alone_decides() -> None:
    """The same seed, the same faults; a longer run begins like a shorter one."""
    assert plan_faults(1, 180) == plan_faults(1, 180)
    assert plan_faults(1, 180) != plan_faults(2, 180)
    short = plan_faults(1, 60)
    assert short == plan_faults(1, 180)[: len(short)]


@pytest.mark.parametrize("seed", SEEDS)
def test_three_minutes_strike_everything(seed: int) -> None:
    """Every kind of fault, every process and every link."""
    faults = plan_faults(seed, 180)
    assert {fault.kind for fault in faults} == set(KINDS)
    assert {fault.target for fault in faults} == {*PARTS, *LINKS}
    assert {fault.target for fault in faults if fault.kind in ("kill", "pause")} == set(PARTS)
    assert 45 <= len(faults) <= 90


@pytest.mark.parametrize("seed", SEEDS)
def test_half_a_minute_has_every_kind(seed: int) -> None:
    """Or a short run would prove little."""
    assert {fault.kind for fault in plan_faults(seed, 35)} == set(KINDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_do_not_pile_up(seed: int) -> None:
    """At most two at once, never two at one target, and all over by the end."""
    faults = plan_faults(seed, 180)
    for fault in faults:
        going = [other for other in faults if other.at <= fault.at < other.over]
        assert len(going) <= MOST_AT_ONCE
        assert len({other.target for other in going}) == len(going)
        assert fault.over <= 180
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)


def test_a_fault_is_told_in_a_line() -> None:
    """When, what, where, how long."""
    assert str(Fault(1, 12.34, "pause", "worker", 4.5)) == "  12.3 s  pause        worker for 4.5 s"
    assert str(Fault(2, 3.0, "latency", "stripe", 2.0, 0.25)).endswith("latency      stripe for 2.0 s, 250 ms")
