"""How often a key may ask: a bucket for each, refilled as time goes by."""

import pytest

from ordersaga.api import rates
from ordersaga.api.problems import Problem
from ordersaga.api.rates import Rates
from ordersaga.bootstrap import open_services
from tests.fakes.samples import catalog
from tests.support.api import StubOrders, order_body, serving, settings_for


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(limits: Rates, name: str) -> str | None:
    """The `Retry-After` of a request that is one too many; None when it is taken."""
    try:
        limits.take(name)
    except Problem as problem:
        return problem.headers["Retry-After"]
    return None


def test_it_is_told_as_a_problem() -> None:
    """One too many is `429 too_many_requests`."""
    limits = Rates(1, 1, Clock())
    limits.take("a")
    with pytest.raises(Problem, match="429 too_many_requests"):
        limits.take("a")


def test_a_burst_then_the_rate() -> None:
    """After a rest a key may ask as often as its bucket is large, then as fast as it is refilled."""
    clock = Clock()
    limits = Rates(2, 3, clock)
    assert [refused(limits, "a") for _ in range(4)] == [None, None, None, "1"]
    clock.now += 0.5
    assert [refused(limits, "a") for _ in range(2)] == [None, "1"]
    clock.now += 3600
    assert [refused(limits, "a") for _ in range(4)] == [None, None, None, "1"]


def test_keys_do_not_share() -> None:
    """One key that asks too often takes nothing from another."""
    limits = Rates(1, 1, Clock())
    assert [refused(limits, name) for name in ("a", "a", "b")] == [None, "1", None]


def test_waiting_as_long_as_told_is_enough() -> None:
    """Whoever waits for `Retry-After` is taken."""
    clock = Clock()
    limits = Rates(0.3, 1, clock)
    assert refused(limits, "a") is None
    told = refused(limits, "a")
    assert told is not None
    clock.now += int(told)
    assert refused(limits, "a") is None


def test_no_limit() -> None:
    """A rate of 0 holds nobody back."""
    limits = Rates(0, 1, Clock())
    assert {refused(limits, "a") for _ in range(100)} == {None}


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys ask, so many buckets are kept; the busiest ones are among them."""
    monkeypatch.setattr(rates, "MOST", 10)
    limits = Rates(1, 1, Clock())
    for number in range(1000):
        refused(limits, "busy")
        refused(limits, f"key {number}")
    assert len(limits._buckets) == 10
    assert refused(limits, "busy") == "1"


async def test_the_api_holds_back_one_key_only(database_url: str) -> None:
    """429 with Retry-After, before anything is done; another key, also one of the same role, is answered."""
    settings = settings_for(database_url, calls_per_second=0.01, calls_burst=3)
    async with open_services(settings, orders=StubOrders()) as services, serving(services) as api:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        told = [await api.get("/v1/orders") for _ in range(4)]
        assert [answer.status_code for answer in told] == [200, 200, 200, 429]
        assert told[-1].json()["code"] == "too_many_requests"
        assert int(told[-1].headers["Retry-After"]) > 50
        placed = [await api.post("/v1/orders", order_body(), role="checkout") for _ in range(4)]
        assert [answer.status_code for answer in placed] == [202, 202, 202, 429]
        assert len((await services.journal.list_orders()).orders) == 3
        assert (await api.get("/healthz", role="viewer")).status_code == 200
