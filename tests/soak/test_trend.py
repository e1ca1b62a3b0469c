"""Verdicts about series whose truth is known."""

from pathlib import Path
from random import Random

import pytest

from tests.soak.run import Options, judge, restarted, unjudged
from tests.soak.series import OF_PARTS, OF_THE_WHOLE, OURS, series_of
from tests.soak.trend import Point, Verdict, trend

HOUR = 3600


def series(hours: float, an_hour: float, noise: float = 1.0, level: float = 200.0, seed: int = 1) -> list[Point]:
    """A sample every ten seconds: a level that grows, with noise."""
    random = Random(seed)
    return [(at, level + an_hour * at / HOUR + random.gauss(0, noise)) for at in range(0, int(hours * HOUR), 10)]


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_flat(seed: int) -> None:
    """However it falls."""
    assert trend(series(1, 0, seed=seed)).verdict(5) is Verdict.FLAT


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_is_found_and_measured(seed: int) -> None:
    """Twenty an hour, in an hour."""
    found = trend(series(1, 20, seed=seed))
    assert found.verdict(5) is Verdict.GROWS
    assert found.slope == pytest.approx(20, abs=2)


def test_a_saw_tooth_is_flat() -> None:
    """What is collected again and again does not grow, though each tooth does."""
    teeth: list[Point] = [(at, 100 + at % 400 / 10) for at in range(0, HOUR, 10)]
    assert trend(teeth).verdict(10) is Verdict.FLAT


def test_a_slow_leak_below_the_limit_is_flat() -> None:
    """The limit says what matters."""
    assert trend(series(1, 2, noise=0.1)).verdict(5) is Verdict.FLAT


def test_too_much_noise_is_no_verdict() -> None:
    """Neither that it grows nor that it does not."""
    assert trend(series(0.05, 20, noise=30)).verdict(5) is Verdict.UNCLEAR


def test_a_step_is_not_called_flat() -> None:
    """Something that jumps by much more than it may, once."""
    step: list[Point] = [(at, 100.0 if at < HOUR / 2 else 160.0) for at in range(0, HOUR, 10)]
    assert trend(step).verdict(10) is Verdict.GROWS


def test_a_handful_of_samples_is_no_trend() -> None:
    """And is not judged."""
    with pytest.raises(ValueError, match="5 samples are too few"):
        trend(series(1, 0)[:5])
    assert judge({"memory api": series(1, 0)[:5]}) == []


def test_what_others_keep_is_only_told() -> None:
    """Growth of our processes fails a run, that of the emulated companies does not."""
    growing = series(1, 300)
    names = ("memory api-2", "memory worker", "memory postgres", "memory temporal", "memory stripe")
    verdicts = {each.name: each.verdict for each in judge(dict.fromkeys(names, growing))}
    assert [verdicts[name] for name in names] == [*[Verdict.GROWS] * 3, None, None]
    assert series_of("memory api-2").title == "memory of api-2"
    assert not set(OF_PARTS) & set(OF_THE_WHOLE)


def test_a_trial_accuses_nothing_of_growing() -> None:
    """What grows while caches fill is unclear; in a run that is long enough the same is a verdict."""
    points = [(float(number), 100.0 + number) for number in range(80)]
    found = {trial: judge({"memory api": points}, trial=trial)[0].verdict for trial in (True, False)}
    assert found == {True: Verdict.UNCLEAR, False: Verdict.GROWS}
    assert judge({"memory api": [(at, 100.0) for at, _ in points]}, trial=True)[0].verdict is Verdict.FLAT
    assert (Options(Path(), minutes=29).trial, Options(Path(), minutes=30).trial) == (True, False)


def test_what_died_or_was_not_sampled_is_no_good_run() -> None:
    """A process that leaks and is started anew looks flat, and a series that is not there grows nowhere."""
    assert restarted({"api": 0, "worker": 2}) == ["worker was restarted 2 times"]
    ours = {f"{kind} {part}" for kind in OF_PARTS for part in OURS} | set(OF_THE_WHOLE)
    flat = series(1, 0)
    assert unjudged(judge(dict.fromkeys(ours, flat))) == []
    assert unjudged(judge(dict.fromkeys(ours - {"memory worker"}, flat))) == ["memory worker: too few samples"]
