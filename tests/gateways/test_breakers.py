"""The gate's breaker in two processes on one database: what counts as failed, who is kept back, who may try."""

from datetime import timedelta

import pytest

from ordersaga.bootstrap import Pool
from ordersaga.domain.breakers import LEAST_CALLS, BreakerState
from ordersaga.domain.errors import CustomerError, OrdersagaError, RateLimitedError, RetryError
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.stores.breakers import PostgresBreakers
from ordersaga.stores.lanes import PostgresLanes
from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "pool"]

LANE = "provider-shipbob"
LOST = RetryError("shipbob_no_answer", "ShipBob was asked and did not answer", unknown=True)


def process(pool: Pool) -> LaneGates:
    """One process's gates."""
    return LaneGates(PostgresLanes(pool), breakers=PostgresBreakers(pool))


async def call(gates: LaneGates, error: OrdersagaError | None = None, status: int = 200) -> None:
    """A call that ends so."""
    async with gates.of(LANE).passing() as passage:
        if error is not None:
            raise error
        passage.answered(status)


async def fail(gates: LaneGates, times: int) -> None:
    """Calls that nobody answers."""
    for _ in range(times):
        with pytest.raises(RetryError, match="no_answer"):
            await call(gates, LOST)


async def test_what_one_process_meets_keeps_all_from_calling(pool: Pool) -> None:
    """Nothing is sent, and whoever is kept back hears when to come again."""
    first, second = process(pool), process(pool)
    await fail(first, LEAST_CALLS)
    await second.refresh()
    for gates in (first, second):
        with pytest.raises(RetryError, match="breaker_open") as kept:
            await call(gates)
        assert not kept.value.unknown
        assert kept.value.retry_after is not None
        assert kept.value.retry_after > timedelta(0)


async def test_a_5xx_counts_as_failed_though_it_raises_nothing(pool: Pool) -> None:
    """The gateway reads such an answer after the gate."""
    gates = process(pool)
    for _ in range(LEAST_CALLS):
        await call(gates, status=503)
    assert gates.breakers.known()[LANE].state is BreakerState.OPEN


async def test_refusals_and_429s_are_answers(pool: Pool) -> None:
    """Neither opens it, however many there are."""
    gates, store = process(pool), PostgresBreakers(pool)
    for _ in range(2 * LEAST_CALLS):
        with pytest.raises(CustomerError):
            await call(gates, CustomerError("address_refused", "no such street"))
        await call(gates, status=404)
    for _ in range(2 * LEAST_CALLS):
        with pytest.raises(RateLimitedError):
            await call(gates, RateLimitedError("limited", "limits us", retry_after=timedelta(0)))
    assert await store.breakers() == []


async def test_one_probe_of_all_processes_tries_it_and_three_close_it(pool: Pool) -> None:
    """While one is under way the others are kept back; a 429 to a probe says nothing."""
    first, second, store = process(pool), process(pool), PostgresBreakers(pool)
    await store.force(LANE, BreakerState.OPEN, timedelta(hours=1), "orders get lost", "ada")
    await store.leave_alone(LANE, "they found them", "ada")
    async with first.of(LANE).passing():
        with pytest.raises(RetryError, match="breaker_open"):
            await call(second)
    with pytest.raises(RateLimitedError):
        await call(second, RateLimitedError("limited", "limits us", retry_after=timedelta(0)))
    await call(first)
    assert first.breakers.known()[LANE].state is BreakerState.HALF_OPEN
    await call(second)
    assert second.breakers.known()[LANE].state is BreakerState.CLOSED
    await fail(first, 1)


async def test_a_probe_that_fails_keeps_all_back_again(pool: Pool) -> None:
    """With the reason it failed for."""
    gates, store = process(pool), PostgresBreakers(pool)
    await store.force(LANE, BreakerState.OPEN, timedelta(hours=1), "orders get lost", "ada")
    await store.leave_alone(LANE, "they found them", "ada")
    await fail(gates, 1)
    with pytest.raises(RetryError, match="did not answer"):
        await call(gates)
