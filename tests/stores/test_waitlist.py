"""The line of those who wait: strictly first come, first served, whoever asks meanwhile."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.breakers import BreakerState
from ordersaga.domain.catalog import Catalog, Product, Receipt, Seller
from ordersaga.domain.lanes import provider_lane
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stops import NewStop, StopMatch, StopRule
from ordersaga.stores.accept import Accepted, AcceptRequest, PostgresIntake, Replay, SoldOut
from ordersaga.stores.acceptances import Acceptance, NoCapacity, OverBuyerLimit, Waiting
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.breakers import PostgresBreakers
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.evidence import PostgresEvidence
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.starting import PostgresStarting
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.stops import PostgresStops
from ordersaga.stores.waitlist import AT_ONCE, PostgresWaitlist
from tests.fakes.samples import EAST, SELLER, WEST, catalog, order
from tests.support.starting import unreadable

TTL = timedelta(minutes=30)


def soon() -> datetime:
    """When waiting ends, long after the test."""
    return datetime.now(UTC) + timedelta(days=2)


async def load(pool: Pool, *receipts: tuple[str, int], seller: dict[str, Any] | None = None, **rules: Any) -> None:
    """Units by SKU in the east, of MUG, TEE and CUP, for all of which shoppers may wait; `rules` of MUG."""
    mug = Product(sku="MUG", seller=SELLER, title="Mug", weight_grams=350, **{"waitlist": True, **rules})
    others = [Product(sku=sku, seller=SELLER, title=sku, weight_grams=99, waitlist=True) for sku in ("TEE", "CUP")]
    known = catalog(*((EAST, *receipt) for receipt in receipts))
    sellers = (Seller(seller=SELLER, name="Acme", **(seller or {})), *known.sellers[1:])
    await PostgresCatalog(pool).load(known.model_copy(update={"products": (mug, *others), "sellers": sellers}))


async def arrive(pool: Pool, sku: str, units: int) -> None:
    """Units come into the warehouse."""
    name = f"late-{await pool.fetchval('SELECT count(*) FROM catalog_receipts')}"
    receipt = Receipt(receipt_id=name, location=EAST, sku=sku, quantity=units)
    await PostgresCatalog(pool).load(Catalog(receipts=(receipt,)))


async def ask(pool: Pool, order_id: str, *lines: tuple[str, int], waits: bool = True, **changes: Any) -> Acceptance:
    """Place an order now; its shopper agrees to wait."""
    wanted = order(order_id, *lines, **{"placed_at": datetime.now(UTC), **changes})
    return await PostgresIntake(pool).accept(wanted, hold_ttl=TTL, wait_until=soon() if waits else None)


async def give(pool: Pool) -> list[str]:
    """What one look of the relay gives."""
    return await PostgresWaitlist(pool, TTL).give()


async def places(pool: Pool, *order_ids: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Place and what is lacking, of those that wait."""
    stands = await PostgresWaitlist(pool, TTL).stands(order_ids)
    return {order_id: (stand.place, stand.lacking) for order_id, stand in stands.items()}


async def startable(pool: Pool) -> list[Order]:
    """What a starter is given once the first seconds are over."""
    await pool.execute("UPDATE orders SET start_after = now()")
    claims = await PostgresStarting(pool).claim(limit=50, lease=timedelta(seconds=30))
    return [claim.order for claim in claims]


async def test_a_sold_out_order_waits_and_is_given_what_comes_back(pool: Pool) -> None:
    """It holds nothing and has no saga until units return: then it is an accepted one, promised anew."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1")
    waiting = await ask(pool, "o2")
    assert isinstance(waiting, Waiting)
    assert (waiting.place, waiting.lacking) == (1, ("MUG",))
    journal = PostgresJournal(pool)
    record = await journal.get("o2")
    assert record is not None
    assert (record.status, record.reason, record.outcome) == (OrderStatus.WAITLISTED, "waits for MUG", None)
    assert [one.order_id for one in await startable(pool)] == ["o1"]
    assert await give(pool) == []

    await PostgresStock(pool).release("o1", 1)
    before = datetime.now(UTC)
    assert await give(pool) == ["o2"]

    record = await journal.get("o2")
    assert record is not None
    assert (record.status, record.reason, record.started, len(record.parcels)) == (OrderStatus.PENDING, None, False, 1)
    assert record.order.ship_by >= before + waiting.order.terms.ship_within
    assert [line.kind for line in await journal.timeline("o2")] == ["waitlisted", "line_left"]
    assert await places(pool, "o2") == {}
    assert record.order in await startable(pool)
    assert await PostgresStock(pool).confirm_hold(record.order) == record.parcels
    assert list(await PostgresBooks(pool).unit_differences()) == []
    assert not (await PostgresAuditTrail(pool).verify()).breaks


async def test_what_is_given_in_line_comes_from_a_provider_that_answers(pool: Pool) -> None:
    """As for an order at the door."""
    far, near = catalog((WEST, "MUG", 1), provider="newegg"), catalog((EAST, "MUG", 1))
    there = {place.location: place for place in (*near.locations, *(far.locations[1:]))}
    mug = near.products[0].model_copy(update={"waitlist": True})
    known = near.model_copy(update={"locations": tuple(there.values()), "products": (mug,), "receipts": ()})
    await PostgresCatalog(pool).load(known)
    assert isinstance(await ask(pool, "o1", ("MUG", 1)), Waiting)
    until = timedelta(hours=1)
    await PostgresBreakers(pool).force(provider_lane("newegg"), BreakerState.OPEN, until, "orders get lost", "ada")
    east = near.receipts[0].model_copy(update={"receipt_id": "east"})
    await PostgresCatalog(pool).load(Catalog(receipts=(*far.receipts, east)))
    assert await give(pool) == ["o1"]
    record = await PostgresJournal(pool).get("o1")
    assert record is not None
    assert [plan.location for plan in record.parcels] == [EAST]


async def test_the_line_is_served_in_order_of_arrival(pool: Pool) -> None:
    """Whoever came first gets units first; an order that needs more than there is keeps the younger ones waiting."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1")
    for name, units in (("big", 3), ("small", 1), ("last", 2)):
        assert isinstance(await ask(pool, name, ("MUG", units)), Waiting)
    assert await places(pool, "big", "small", "last") == {
        "big": (1, ("MUG",)), "small": (2, ("MUG",)), "last": (3, ("MUG",)),
    }  # fmt: skip

    await arrive(pool, "MUG", 2)
    assert await give(pool) == []
    await arrive(pool, "MUG", 2)
    assert await give(pool) == ["big", "small"]
    assert await places(pool, "last") == {"last": (1, ("MUG",))}


async def test_new_checkouts_never_overtake_the_line(pool: Pool) -> None:
    """While somebody waits for a SKU, whatever lies on its shelf, a new order joins the line or is sold out."""
    await load(pool, ("MUG", 1), ("TEE", 5))
    await ask(pool, "o1")
    await ask(pool, "o2", ("MUG", 3))
    await arrive(pool, "MUG", 2)

    assert await ask(pool, "o3", ("TEE", 1), ("MUG", 1), waits=False) == SoldOut("o3", ("MUG",))
    assert isinstance(await ask(pool, "o4"), Waiting)
    assert isinstance(await ask(pool, "o5", ("TEE", 1), waits=False), Accepted)
    assert await places(pool, "o2", "o4") == {"o2": (1, ("MUG",)), "o4": (2, ("MUG",))}


async def test_nobody_waits_who_may_not(pool: Pool) -> None:
    """Only with the shopper's word, only for SKUs that allow it, only until later, and only as often as one may buy."""
    await load(pool, ("MUG", 1), waitlist=False)
    await ask(pool, "o1")
    assert isinstance(await ask(pool, "o2"), SoldOut)

    await load(pool, ("MUG", 1), max_per_buyer=2)
    assert isinstance(await ask(pool, "o3", buyer="ada", waits=False), SoldOut)
    assert isinstance(await ask(pool, "o4", ("MUG", 2), buyer="ada"), Waiting)
    assert await ask(pool, "o5", buyer="ada") == OverBuyerLimit("o5", "MUG", limit=2, has=2)


async def test_an_order_of_several_skus_holds_its_place_in_each(pool: Pool) -> None:
    """It is given all or nothing; what it turns out to lack meanwhile, it waits for as one that came when it did."""
    await load(pool, ("MUG", 1), ("TEE", 2))
    await ask(pool, "o1")
    await ask(pool, "both", ("MUG", 1), ("TEE", 2))
    assert await places(pool, "both") == {"both": (1, ("MUG",))}
    await ask(pool, "tee", ("TEE", 1))
    assert isinstance(await ask(pool, "tees", ("TEE", 2)), Waiting)

    await arrive(pool, "MUG", 1)
    assert await give(pool) == []
    assert await places(pool, "both", "tees") == {"both": (1, ("MUG", "TEE")), "tees": (2, ("TEE",))}
    await arrive(pool, "TEE", 1)
    assert await give(pool) == ["both"]
    await arrive(pool, "TEE", 2)
    assert await give(pool) == ["tees"]


async def test_waiting_for_room_to_ship(pool: Pool) -> None:
    """Whoever agrees waits for a day with room, and newcomers of the seller wait behind; a cancellation helps."""
    await load(pool, ("MUG", 9), ("TEE", 9), seller={"daily_orders": 1, "promise_within": 0})
    await ask(pool, "o1")
    assert await ask(pool, "o2", waits=False) == NoCapacity("o2", (SELLER,), 0)
    assert isinstance(await ask(pool, "o3"), Waiting)
    assert await give(pool) == []

    assert isinstance(await ask(pool, "o4", ("TEE", 1)), Waiting)
    assert await places(pool, "o3", "o4") == {"o3": (1, (SELLER,)), "o4": (2, (SELLER,))}
    await pool.execute("UPDATE orders SET status = 'canceled' WHERE order_id = 'o1'")
    assert await ask(pool, "o5", waits=False) == NoCapacity("o5", (SELLER,), 0)
    assert await give(pool) == ["o3"]


async def test_an_order_for_more_than_a_day_never_waits(pool: Pool) -> None:
    """It could never be given anything, and would keep everybody behind it."""
    await load(pool, ("MUG", 9), daily_units=2)

    assert isinstance(await ask(pool, "o1", ("MUG", 3)), NoCapacity)
    assert isinstance(await ask(pool, "o2", ("MUG", 2)), Accepted)


async def test_whoever_waited_long_enough_is_rejected(pool: Pool) -> None:
    """With the reason, once; the next one moves up, and is not kept from what comes back meanwhile."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1")
    await ask(pool, "o2", ("MUG", 5))
    await ask(pool, "o3")
    await pool.execute("UPDATE waiting_orders SET until = now() WHERE order_id = 'o2'")
    store = PostgresWaitlist(pool, TTL)
    await arrive(pool, "MUG", 1)
    assert await store.give() == []

    assert await store.end_overdue() == ["o2"]
    assert await store.end_overdue() == []

    record = await PostgresJournal(pool).get("o2")
    assert record is not None
    assert (record.status, record.outcome) == (OrderStatus.REJECTED, "sold_out")
    assert record.reason is not None
    assert record.reason.startswith("sold out: MUG, waited for until ")
    assert await give(pool) == ["o3"]


async def test_a_waiting_order_can_be_canceled(pool: Pool) -> None:
    """It leaves its lines, once; one that got its units is no longer the line's to cancel."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1")
    await ask(pool, "o2")
    await ask(pool, "o3")
    store = PostgresWaitlist(pool, TTL)

    assert await store.cancel("o2", by="support", reason="changed her mind")
    assert not await store.cancel("o2", by="support", reason="again")
    assert not await store.cancel("o1", by="support", reason="it does not wait")

    record = await PostgresJournal(pool).get("o2")
    assert record is not None
    assert (record.status, record.outcome, record.reason) == (OrderStatus.CANCELED, "canceled", "changed her mind")
    assert await places(pool, "o2", "o3") == {"o3": (1, ("MUG",))}
    assert [one.order_id for one in await startable(pool)] == ["o1"]


async def test_nobody_else_minds_those_who_wait(pool: Pool) -> None:
    """Reconciliation does not look for a saga of a waiting order; a repeat of its request is a repeat."""
    await load(pool, ("MUG", 1))
    first = await ask(pool, "o1")
    waiting = await ask(pool, "o2")
    assert isinstance(first, Accepted)
    assert isinstance(waiting, Waiting)

    assert await PostgresEvidence(pool).moving("", 10) == ["o1"]
    assert await PostgresIntake(pool).accept(waiting.order, hold_ttl=TTL) == Replay("o2")


async def test_an_order_that_waits_may_be_in_one_batch_with_others(pool: Pool) -> None:
    """Places follow the order of the batch; who does not wait is sold out behind them."""
    await load(pool, ("MUG", 2))
    wanted = [order(f"o{n}", placed_at=datetime.now(UTC)) for n in range(6)]
    until = [soon(), None, soon(), None, soon(), soon()]

    answers = await PostgresIntake(pool).accept_many(
        [AcceptRequest(one, TTL, wait_until=when) for one, when in zip(wanted, until, strict=True)]
    )

    assert [type(answer) for answer in answers] == [Accepted, Accepted, Waiting, SoldOut, Waiting, Waiting]
    assert [answer.place for answer in answers if isinstance(answer, Waiting)] == [1, 2, 3]


@pytest.mark.parametrize("round_", range(2))
async def test_the_line_under_load(pool: Pool, round_: int) -> None:
    """Units return, shoppers come and cancel, two relays give: all is exact, and the order of arrival holds."""
    await load(pool, ("MUG", 5), ("TEE", 5))
    lines = [("MUG", 1), ("TEE", 1)]
    asked = [ask(pool, f"o{n:02}", *lines[: 1 + n % 2]) for n in range(30)]
    answers = await asyncio.gather(*asked)
    assert Counter(map(type, answers)) == {Accepted: 5, Waiting: 25}
    rows = await pool.fetch("SELECT order_id FROM waiting_orders ORDER BY place")
    arrived = [row["order_id"] for row in rows]
    store = PostgresWaitlist(pool, TTL)
    given: list[str] = []

    async def relay() -> None:
        for _ in range(12):
            given.extend(await store.give())

    await asyncio.gather(
        relay(),
        relay(),
        *(arrive_one(pool, n) for n in range(8)),
        *(store.cancel(order_id, by="support", reason="gone") for order_id in arrived[::9]),
        *(ask(pool, f"new{n}", waits=False) for n in range(10)),
    )
    while more := await store.give():
        given.extend(more)

    waits = await places(pool, *arrived)
    stayed = [order_id for order_id in arrived if order_id in given or order_id in waits]
    assert sorted(given) == sorted(stayed[: len(given)])
    assert list(await PostgresBooks(pool).unit_differences()) == []
    assert await pool.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    counts = await PostgresJournal(pool).count_by_status()
    assert counts[OrderStatus.PENDING] == 5 + len(given)
    assert counts[OrderStatus.WAITLISTED] == len(waits)


async def arrive_one(pool: Pool, number: int) -> None:
    """A MUG and a TEE arrive."""
    receipts = [
        Receipt(receipt_id=f"back-{number}-{sku}", location=EAST, sku=sku, quantity=1) for sku in ("MUG", "TEE")
    ]
    await PostgresCatalog(pool).load(Catalog(receipts=tuple(receipts)))


async def test_a_long_line_for_which_there_is_too_little_keeps_no_other_from_its_turn(pool: Pool) -> None:
    """More than one look takes wait for five MUG each, and one lies there; who waits for TEE gets it at once."""
    await load(pool, ("MUG", 1))
    for number in range(AT_ONCE + 10):
        await ask(pool, f"m{number}", ("MUG", 5))
    await ask(pool, "t1", ("TEE", 1))
    await arrive(pool, "TEE", 3)
    assert await give(pool) == ["t1"]


async def test_an_order_nobody_can_read_keeps_nobody_behind_it_waiting(pool: Pool) -> None:
    """It is passed over and keeps its place; who can read it looks again, and it is given what it waits for."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1")
    for name in ("later", "next"):
        assert isinstance(await ask(pool, name), Waiting)
    await unreadable(pool, "later")
    await arrive(pool, "MUG", 1)
    assert await give(pool) == ["next"]
    assert await places(pool, "later") == {"later": (1, ("MUG",))}
    (asked,) = await PostgresJournal(pool).open_attention()
    assert (asked.order_id, asked.kind) == ("later", "passed_over")

    await arrive(pool, "MUG", 1)
    assert await give(pool) == []
    await pool.execute("UPDATE orders SET request = request - 'later'")
    await PostgresWaitlist(pool, TTL).look_again()
    assert await give(pool) == ["later"]
    await PostgresStarting(pool).mark_started("later")
    assert list(await PostgresJournal(pool).open_attention()) == []


async def test_the_age_of_a_start_counts_from_when_there_were_units(pool: Pool) -> None:
    """Who waited in line for a week has waited for a starter since it was given units, behind those accepted before."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1")
    await ask(pool, "patient")
    await pool.execute(
        "UPDATE orders SET accepted_at = now() - interval '7 days', queued_at = now() - interval '7 days'"
    )
    await pool.execute("UPDATE orders SET queued_at = now() - interval '9 seconds' WHERE order_id = 'o1'")
    await arrive(pool, "MUG", 1)
    assert await give(pool) == ["patient"]
    assert timedelta(seconds=9) <= (await PostgresStarting(pool).backlog()).oldest < timedelta(hours=1)
    assert [one.order_id for one in await startable(pool)] == ["o1", "patient"]


async def test_heads_that_can_be_given_nothing_block_no_other_line(pool: Pool) -> None:
    """More of them than are looked at together, for each of which there is a unit too few, stand before another."""
    await load(pool, ("MUG", 1), ("TEE", 1))
    await ask(pool, "big_mug", ("MUG", 2))
    await ask(pool, "big_tee", ("TEE", 2))
    await ask(pool, "cup1", ("CUP", 1))
    await ask(pool, "cup2", ("CUP", 1))
    await arrive(pool, "CUP", 2)

    assert await PostgresWaitlist(pool, TTL).give(limit=1) == ["cup1", "cup2"]
    assert set(await places(pool, "big_mug", "big_tee", "cup1", "cup2")) == {"big_mug", "big_tee"}


async def test_a_step_that_was_not_enough_goes_on_where_it_ended(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of looks of one step is bounded, and the next one does not begin with the same heads."""
    monkeypatch.setattr("ordersaga.stores.waitlist.LOOKS", 1)
    await load(pool, ("MUG", 1))
    await ask(pool, "big_mug", ("MUG", 2))
    await ask(pool, "cup", ("CUP", 1))
    await arrive(pool, "CUP", 1)
    waitlist = PostgresWaitlist(pool, TTL)

    assert [await waitlist.give(limit=1) for _ in range(2)] == [[], ["cup"]]


async def test_a_younger_order_does_not_overtake_in_a_line_it_does_not_stand_in(pool: Pool) -> None:
    """It was short of something else when it came; whoever waits for the same since before goes first."""
    await load(pool, ("CUP", 2))
    await ask(pool, "older", ("TEE", 1), ("CUP", 2))
    await ask(pool, "younger", ("MUG", 1), ("CUP", 1))
    assert isinstance(await ask(pool, "buyer", ("CUP", 2)), Accepted)
    await arrive(pool, "TEE", 1)
    assert await give(pool) == []
    await arrive(pool, "CUP", 1)
    await arrive(pool, "MUG", 1)

    assert await give(pool) == []
    assert await places(pool, "older", "younger") == {"older": (1, ("CUP", "TEE")), "younger": (2, ("CUP", "MUG"))}
    await arrive(pool, "CUP", 2)
    assert await give(pool) == ["older", "younger"]


async def lapse(pool: Pool, order_id: str) -> None:
    """Its units are given back before its saga starts: it waited for a starter for too long."""
    await pool.execute("UPDATE holds SET expires_at = now(), held_at = now() - interval '2 days'")
    swept = await PostgresIntake(pool).expire_holds(prolong=TTL, longest=timedelta(hours=24))
    assert swept.released == [order_id]


async def test_whoever_takes_its_units_anew_stands_behind_those_accepted_earlier(pool: Pool) -> None:
    """An order whose hold lapsed goes before those who joined the line after it was accepted, and nobody else."""
    await load(pool, ("MUG", 1), ("TEE", 1))
    await ask(pool, "older", ("CUP", 1), ("TEE", 1))
    await ask(pool, "o1", ("MUG", 1))
    await ask(pool, "later", ("MUG", 1))
    await lapse(pool, "o1")
    stock = PostgresStock(pool)
    mug = order("o1", ("MUG", 1), placed_at=datetime.now(UTC))

    await pool.execute("UPDATE waiting_lines SET line = 'sku:MUG' WHERE order_id = 'older' AND line = 'sku:CUP'")
    assert await stock.confirm_hold(mug) is None
    await PostgresWaitlist(pool, TTL).cancel("older", by="ada", reason="changed")
    assert await stock.confirm_hold(mug) is not None
    assert set(await places(pool, "older", "later")) == {"later"}


async def test_units_taken_anew_come_from_nowhere_that_is_stopped(pool: Pool) -> None:
    """The provider was stopped after the order was accepted, and before its saga started."""
    await load(pool, ("MUG", 1))
    await ask(pool, "o1", ("MUG", 1))
    await lapse(pool, "o1")
    rule = StopRule(stop_id="s1", match=StopMatch(provider="shipbob"), effective_at=datetime.now(UTC))
    stops = PostgresStops(pool)
    await stops.create(NewStop(rule=rule, reason="fire", asked_by="ada"))

    mug = order("o1", ("MUG", 1), placed_at=datetime.now(UTC))
    assert await PostgresStock(pool).confirm_hold(mug) is None
    assert await stops.lift("s1", by="ada", reason="over")
    assert await PostgresStock(pool).confirm_hold(mug) is not None
