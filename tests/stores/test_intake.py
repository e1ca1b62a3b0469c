"""Accepting orders: hold, order and key in one commit, under concurrency too."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ordersaga.domain.breakers import BreakerState
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.lanes import Lane, provider_lane
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.accept import (
    Accepted,
    AcceptRequest,
    IdempotencyKey,
    KeyMismatch,
    PostgresIntake,
    Replay,
    SoldOut,
    Swept,
)
from ordersaga.stores.acceptances import OverBuyerLimit
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.breakers import PostgresBreakers
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.lane_health import Backlogs, LaneHealth
from ordersaga.stores.lanes import PostgresLanes
from ordersaga.stores.pools import Pool
from ordersaga.stores.starting import PostgresStarting
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, WEST, address, catalog, order
from tests.support.doubt import cut_commits
from tests.support.starting import make_due, unstarted

TTL = timedelta(minutes=30)
EXPIRED = timedelta(seconds=-1)
AT_ONCE = timedelta(0)
KEY = IdempotencyKey(api_key_id="key_1", key="checkout-7", request_hash="abc")


async def held(pool: Pool) -> dict[tuple[str, str], tuple[int, int]]:
    """(on_hand, held) by (location, sku); the movements and holds must add up to it (I2)."""
    assert list(await PostgresBooks(pool).unit_differences()) == []
    return {
        (level.location, level.sku): (level.on_hand, level.held) for level in await PostgresCatalog(pool).stock_levels()
    }


async def sweep(intake: PostgresIntake, longest: timedelta = AT_ONCE) -> Swept:
    """One look for expired holds; `longest`: how long those keep their units that wait for a starter."""
    return await intake.expire_holds(prolong=TTL, longest=longest)


async def test_accept_commits_hold_and_order_together(pool: Pool) -> None:
    """An accepted order holds its units, stands in the journal, and waits for its saga."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake = PostgresIntake(pool)

    answer = await intake.accept(order("o1", ("MUG", 2)), hold_ttl=TTL)

    assert isinstance(answer, Accepted)
    assert [(plan.location, plan.amount) for plan in answer.parcels] == [(EAST, 2000)]
    assert await held(pool) == {(EAST, "MUG"): (5, 2)}
    record = await PostgresJournal(pool).get("o1")
    assert record is not None
    assert (record.status, record.parcels, record.started) == (OrderStatus.PENDING, answer.parcels, False)
    assert await unstarted(pool) == ["o1"]


@pytest.mark.parametrize("trouble", ["breaker", "pause", "backlog", "blink", "calls"])
async def test_a_provider_that_does_not_answer_is_left_for_the_last(pool: Pool, trouble: str) -> None:
    """Its places go behind all others while its breaker is open, it is paused for long, or has hours of work waiting.

    Unless it alone has all; some seconds, or some calls, are nothing.
    """
    backlogs = Backlogs()
    far, near = catalog((WEST, "MUG", 5), (WEST, "TEE", 5), provider="newegg"), catalog((EAST, "MUG", 5))
    elsewhere = [place for place in far.locations if place.location == WEST]
    here = [place for place in near.locations if place.location == EAST]
    await PostgresCatalog(pool).load(far.model_copy(update={"locations": (*here, *elsewhere)}))
    east = near.receipts[0].model_copy(update={"receipt_id": "east"})
    await PostgresCatalog(pool).load(near.model_copy(update={"locations": (*here, *elsewhere), "receipts": (east,)}))
    if trouble == "breaker":
        until = timedelta(hours=1)
        await PostgresBreakers(pool).force(provider_lane("newegg"), BreakerState.OPEN, until, "orders get lost", "ada")
    elif trouble in ("backlog", "calls"):
        backlogs.saw(Lane(provider_lane("newegg"), 150), 10_000 if trouble == "backlog" else 10, timedelta(0))
    else:
        wait = timedelta(hours=1) if trouble == "pause" else timedelta(seconds=5)
        await PostgresLanes(pool).pause(provider_lane("newegg"), wait, "limits us", "company")
    intake = PostgresIntake(pool, health=LaneHealth(backlogs=backlogs))
    one, both = [
        await intake.accept(placed, hold_ttl=TTL) for placed in (order("o1"), order("o2", ("MUG", 1), ("TEE", 1)))
    ]
    assert isinstance(one, Accepted)
    assert isinstance(both, Accepted)
    assert [plan.location for plan in one.parcels] == [WEST if trouble in ("blink", "calls") else EAST]
    assert [plan.location for plan in both.parcels] == [WEST]


async def test_a_sold_out_order_is_stored_and_holds_nothing(pool: Pool) -> None:
    """The shopper's refused order is kept with its outcome, and no saga is started for it."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5), (EAST, "TEE", 1)))
    intake = PostgresIntake(pool)

    answer = await intake.accept(order("o1", ("MUG", 2), ("TEE", 2)), hold_ttl=TTL)

    assert answer == SoldOut("o1", missing=("TEE",))
    assert await held(pool) == {(EAST, "MUG"): (5, 0), (EAST, "TEE"): (1, 0)}
    record = await PostgresJournal(pool).get("o1")
    assert record is not None
    assert (record.status, record.outcome, record.reason) == (OrderStatus.REJECTED, "sold_out", "sold out: TEE")
    assert await unstarted(pool) == []


async def test_the_saga_confirms_what_was_accepted(pool: Pool) -> None:
    """Confirming keeps the accepted parcels, takes no second hold, and marks the saga as started."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake = PostgresIntake(pool)
    answer = await intake.accept(order("o1", ("MUG", 2)), hold_ttl=TTL)
    assert isinstance(answer, Accepted)

    assert await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 2))) == answer.parcels

    assert await held(pool) == {(EAST, "MUG"): (5, 2)}
    assert await unstarted(pool) == []


async def test_the_same_key_replays_the_saved_answer(pool: Pool) -> None:
    """A repeat gets the first answer, byte for byte, and holds nothing more; the first answer saved stays."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake = PostgresIntake(pool)
    await intake.accept(order("o1", ("MUG", 2)), hold_ttl=TTL, idempotency=KEY)

    before = await intake.accept(order("o9", ("MUG", 2)), hold_ttl=TTL, idempotency=KEY)
    await intake.save_answer("key_1", "checkout-7", status=201, body={"id": "o1"})
    await intake.save_answer("key_1", "checkout-7", status=500, body={"id": "other"})
    after = await intake.accept(order("o9", ("MUG", 2)), hold_ttl=TTL, idempotency=KEY)

    assert before == Replay("o1")
    assert after == Replay("o1", 201, {"id": "o1"})
    assert await held(pool) == {(EAST, "MUG"): (5, 2)}
    assert await PostgresJournal(pool).get("o9") is None


async def test_a_key_used_for_another_request_is_refused(pool: Pool) -> None:
    """The same key with other content changes nothing; another API key's keys are its own."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake = PostgresIntake(pool)
    await intake.accept(order("o1", ("MUG", 1)), hold_ttl=TTL, idempotency=KEY)

    other = IdempotencyKey(api_key_id="key_1", key="checkout-7", request_hash="xyz")
    elsewhere = IdempotencyKey(api_key_id="key_2", key="checkout-7", request_hash="xyz")

    refused = await intake.accept(order("o2", ("MUG", 1)), hold_ttl=TTL, idempotency=other)
    taken = await intake.accept(order("o3", ("MUG", 1)), hold_ttl=TTL, idempotency=elsewhere)

    assert refused == KeyMismatch("o2", "idempotency_key")
    assert isinstance(taken, Accepted)
    assert await PostgresJournal(pool).get("o2") is None
    assert await held(pool) == {(EAST, "MUG"): (5, 2)}


async def test_the_same_request_twice_at_once_never_shows_another_order(pool: Pool) -> None:
    """Its order id is somebody else's: both are refused, and neither is taken for a repeat of that order."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 9)))
    intake = PostgresIntake(pool)
    await intake.accept(order("theirs", ("MUG", 2)), hold_ttl=TTL)

    asked = AcceptRequest(order("theirs", ("MUG", 7)), TTL, KEY)
    assert await intake.accept_many([asked, asked]) == [KeyMismatch("theirs", "order_id")] * 2

    again = AcceptRequest(order("ours", ("MUG", 1)), TTL, KEY)
    accepted, repeated = await intake.accept_many([again, again])
    assert isinstance(accepted, Accepted)
    assert repeated == Replay("ours")


async def test_an_order_id_stands_for_one_order(pool: Pool) -> None:
    """The same order again is a repeat; another order under its id is refused and leaves no key behind."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake = PostgresIntake(pool)
    await intake.accept(order("o1", ("MUG", 1)), hold_ttl=TTL)

    repeat = await intake.accept(order("o1", ("MUG", 1)), hold_ttl=TTL)
    other = await intake.accept(order("o1", ("MUG", 2)), hold_ttl=TTL, idempotency=KEY)
    key_is_free = await intake.accept(order("o2", ("MUG", 1)), hold_ttl=TTL, idempotency=KEY)

    assert repeat == Replay("o1")
    assert other == KeyMismatch("o1", "order_id")
    assert isinstance(key_is_free, Accepted)
    assert await held(pool) == {(EAST, "MUG"): (5, 2)}


@pytest.mark.parametrize("keyed", [False, True])
async def test_what_contradicts_a_refused_request_of_its_batch_is_judged_anew(pool: Pool, keyed: bool) -> None:
    """Of the first, which was over its buyer's limit, nothing stands: its order id, and its key, are free again."""
    known = catalog((EAST, "MUG", 9))
    limited = tuple(
        product.model_copy(update={"max_per_buyer": 2}) if product.sku == "MUG" else product
        for product in known.products
    )
    await PostgresCatalog(pool).load(known.model_copy(update={"products": limited}))
    intake = PostgresIntake(pool)
    keys = [replace(KEY, request_hash=hashed) if keyed else None for hashed in ("first", "second", "second", "third")]
    asked = [
        AcceptRequest(order("zz", ("MUG", units), buyer="ada"), TTL, key)
        for units, key in zip((5, 1, 1, 2), keys, strict=True)
    ]

    refused, taken, repeated, contrary = await intake.accept_many(asked)

    assert isinstance(refused, OverBuyerLimit)
    assert isinstance(taken, Accepted)
    assert repeated == Replay("zz")
    assert contrary == KeyMismatch("zz", "idempotency_key" if keyed else "order_id")
    assert await held(pool) == {(EAST, "MUG"): (9, 1)}
    assert await intake.accept_many(asked[1:2]) == [Replay("zz")]
    assert await intake.accept_many(asked[:1]) == [contrary]


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_without_an_answer_is_made_certain(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The batch is handed in once more: what was stored is found, what was not is taken; nothing is held twice."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    cut_commits(monkeypatch, 1, committed=committed)

    answer = await PostgresIntake(pool).accept(order("o1", ("MUG", 2)), hold_ttl=TTL, idempotency=KEY)

    assert isinstance(answer, Replay if committed else Accepted)
    assert answer.order_id == "o1"
    assert await held(pool) == {(EAST, "MUG"): (5, 2)}


async def test_a_commit_that_stays_in_doubt_is_told_so(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that nothing was stored when something may be."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    cut_commits(monkeypatch, 2)

    with pytest.raises(RetryError) as doubt:
        await PostgresIntake(pool).accept(order("o1", ("MUG", 2)), hold_ttl=TTL)

    assert doubt.value.unknown


async def test_a_batch_answers_each_order_separately(pool: Pool) -> None:
    """One commit, first come first served: what fits is held, what does not is sold out, repeats are repeats."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 3)))
    orders = [order("o1", ("MUG", 2)), order("o2", ("MUG", 2)), order("o3", ("MUG", 1)), order("o1", ("MUG", 2))]
    requests = [AcceptRequest(wanted, TTL, KEY if wanted.order_id == "o1" else None) for wanted in orders]

    answers = await PostgresIntake(pool).accept_many(requests)

    assert [type(answer) for answer in answers] == [Accepted, SoldOut, Accepted, Replay]
    assert await held(pool) == {(EAST, "MUG"): (3, 3)}
    assert await PostgresIntake(pool).accept_many([]) == []


@pytest.mark.parametrize("processes", [1, 50])
async def test_fifty_at_once_never_oversell_and_never_deadlock(pool: Pool, processes: int) -> None:
    """Fifty orders for two SKUs in opposite line order meet on twenty units: twenty are accepted, none is lost.

    One process commits them in batches; fifty processes (each with its own intake) meet on the rows.
    """
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 20), (EAST, "TEE", 30), (WEST, "TEE", 10)))
    intakes = [PostgresIntake(pool) for _ in range(processes)]
    lines = [("MUG", 1), ("TEE", 1)]
    orders = [order(f"o{n}", *(lines if n % 2 else reversed(lines))) for n in range(50)]

    answers = await asyncio.gather(
        *(intakes[n % processes].accept(wanted, hold_ttl=TTL) for n, wanted in enumerate(orders))
    )

    assert [type(answer) for answer in answers].count(Accepted) == 20
    assert [answer.missing for answer in answers if isinstance(answer, SoldOut)] == [("MUG",)] * 30
    stock = await held(pool)
    assert stock[EAST, "MUG"] == (20, 20)
    assert stock[EAST, "TEE"][1] + stock[WEST, "TEE"][1] == 20
    assert await PostgresJournal(pool).count_by_status() == {OrderStatus.PENDING: 20, OrderStatus.REJECTED: 30}


@pytest.mark.parametrize("processes", [1, 8])
async def test_one_key_used_at_once_accepts_one_order(pool: Pool, processes: int) -> None:
    """A shopper's impatient clicks arrive together: one order is accepted, the others replay it."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 20)))
    intakes = [PostgresIntake(pool) for _ in range(processes)]

    answers = await asyncio.gather(
        *(intakes[n % processes].accept(order(f"o{n}", ("MUG", 1)), hold_ttl=TTL, idempotency=KEY) for n in range(8))
    )

    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    assert len(accepted) == 1
    assert [answer for answer in answers if answer not in accepted] == [Replay(accepted[0].order_id)] * 7
    assert await held(pool) == {(EAST, "MUG"): (20, 1)}


async def test_one_order_id_used_at_once_is_one_order(pool: Pool) -> None:
    """The same order sent to many processes at once, without a key, is accepted once."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 20)))

    answers = await asyncio.gather(
        *(PostgresIntake(pool).accept(order("o1", ("MUG", 1)), hold_ttl=TTL) for _ in range(8))
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Accepted"] + ["Replay"] * 7
    assert await held(pool) == {(EAST, "MUG"): (20, 1)}


@pytest.mark.parametrize("round_", range(5))
async def test_undo_racing_with_a_slow_confirmation_leaves_nothing_held(pool: Pool, round_: int) -> None:
    """Whether the release comes before or after a late confirmation, no unit stays held without an owner."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10)))
    stock = PostgresStock(pool)
    orders = [order(f"o{n}", ("MUG", 1)) for n in range(10)]

    answers = await asyncio.gather(
        *(stock.confirm_hold(wanted) for wanted in orders),
        *(stock.release(wanted.order_id, 1) for wanted in orders),
        return_exceptions=True,
    )

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, OperatorError) and error.code == "hold_released" for error in refused)
    assert await held(pool) == {(EAST, "MUG"): (10, 0)}


async def test_old_keys_are_forgotten(pool: Pool) -> None:
    """Answers are kept as long as promised, and not for ever."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake = PostgresIntake(pool)
    await intake.accept(order("o1", ("MUG", 1)), hold_ttl=TTL, idempotency=KEY)

    assert await intake.forget_keys(older_than=timedelta(hours=1)) == 0
    assert await intake.forget_keys(older_than=AT_ONCE) == 1
    assert isinstance(await intake.accept(order("o2", ("MUG", 1)), hold_ttl=TTL, idempotency=KEY), Accepted)


async def test_expired_holds_return_their_units(pool: Pool) -> None:
    """A hold nobody confirmed is released when it expires; running ones and started ones are left alone."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 9)))
    intake = PostgresIntake(pool)
    for name, ttl in (("expired", EXPIRED), ("running", TTL), ("started", EXPIRED)):
        await intake.accept(order(name, ("MUG", 1)), hold_ttl=ttl)
    await PostgresStarting(pool).mark_started("started")

    assert (await sweep(intake)).released == ["expired"]
    assert (await sweep(intake)).released == []
    assert await held(pool) == {(EAST, "MUG"): (9, 2)}


async def test_a_swept_hold_is_taken_anew(pool: Pool) -> None:
    """A saga that starts after the sweep gets units again, and its ledger shows both takes."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 2)))
    intake, stock = PostgresIntake(pool), PostgresStock(pool)
    await intake.accept(order("o1", ("MUG", 2)), hold_ttl=EXPIRED)
    await sweep(intake)

    parcels = await stock.confirm_hold(order("o1", ("MUG", 2)))

    assert parcels is not None
    assert await held(pool) == {(EAST, "MUG"): (2, 2)}
    kinds = await pool.fetch("SELECT kind, take FROM unit_movements WHERE order_id = 'o1' ORDER BY movement_id")
    assert [tuple(row) for row in kinds] == [("held", 1), ("released", 1), ("held", 2)]


async def test_a_swept_hold_may_be_gone(pool: Pool) -> None:
    """When others took the swept units meanwhile, the saga is told sold out and nothing changes."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 2)))
    intake = PostgresIntake(pool)
    await intake.accept(order("o1", ("MUG", 2)), hold_ttl=EXPIRED)
    await sweep(intake)
    await intake.accept(order("o2", ("MUG", 1)), hold_ttl=TTL)

    assert await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 2))) is None
    assert await held(pool) == {(EAST, "MUG"): (2, 1)}


@pytest.mark.parametrize("longest", [AT_ONCE, TTL])
@pytest.mark.parametrize("round_", range(3))
async def test_expiry_races_with_confirmation(pool: Pool, round_: int, longest: timedelta) -> None:
    """Whoever wins, every confirmed order ends up with exactly its units held; none of these expires any more."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10)))
    intake, stock = PostgresIntake(pool), PostgresStock(pool)
    orders = [order(f"o{n}", ("MUG", 1)) for n in range(10)]
    for wanted in orders:
        await intake.accept(wanted, hold_ttl=EXPIRED)

    sweeps = [sweep(intake, longest) for _ in range(3)]
    confirmed = await asyncio.gather(*(stock.confirm_hold(wanted) for wanted in orders), *sweeps)

    assert all(parcels is not None for parcels in confirmed[: len(orders)])
    assert await held(pool) == {(EAST, "MUG"): (10, 10)}
    assert await pool.fetchval("SELECT count(*) FROM holds WHERE status = 'confirmed' AND expires_at IS NULL") == 10


async def test_who_waits_for_a_starter_keeps_the_units(pool: Pool) -> None:
    """Its hold is prolonged as often as it expires, and nobody else gets the units; what has ended gives them back."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 2)))
    intake = PostgresIntake(pool)
    for name in ("queued", "ended"):
        await intake.accept(order(name, ("MUG", 1)), hold_ttl=EXPIRED)
    await pool.execute("UPDATE orders SET status = 'canceled' WHERE order_id = 'ended'")

    assert await sweep(intake, timedelta(hours=24)) == Swept(["ended"], ["queued"])
    assert await sweep(intake, timedelta(hours=24)) == Swept([], [])
    await pool.execute("UPDATE holds SET expires_at = now() WHERE status = 'held'")
    assert await sweep(intake, timedelta(hours=24)) == Swept([], ["queued"])

    assert isinstance(await intake.accept(order("late", ("MUG", 2)), hold_ttl=TTL), SoldOut)
    assert await PostgresStock(pool).confirm_hold(order("queued", ("MUG", 1))) is not None
    assert await held(pool) == {(EAST, "MUG"): (2, 1)}


async def test_after_the_longest_time_the_units_go_back_and_a_person_is_asked(pool: Pool) -> None:
    """Prolonged up to the bound and no further; the question is asked once, and withdrawn once the saga is started."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 1)))
    intake, journal = PostgresIntake(pool), PostgresJournal(pool)
    await intake.accept(order("o1", ("MUG", 1)), hold_ttl=EXPIRED)
    await pool.execute("UPDATE holds SET held_at = now() - interval '23 hours 50 minutes'")
    assert await sweep(intake, timedelta(hours=24)) == Swept([], ["o1"])
    assert await pool.fetchval("SELECT expires_at - held_at FROM holds") == timedelta(hours=24)

    await pool.execute("UPDATE holds SET held_at = now() - interval '1 day', expires_at = now()")
    assert await sweep(intake, timedelta(hours=24)) == Swept(["o1"], [])
    assert await held(pool) == {(EAST, "MUG"): (1, 0)}
    (asked,) = await journal.open_attention(order_id="o1")
    assert (asked.kind, asked.choices) == ("never_started", ("acknowledge",))
    await PostgresStarting(pool).mark_started("o1")
    assert list(await journal.open_attention(order_id="o1")) == []


async def test_terms_and_address_survive_storage(pool: Pool) -> None:
    """What the starter hands to the saga is the order as it was accepted."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10)))
    intake = PostgresIntake(pool)
    terms = order().terms.model_copy(update={"ship_within": timedelta(hours=30)})
    wanted = order("o1", ("MUG", 1), terms=terms, ship_to=address(line2="c/o Zoë", phone="+1 555 0100"))

    await intake.accept(wanted, hold_ttl=TTL)

    await make_due(pool)
    (claimed,) = await PostgresStarting(pool).claim(limit=1, lease=timedelta(minutes=1))
    assert claimed.order == wanted


async def test_a_locked_shelf_keeps_no_other_seller_waiting(pool: Pool) -> None:
    """Somebody works on one seller's shelf: that seller's orders wait for it, and other sellers' are accepted."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10), (EAST, "LAMP", 10)))
    intake = PostgresIntake(pool)

    async def ask(order_id: str, sku: str, seller: str) -> object:
        return await intake.accept(order(order_id, (sku, 1), seller=seller), hold_ttl=TTL)

    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM stock WHERE sku = 'MUG' FOR UPDATE")
        mugs = [asyncio.create_task(ask(f"mug{n}", "MUG", "acme")) for n in range(3)]
        await asyncio.sleep(0)
        mugs.append(asyncio.create_task(ask("mug3", "MUG", "acme")))
        lamps = [await asyncio.wait_for(ask(f"lamp{n}", "LAMP", "bolt"), 60) for n in range(3)]
        assert not any(task.done() for task in mugs)

    assert {type(answer) for answer in lamps} == {Accepted}
    assert {type(answer) for answer in await asyncio.gather(*mugs)} == {Accepted}
    assert await held(pool) == {(EAST, "MUG"): (10, 4), (EAST, "LAMP"): (10, 3)}
