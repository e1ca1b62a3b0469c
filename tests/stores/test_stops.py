"""Stops in PostgreSQL: the door, in every process; the pages; what became of each order; the story of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.journal import JournalUpdate, OrderRecord, ParcelAddress, UnreadOrder
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stops import NewStop, Stage, StopMatch, StopPolicy, StopResult, StopRule, Treatment
from ordersaga.stores.accept import Accepted, IdempotencyKey, PostgresIntake, Replay
from ordersaga.stores.acceptances import Stopped, Waiting
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.exchanges import PostgresExchanges
from ordersaga.stores.heard import Heard
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stops import PostgresStops, StopRules
from ordersaga.stores.waitlist import PostgresWaitlist
from tests.fakes.samples import EAST, WEST, address, catalog, order
from tests.support.starting import unreadable

TTL = timedelta(minutes=30)
FIRST = (datetime(2000, 1, 1, tzinfo=UTC), "")


def new_stop(stop_id: str = "s1", **changes: Any) -> NewStop:
    """A stop of the state of New York, in force, unless told otherwise."""
    when = {name: changes.pop(name) for name in ("effective_at", "until") if name in changes}
    more = {name: changes.pop(name) for name in ("dry_run", "look_every") if name in changes}
    rule = StopRule(
        stop_id=stop_id,
        match=StopMatch(**(changes or {"region": "US-NY"})),
        policy=StopPolicy(),
        **{"effective_at": datetime.now(UTC) - timedelta(seconds=1), **when},
    )
    return NewStop(rule=rule, reason="closed", legal_reference="Order 12", asked_by="ann", **more)


@pytest.fixture
async def stops(pool: Pool) -> PostgresStops:
    """With ten MUG in the east and five TEE in the west."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10), (WEST, "TEE", 5)))
    return PostgresStops(pool)


async def taken(pool: Pool, placed: Order, **more: Any) -> object:
    """What a checkout hears."""
    return await PostgresIntake(pool).accept(placed, hold_ttl=TTL, **more)


def names(page: Sequence[OrderRecord | UnreadOrder]) -> list[str]:
    """Ids of a page's orders."""
    return [each.order_id if isinstance(each, UnreadOrder) else each.order.order_id for each in page]


def result(order_id: str, answer: Any = "held", **changes: Any) -> StopResult:
    """What became of an order."""
    known = {"seller": "acme", "currency": "USD", "money": 1000, "stage": Stage.CONFIRMED, "treatment": Treatment.HOLD}
    return StopResult(order_id=order_id, answer=answer, **{**known, **changes})


async def lamps(pool: Pool, *receipts: str) -> None:
    """Bolt's lamp may be waited for; one arrives with each receipt."""
    known = catalog(*[(EAST, "LAMP", 1) for _ in receipts])
    products = [each.model_copy(update={"waitlist": True}) for each in known.products if each.sku == "LAMP"]
    named = zip(known.receipts, receipts, strict=True)
    arrived = tuple(each.model_copy(update={"receipt_id": name}) for each, name in named)
    await PostgresCatalog(pool).load(known.model_copy(update={"products": tuple(products), "receipts": arrived}))


async def until(true: Callable[[], Awaitable[bool]], limit: float = 20.0) -> float:
    """Seconds until it is true."""
    began = time.monotonic()
    while not await true():
        assert time.monotonic() - began < limit, "it never came true"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def test_matching_orders_are_refused_and_leave_nothing(pool: Pool, stops: PostgresStops) -> None:
    """Not others; not even the key is kept, so the same request is accepted once the stop is lifted."""
    await stops.create(new_stop())
    key = IdempotencyKey("k", "cart-1", "hash")
    refused = await taken(pool, order("o1"), idempotency=key)
    assert isinstance(refused, Stopped)
    assert refused.rule.stop_id == "s1"
    assert isinstance(await taken(pool, order("o2", ship_to=address(region="MA"))), Accepted)
    assert await stops.lift("s1", by="ann", reason="open again")
    assert isinstance(await taken(pool, order("o1"), idempotency=key), Accepted)


async def test_a_repeat_of_what_was_accepted_hears_its_answer(pool: Pool, stops: PostgresStops) -> None:
    """By its key, and by its order id."""
    key = IdempotencyKey("k", "cart-1", "hash")
    assert isinstance(await taken(pool, order("o1"), idempotency=key), Accepted)
    await stops.create(new_stop())
    assert isinstance(await taken(pool, order("o1"), idempotency=key), Replay)
    assert isinstance(await taken(pool, order("o1")), Replay)


async def test_what_is_to_come_is_over_or_only_foreseen_refuses_nobody(pool: Pool, stops: PostgresStops) -> None:
    """The clock says so, not the moment it was written."""
    now = datetime.now(UTC)
    await stops.create(new_stop("s1", effective_at=now + timedelta(hours=1)))
    await stops.create(new_stop("s2", effective_at=now - timedelta(hours=2), until=now - timedelta(hours=1)))
    await stops.create(new_stop("s3", dry_run=True))
    assert isinstance(await taken(pool, order("o1")), Accepted)


async def test_another_provider_ships_what_the_stopped_one_may_not(pool: Pool, stops: PostgresStops) -> None:
    """Where only the stopped one has the units, the order is refused as stopped, not as sold out."""
    own = catalog((EAST, "TEE", 1), provider="own")
    moved = own.model_copy(update={"locations": own.locations[:1], "receipts": own.receipts})
    receipts = tuple(each.model_copy(update={"receipt_id": "own"}) for each in moved.receipts)
    await PostgresCatalog(pool).load(moved.model_copy(update={"receipts": receipts}))
    await stops.create(new_stop(provider="shipbob"))
    first = await taken(pool, order("o1", ("TEE", 1)))
    assert isinstance(first, Accepted)
    assert [plan.provider for plan in first.parcels] == ["own"]
    assert isinstance(await taken(pool, order("o2", ("TEE", 1))), Stopped)


async def test_who_waits_is_passed_over_and_keeps_the_place(pool: Pool, stops: PostgresStops) -> None:
    """Those behind get what came back; once the stop is lifted the first one is next again."""
    await lamps(pool)
    later = datetime.now(UTC) + timedelta(days=1)
    for name, region in (("o1", "NY"), ("o2", "MA"), ("o3", "MA")):
        placed = order(name, ("LAMP", 1), seller="bolt", ship_to=address(region=region))
        assert isinstance(await taken(pool, placed, wait_until=later), Waiting)
    await stops.create(new_stop())
    line = PostgresWaitlist(pool, TTL)
    refused = await taken(pool, order("o4", ("LAMP", 1), seller="bolt"), wait_until=later)
    assert isinstance(refused, Stopped)
    await lamps(pool, "back")
    assert await line.give() == ["o2"]
    await stops.lift("s1", by="ann", reason="open")
    await lamps(pool, "again")
    assert await line.give() == ["o1"]


async def test_an_exchange_hears_what_is_stopped(pool: Pool, stops: PostgresStops) -> None:
    """It is not placed, and its return goes on without it."""
    await stops.create(new_stop())
    answer = await PostgresExchanges(pool, PostgresIntake(pool), TTL).place(order("o1"), "o0-r1")
    assert not answer.placed
    assert "orders of region US-NY are stopped until further notice" in (answer.reason or "")


async def test_every_process_that_listens_knows_at_once(pool: Pool, stops: PostgresStops) -> None:
    """By heart, without asking; and it forgets a stop that is lifted."""
    heard = [Heard(pool), Heard(pool)]
    rules = [StopRules(pool, each) for each in heard]
    async with heard[0].listening(), heard[1].listening():

        async def both_listen() -> bool:
            return all(each.alive for each in heard)

        async def both_know() -> bool:
            return [len(await each.standing()) for each in rules] == [1, 1]

        async def none_knows() -> bool:
            return [len(await each.standing()) for each in rules] == [0, 0]

        await until(both_listen)
        assert await none_knows()
        await stops.create(new_stop())
        print(f"known after {await until(both_know):.3f} s")
        await stops.lift("s1", by="ann", reason="open")
        print(f"forgotten after {await until(none_knows):.3f} s")


@pytest.mark.parametrize(
    ("region", "found"), [("US-NY", True), ("US-MA", True), ("US", True), ("US-CA", False), ("CA", False)]
)
async def test_a_page_has_orders_of_which_a_parcel_goes_there(
    pool: Pool, stops: PostgresStops, region: str, found: bool
) -> None:
    """Though the order itself goes elsewhere; the record says which parcel."""
    await taken(pool, order("o1"))
    alone = (ParcelAddress(parcel=1, ship_to=address(city="Boston", region="MA")),)
    await PostgresJournal(pool).record(JournalUpdate(order_id="o1", status=OrderStatus.FULFILLING, elsewhere=alone))
    stop = new_stop(region=region)
    page = await stops.page(stop.rule, FIRST, 9)
    assert [each.elsewhere for each in page if isinstance(each, OrderRecord)] == ([alone] if found else [])


async def test_pages_are_stable_and_leave_out_what_was_treated(pool: Pool, stops: PostgresStops) -> None:
    """Oldest first; what could not be treated comes again, and who left its line."""
    for number in range(4):
        await taken(pool, order(f"o{number}"))
    await taken(pool, order("far", ship_to=address(region="MA")))
    stop = new_stop()
    await stops.create(stop)
    first = await stops.page(stop.rule, FIRST, 2)
    assert names(first) == ["o0", "o1"]
    rest = await stops.page(stop.rule, (first[-1].accepted_at, "o1"), 9)
    assert names(rest) == ["o2", "o3"]
    await stops.record("s1", result("o0"))
    assert await stops.record("s1", result("o1", "could_not")) == 1
    await stops.record("s1", result("o2", "in_line"))
    left = await stops.page(stop.rule, FIRST, 9)
    assert names(left) == ["o1", "o2", "o3"]
    assert await stops.record("s1", result("o1")) == 2


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ({"region": "US"}, ["far", "near"]),
        ({"seller": "bolt"}, []),
        ({"sku": "TEE"}, ["far"]),
        ({"channel": "checkout", "sku": "MUG"}, ["near"]),
        ({"provider": "shipbob"}, ["far", "near"]),
        ({"provider": "own"}, []),
    ],
)
async def test_a_page_is_of_what_matches(
    pool: Pool, stops: PostgresStops, match: dict[str, str], found: list[str]
) -> None:
    """As far as PostgreSQL knows."""
    await taken(pool, order("near"))
    await taken(pool, order("far", ("TEE", 1), ship_to=address(region="MA")))
    stop = new_stop(**match)
    records = await stops.page(stop.rule, FIRST, 9)
    assert sorted(names(records)) == found


async def test_an_order_nobody_can_read_stands_in_the_page(pool: Pool, stops: PostgresStops) -> None:
    """A later version wrote it: it is told with its fields, and the others are there as ever."""
    for name in ("o1", "o2", "o3"):
        await taken(pool, order(name))
    await unreadable(pool, "o2")
    stop = new_stop()
    await stops.create(stop)
    page = await stops.page(stop.rule, FIRST, 9)
    assert names(page) == ["o1", "o2", "o3"]
    (unread,) = [each for each in page if isinstance(each, UnreadOrder)]
    assert (unread.order_id, unread.seller, unread.total, unread.fields) == ("o2", "acme", 1000, ("later",))


async def test_counts_tell_what_became_of_the_orders(stops: PostgresStops) -> None:
    """By stage, treatment, answer, seller and currency."""
    await stops.create(new_stop())
    await stops.record("s1", result("o1"))
    await stops.record("s1", result("o2", money=500))
    await stops.record("s1", result("o3", "canceled", treatment=Treatment.CANCEL, seller="bolt"))
    found = await stops.get("s1")
    assert found is not None
    told = [(each.seller, each.answer, each.orders, each.money) for each in found.counts]
    assert sorted(told) == [("acme", "held", 2, 1500), ("bolt", "canceled", 1, 1000)]
    assert await stops.counts() == {"held": 2, "canceled": 1}
    assert await stops.held("s1", "", 9) == ["o1", "o2"]
    await stops.settle("s1", "o1", "released", "")
    assert await stops.held("s1", "", 9) == ["o2"]
    assert [each.order_id for each in await stops.results("s1", answer="canceled")] == ["o3"]


async def test_who_asked_and_who_changed_it_is_in_the_audit_trail(pool: Pool, stops: PostgresStops) -> None:
    """Chained as everything else is, under a name no order can have."""
    await stops.create(new_stop())
    assert await stops.pause("s1", paused=True, by="bob", reason="wait")
    assert not await stops.pause("s1", paused=True, by="bob", reason="wait")
    assert await stops.pause("s1", paused=False, by="bob", reason="go")
    assert await stops.lift("s1", by="cleo", reason="over")
    assert not await stops.lift("s1", by="cleo", reason="over")
    await stops.end("s1")
    trail = await PostgresAuditTrail(pool).trail("stop-s1")
    said = [str(fact.words[0]) for fact in trail.facts]
    assert said[0] == "ann asked to stop region US-NY: closed (Order 12)"
    assert said[1:] == ["bob asked to pause: wait", "bob asked to resume: go", "lifted by cleo: over", "ended"]
    assert not (await PostgresAuditTrail(pool).verify()).breaks


async def test_a_stop_is_started_by_a_worker_when_nobody_did(pool: Pool, stops: PostgresStops) -> None:
    """Whoever closed the door may have died; it is found once it is two seconds old."""
    await stops.create(new_stop())
    assert await stops.unstarted() == []
    await pool.execute("UPDATE stops SET asked_at = now() - interval '3 seconds'")
    assert await stops.unstarted() == ["s1"]
    await stops.mark_started("s1")
    assert await stops.unstarted() == []
