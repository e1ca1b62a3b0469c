"""Accepting orders: hold, order and key in one commit, under concurrency too."""

import asyncio
from datetime import timedelta

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.accept import (
    Accepted,
    AcceptRequest,
    IdempotencyKey,
    KeyMismatch,
    PostgresIntake,
    Replay,
    SoldOut,
)
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.starting import PostgresStarting
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, WEST, address, catalog, order
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

    assert await intake.expire_holds() == ["expired"]
    assert await intake.expire_holds() == []
    assert await held(pool) == {(EAST, "MUG"): (9, 2)}


async def test_a_swept_hold_is_taken_anew(pool: Pool) -> None:
    """A saga that starts after the sweep gets units again, and its ledger shows both takes."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 2)))
    intake, stock = PostgresIntake(pool), PostgresStock(pool)
    await intake.accept(order("o1", ("MUG", 2)), hold_ttl=EXPIRED)
    await intake.expire_holds()

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
    await intake.expire_holds()
    await intake.accept(order("o2", ("MUG", 1)), hold_ttl=TTL)

    assert await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 2))) is None
    assert await held(pool) == {(EAST, "MUG"): (2, 1)}


@pytest.mark.parametrize("round_", range(5))
async def test_expiry_races_with_confirmation(pool: Pool, round_: int) -> None:
    """Whoever wins, every confirmed order ends up with exactly its units held."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10)))
    intake, stock = PostgresIntake(pool), PostgresStock(pool)
    orders = [order(f"o{n}", ("MUG", 1)) for n in range(10)]
    for wanted in orders:
        await intake.accept(wanted, hold_ttl=EXPIRED)

    sweeps = [intake.expire_holds() for _ in range(3)]
    confirmed = await asyncio.gather(*(stock.confirm_hold(wanted) for wanted in orders), *sweeps)

    assert all(parcels is not None for parcels in confirmed[: len(orders)])
    assert await held(pool) == {(EAST, "MUG"): (10, 10)}


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
