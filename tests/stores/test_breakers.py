"""The breakers on record, as two processes share them."""

import asyncio
import re
from datetime import timedelta
from uuid import uuid4

from ordersaga.bootstrap import Pool
from ordersaga.domain.breakers import FIRST_DELAY, GOOD_PROBES, Breaker, BreakerState
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.breakers import PostgresBreakers

LANE = "provider-shipbob"
ONE, TWO = uuid4(), uuid4()


async def standing(store: PostgresBreakers) -> Breaker:
    """The only breaker."""
    return next(iter(await store.breakers()))


async def half_open(store: PostgresBreakers) -> None:
    """A person kept it open, and has left it alone."""
    await store.force(LANE, BreakerState.OPEN, timedelta(hours=1), "orders get lost", "ada")
    assert await store.leave_alone(LANE, "they found them", "ada")


async def test_who_set_it_by_hand_and_why_is_in_the_audit_trail(pool: Pool) -> None:
    """Each thing people did, oldest first, chained as everything else is; what it did by itself is none of it."""
    store = PostgresBreakers(pool)
    assert await store.count(LANE, ONE, 8, 8, "no answer")
    await half_open(store)
    assert not await store.leave_alone(LANE, "again", "bob")
    await store.force(LANE, BreakerState.CLOSED, timedelta(minutes=30), "only their listing fails", "bob")
    told = [entry.text for entry in await store.history(LANE)]
    opened, left, closed = told
    assert re.fullmatch(r"ada set the breaker open until [-0-9]{10} [:0-9]{5} UTC: orders get lost", opened)
    assert left == "ada left the breaker to itself: they found them"
    assert re.fullmatch(r"bob set the breaker closed until .* UTC: only their listing fails", closed)
    assert await store.history("carriers") == []
    trail = await PostgresAuditTrail(pool).trail(f"lane-{LANE}")
    assert [str(fact.words[0]) for fact in trail.facts] == told
    assert not (await PostgresAuditTrail(pool).verify()).breaks


async def test_processes_are_judged_together(pool: Pool) -> None:
    """None has counted enough alone; another's good calls weigh as much as failed ones."""
    store = PostgresBreakers(pool)
    assert not await store.count(LANE, ONE, 6, 6, "no answer")
    assert not await store.count(LANE, TWO, 7, 0, "")
    assert await store.breakers() == []
    assert await store.count(LANE, ONE, 7, 7, "no answer")
    breaker = await standing(store)
    assert (breaker.state, breaker.by) == (BreakerState.OPEN, "breaker")
    assert breaker.reason == "7 of 14 calls failed within a minute, at last: no answer"
    assert timedelta(0) < breaker.wait <= FIRST_DELAY
    assert not await store.count(LANE, TWO, 20, 20, "no answer")


async def test_one_probe_at_a_time_whoever_asks(pool: Pool) -> None:
    """Of many who ask together one may call, and none before the delay is over."""
    store = PostgresBreakers(pool)
    await store.force(LANE, BreakerState.OPEN, timedelta(hours=1), "orders get lost", "ada")
    assert await store.take_probe(LANE) is None
    await store.leave_alone(LANE, "they found them", "ada")
    probes = [probe for probe in await asyncio.gather(*(store.take_probe(LANE) for _ in range(8))) if probe]
    assert len(probes) == 1
    await store.drop_probe(LANE, probes[0])
    assert await store.take_probe(LANE) is not None


async def test_only_the_holder_of_the_probe_is_heard(pool: Pool) -> None:
    """A probe that was given up says nothing any more; those that were answered close it, and the count begins anew."""
    store = PostgresBreakers(pool)
    await store.count(LANE, ONE, 8, 8, "no answer")
    await half_open(store)
    late = await store.take_probe(LANE)
    assert late is not None
    await store.drop_probe(LANE, late)
    for _ in range(GOOD_PROBES):
        probe = await store.take_probe(LANE)
        assert probe is not None
        await store.end_probe(LANE, late, "no answer")
        await store.end_probe(LANE, probe, None)
    assert (await standing(store)).state is BreakerState.CLOSED
    assert not await store.count(LANE, TWO, 7, 7, "no answer")


async def test_a_failed_probe_opens_it_for_longer(pool: Pool) -> None:
    """With the reason of the probe, and nobody may try meanwhile."""
    store = PostgresBreakers(pool)
    await half_open(store)
    probe = await store.take_probe(LANE)
    assert probe is not None
    await store.end_probe(LANE, probe, "answered 503")
    breaker = await standing(store)
    assert (breaker.state, breaker.reason, breaker.by) == (BreakerState.OPEN, "answered 503", "breaker")
    assert await store.take_probe(LANE) is None
