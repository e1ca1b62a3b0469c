"""Limits of buyers and room to ship by day, judged where an order is accepted."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.domain.catalog import Catalog, Product, Receipt, Seller
from ordersaga.domain.exchanges import EXCHANGE_CHANNEL
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.accept import Accepted, AcceptRequest, IdempotencyKey, KeyMismatch, PostgresIntake, SoldOut
from ordersaga.stores.acceptances import Acceptance, BuyerNeeded, NoCapacity, OverBuyerLimit, Replay
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.exchanges import PostgresExchanges
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool, close_pool, create_pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, SELLER, WEST, catalog, order

TTL = timedelta(minutes=30)
KEY = IdempotencyKey(api_key_id="key_1", key="checkout-7", request_hash="abc")


def now_order(order_id: str, *lines: tuple[str, int], **changes: Any) -> Order:
    """An order placed now."""
    return order(order_id, *lines, **{"placed_at": datetime.now(UTC), **changes})


async def load(pool: Pool, *, mug: int = 100, seller: dict[str, Any] | None = None, **rules: Any) -> None:
    """`mug` MUG and 100 TEE in the east; `rules` of MUG, and of its seller."""
    known = catalog((EAST, "MUG", mug), (EAST, "TEE", 100))
    products = (Product(sku="MUG", seller=SELLER, title="Mug", weight_grams=350, **rules), *known.products[1:])
    sellers = (Seller(seller=SELLER, name="Acme", **(seller or {})), *known.sellers[1:])
    await PostgresCatalog(pool).load(known.model_copy(update={"products": products, "sellers": sellers}))


async def accept(pool: Pool, wanted: Order, **how: Any) -> Acceptance:
    """Accept one order."""
    return await PostgresIntake(pool).accept(wanted, hold_ttl=TTL, **how)


async def end(pool: Pool, order_id: str, status: OrderStatus) -> None:
    """What a saga writes when it ends."""
    await PostgresJournal(pool).record(JournalUpdate(order_id=order_id, status=status))


async def room(pool: Pool) -> dict[tuple[str, int], int]:
    """Room taken, by line and days from today; where any is."""
    rows = await pool.fetch("SELECT line, day, taken FROM room_taken WHERE taken > 0")
    today = datetime.now(UTC).date()
    return {(row["line"], (row["day"] - today).days): row["taken"] for row in rows}


async def test_a_buyer_may_have_only_so_many(pool: Pool) -> None:
    """Units of all orders of a buyer count, those of other buyers and of other channels do not; nothing is stored."""
    await load(pool, max_per_buyer=3)

    first = await accept(pool, now_order("o1", ("MUG", 2), buyer="ada"))
    over = await accept(pool, now_order("o2", ("MUG", 2), ("TEE", 1), buyer="ada"), idempotency=KEY)
    fits = await accept(pool, now_order("o3", ("MUG", 1), buyer="ada"), idempotency=KEY)
    others = [
        await accept(pool, now_order("o4", ("MUG", 3), buyer="bob")),
        await accept(pool, now_order("o5", ("MUG", 3), buyer="ada", channel="tiktok_shop")),
    ]

    assert isinstance(first, Accepted)
    assert over == OverBuyerLimit("o2", "MUG", limit=3, has=2)
    assert isinstance(fits, Accepted)
    assert all(isinstance(answer, Accepted) for answer in others)
    assert await PostgresJournal(pool).get("o2") is None


async def test_a_limited_sku_needs_a_buyer(pool: Pool) -> None:
    """Without one nothing is stored, and the same request with one is taken; other SKUs need none."""
    await load(pool, max_per_buyer=3)

    refused = await accept(pool, now_order("o1", ("TEE", 1), ("MUG", 1)), idempotency=KEY)

    assert refused == BuyerNeeded("o1", ("MUG",))
    assert isinstance(await accept(pool, now_order("o1", ("MUG", 1), buyer="ada"), idempotency=KEY), Accepted)
    assert isinstance(await accept(pool, now_order("o2", ("TEE", 1))), Accepted)


@pytest.mark.parametrize("status", [OrderStatus.CANCELED, OrderStatus.REJECTED])
async def test_units_of_undone_orders_do_not_count(pool: Pool, status: OrderStatus) -> None:
    """Whoever canceled, or was declined, may buy again; what was returned counts on."""
    await load(pool, max_per_buyer=1)
    await accept(pool, now_order("o1", buyer="ada"))
    await end(pool, "o1", status)

    assert isinstance(await accept(pool, now_order("o2", buyer="ada")), Accepted)
    await end(pool, "o2", OrderStatus.RETURNED)
    assert isinstance(await accept(pool, now_order("o3", buyer="ada")), OverBuyerLimit)


async def test_an_exchange_is_not_limited(pool: Pool) -> None:
    """It gives back what it takes, and nobody says who buys."""
    await load(pool, max_per_buyer=1)

    exchange = now_order("o1x1", ("MUG", 5), channel=EXCHANGE_CHANNEL)
    answer = await PostgresExchanges(pool, PostgresIntake(pool), TTL).place(exchange, "o1-r1")
    assert (answer.order_id, answer.decided) == ("o1x1", False)
    claimed = now_order("o2x1", ("MUG", 5), channel=EXCHANGE_CHANNEL)
    assert isinstance(await accept(pool, claimed), BuyerNeeded), "a channel's name alone makes no exchange"


async def test_limits_hold_within_a_batch(pool: Pool) -> None:
    """Orders of one commit see each other, and whoever repeats one that left nothing is judged anew."""
    await load(pool, mug=10, max_per_buyer=2)
    wanted = [
        now_order("o1", buyer="ada"),
        now_order("o2", ("MUG", 2), buyer="ada"),
        now_order("o3", buyer="ada"),
        now_order("o2", ("MUG", 2), buyer="ada"),
        now_order("o4", buyer="ada"),
    ]

    answers = await PostgresIntake(pool).accept_many([AcceptRequest(one, TTL) for one in wanted])

    assert [type(answer) for answer in answers] == [
        Accepted, OverBuyerLimit, Accepted, OverBuyerLimit, OverBuyerLimit,
    ]  # fmt: skip
    assert [answer.has for answer in answers if isinstance(answer, OverBuyerLimit)] == [1, 2, 2]


@pytest.mark.parametrize("round_", range(2))
async def test_a_limit_is_exact_at_once(pool: Pool, round_: int) -> None:
    """One buyer's orders in many processes at once: as many units as allowed, not one more."""
    await load(pool, max_per_buyer=3)
    wanted = [now_order(f"o{n}", ("MUG", 1), ("TEE", 1), buyer="ada") for n in range(20)]

    answers = await asyncio.gather(*(accept(pool, one) for one in wanted))

    assert Counter(type(answer) for answer in answers) == {Accepted: 3, OverBuyerLimit: 17}


async def test_full_days_promise_later_ones(pool: Pool) -> None:
    """Two a day: those of today and tomorrow ship as usual, the next by the end of the first day with room."""
    await load(pool, seller={"daily_orders": 2, "promise_within": 3})
    answers = [await accept(pool, now_order(f"o{n}", ("TEE", 1))) for n in range(9)]

    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    assert [answer.order.terms.promised_later for answer in accepted] == [False] * 4 + [True] * 4
    today = datetime.now(UTC).date()
    ends = [datetime.combine(today + timedelta(days=days), time(), UTC) for days in (3, 3, 4, 4)]
    assert [answer.order.ship_by for answer in accepted[4:]] == ends
    assert answers[8] == NoCapacity("o8", (SELLER,), 3)
    assert await PostgresJournal(pool).get("o8") is None
    stored = await PostgresJournal(pool).get("o7")
    assert stored is not None
    assert stored.order == accepted[7].order


async def test_all_lines_must_have_room_on_the_day(pool: Pool) -> None:
    """A SKU's day may be full while its seller's is not; more than a whole day's room is never promised."""
    await load(pool, seller={"daily_orders": 3, "promise_within": 1}, daily_units=2)

    answers = [
        await accept(pool, wanted)
        for wanted in (
            now_order("o1", ("MUG", 2)),
            now_order("o2", ("TEE", 9)),
            now_order("o3", ("MUG", 1), ("TEE", 1)),
            now_order("o4", ("MUG", 3)),
            now_order("o5", ("MUG", 2)),
        )
    ]

    assert [type(answer) for answer in answers] == [Accepted, Accepted, Accepted, NoCapacity, NoCapacity]
    assert await room(pool) == {
        ("sku:MUG", 0): 2, ("seller:acme", 0): 2, ("sku:MUG", 1): 1, ("seller:acme", 1): 1,
    }  # fmt: skip


@pytest.mark.parametrize("status", [OrderStatus.CANCELED, OrderStatus.REJECTED])
async def test_room_of_an_undone_order_is_given_back(pool: Pool, status: OrderStatus) -> None:
    """Once, however often its end is written; a sold-out order never took any."""
    await load(pool, mug=3, seller={"daily_orders": 1, "promise_within": 0})
    await accept(pool, now_order("o1", ("MUG", 2)))
    assert isinstance(await accept(pool, now_order("o2")), NoCapacity)

    for each in (OrderStatus.CANCELING, status, status):
        await end(pool, "o1", each)

    assert await room(pool) == {}
    assert isinstance(await accept(pool, now_order("o3", ("MUG", 9))), SoldOut)
    assert isinstance(await accept(pool, now_order("o4")), Accepted)


@pytest.mark.parametrize("round_", range(2))
async def test_room_is_exact_at_once(pool: Pool, round_: int) -> None:
    """Orders of many processes, and orders undone meanwhile: never more than a day takes, and every row agrees."""
    await load(pool, seller={"daily_orders": 4, "promise_within": 2})
    for n in range(6):
        await accept(pool, now_order(f"old{n}", ("TEE", 1)))

    answers = await asyncio.gather(
        *(accept(pool, now_order(f"o{n}", ("TEE", 1))) for n in range(20)),
        *(end(pool, f"old{n}", OrderStatus.CANCELED) for n in range(6)),
    )

    taken = await room(pool)
    assert all(count <= 4 for count in taken.values())
    assert sum(taken.values()) == sum(isinstance(answer, Accepted) for answer in answers)
    counted = await pool.fetch(
        "SELECT line, day, sum(units)::bigint AS taken FROM promises GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert counted == await pool.fetch("SELECT line, day, taken FROM room_taken WHERE taken > 0 ORDER BY 1, 2")


async def test_a_new_catalog_file_lifts_or_sets_limits(pool: Pool) -> None:
    """What a file says of a product or a seller holds from then on, and can be read again."""
    await load(pool, seller={"daily_orders": 5}, max_per_buyer=2, daily_units=7, waitlist=True)
    store = PostgresCatalog(pool)
    known = {product.sku: product for product in await store.products(SELLER)}
    assert (known["MUG"].max_per_buyer, known["MUG"].daily_units, known["MUG"].waitlist) == (2, 7, True)
    assert [(one.daily_orders, one.promise_within) for one in await store.sellers()] == [(5, 14), (None, 14)]

    await store.load(Catalog(products=catalog().products))

    assert isinstance(await accept(pool, now_order("o1", ("MUG", 9))), Accepted)


async def test_a_repeat_of_what_was_accepted_is_never_judged_again(pool: Pool) -> None:
    """The limit is reached by the order itself; asked again, it is the same order."""
    await load(pool, max_per_buyer=1, seller={"daily_orders": 1, "promise_within": 0})
    wanted = now_order("o1", buyer="ada")
    await accept(pool, wanted, idempotency=KEY)

    assert await accept(pool, wanted) == Replay("o1")
    assert await accept(pool, wanted, idempotency=KEY) == Replay("o1")
    assert await accept(pool, now_order("o1", buyer="bob")) == KeyMismatch("o1", "order_id")


@pytest_asyncio.fixture
async def pools(database_url: str) -> AsyncIterator[list[Pool]]:
    """What four processes have: a pool each."""
    opened = [await create_pool(database_url, application_name=f"api-{n}", max_size=5) for n in range(4)]
    yield opened
    for each in opened:
        await close_pool(each)


@pytest.mark.parametrize("seed", range(2))
async def test_mixed_orders_over_hot_and_cold_skus_stay_exact(pool: Pool, pools: list[Pool], seed: int) -> None:
    """Processes, lines and limits at random, orders undone meanwhile: no deadlock, and all counts agree."""
    rng = random.Random(seed)
    each, units, orders = rng.randint(2, 4), rng.randint(3, 6), rng.randint(9, 15)
    await load(
        pool, mug=25, max_per_buyer=each, daily_units=units, seller={"daily_orders": orders, "promise_within": 3}
    )
    await PostgresCatalog(pool).load(Catalog(receipts=(shelf(WEST, "MUG", 5), shelf(WEST, "TEE", 50))))
    old = [now_order(f"old{n}", ("MUG", 1), ("TEE", 1), buyer=f"old{n}") for n in range(6)]
    assert all([isinstance(await accept(pool, one), Accepted) for one in old])
    intakes = [PostgresIntake(one) for one in pools]

    wanted = [
        now_order(
            f"o{n}",
            *((sku, rng.randint(1, 3)) for sku in rng.sample(["MUG", "TEE"], rng.randint(1, 2))),
            buyer=f"b{rng.randint(0, 9)}",
        )
        for n in range(120)
    ]
    undoing = [asyncio.create_task(undo(pools[n % 4], one)) for n, one in enumerate(old)]
    answers = await asyncio.gather(*(intakes[n % 4].accept(one, hold_ttl=TTL) for n, one in enumerate(wanted)))
    await asyncio.gather(*undoing)

    assert await pool.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    accepted = [answer.order for answer in answers if isinstance(answer, Accepted)]
    assert {OverBuyerLimit, Accepted} <= {type(answer) for answer in answers}
    bought = Counter[tuple[str | None, str]]()
    for one in accepted:
        bought.update({(one.buyer, line.sku): line.quantity for line in one.lines})
    assert max(n for (_, sku), n in bought.items() if sku == "MUG") <= each
    assert await pool.fetchval("SELECT sum(held)::int FROM stock") == sum(bought.values())
    assert list(await PostgresBooks(pool).unit_differences()) == []
    taken = await room(pool)
    assert sum(n for (line, _), n in taken.items() if line == "seller:acme") == len(accepted)
    assert sum(n for (line, _), n in taken.items() if line == "sku:MUG") == sum(
        n for (_, sku), n in bought.items() if sku == "MUG"
    )
    assert all(n <= (units if line == "sku:MUG" else orders) for (line, _), n in taken.items())


async def undo(pool: Pool, gone: Order) -> None:
    """What the saga of a declined order writes."""
    await PostgresStock(pool).release(gone.order_id, 1)
    await end(pool, gone.order_id, OrderStatus.REJECTED)


def shelf(location: str, sku: str, units: int) -> Receipt:
    """Units that arrived."""
    return Receipt(receipt_id=f"more-{location}-{sku}", location=location, sku=sku, quantity=units)
