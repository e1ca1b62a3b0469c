"""Changed plans and returned goods in PostgreSQL: movements add up, others hear of it, no unit is taken twice."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from ordersaga.domain.orders import LineQuantity, OrderLine, ParcelPlan
from ordersaga.stores.accept import Accepted, PostgresIntake
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, WEST, catalog, order, sale

ONE_MUG = [LineQuantity(sku="MUG", quantity=1)]


def plan(parcel: int, location: str, *lines: tuple[str, int]) -> ParcelPlan:
    """A parcel of (sku, quantity) lines at 1000 minor units each."""
    bought = tuple(OrderLine(sku=sku, quantity=quantity, unit_price=1000) for sku, quantity in lines)
    return ParcelPlan(
        parcel=parcel, location=location, provider="shipbob", lines=bought, amount=sum(line.value for line in bought)
    )


async def stocked(pool: Pool, *receipts: tuple[str, str, int]) -> PostgresStock:
    """A catalog with these receipts."""
    await PostgresCatalog(pool).load(catalog(*receipts))
    return PostgresStock(pool)


async def movements(pool: Pool) -> list[tuple[object, ...]]:
    """(kind, take, parcel, SKU, quantity) of everything that moved for an order, oldest first."""
    rows = await pool.fetch(
        "SELECT kind, take, parcel, sku, quantity FROM unit_movements WHERE order_id IS NOT NULL ORDER BY movement_id"
    )
    return [tuple(row.values()) for row in rows]


async def shelf(pool: Pool, location: str, sku: str) -> tuple[object, ...]:
    """(on_hand, held)."""
    row = await pool.fetchrow("SELECT on_hand, held FROM stock WHERE location = $1 AND sku = $2", location, sku)
    return tuple(row or ())


async def test_a_changed_plan_ends_only_the_holds_that_changed(pool: Pool) -> None:
    """Two MUGs become one, the TEE stays in its first take; a repeat writes nothing; shelves and movements agree."""
    stock = await stocked(pool, (EAST, "MUG", 5), (EAST, "TEE", 5))
    await stock.confirm_hold(order("o1", ("MUG", 2), ("TEE", 1)))
    wanted = [plan(1, EAST, ("MUG", 1), ("TEE", 1))]

    assert [await stock.replan("o1", wanted) for _ in range(2)] == [True, True]

    assert await movements(pool) == [
        ("held", 1, 1, "MUG", 2),
        ("held", 1, 1, "TEE", 1),
        ("released", 1, 1, "MUG", 2),
        ("held", 2, 1, "MUG", 1),
    ]
    await stock.ship("o1", wanted[0], sale("o1", wanted[0]))
    assert list(await PostgresBooks(pool).unit_differences()) == []


async def test_movements_of_what_came_back_add_up(pool: Pool) -> None:
    """Restocked units are on hand, written-off ones are not, and the audit agrees."""
    stock = await stocked(pool, (EAST, "MUG", 5))
    parcels = await stock.confirm_hold(order("o1", ("MUG", 3)))
    assert parcels is not None
    await stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await stock.take_back("o1", 1, "r1", ONE_MUG, WEST, sellable=True) == 1
    assert await stock.take_back("o1", 1, "r2", ONE_MUG, WEST, sellable=False) == 1

    assert (await movements(pool))[2:] == [("restocked", None, 1, "MUG", 1), ("written_off", None, 1, "MUG", 1)]
    assert (await shelf(pool, EAST, "MUG"), await shelf(pool, WEST, "MUG")) == ((2, 0), (1, 0))
    assert list(await PostgresBooks(pool).unit_differences()) == []


async def test_only_what_others_may_have_is_announced(pool: Pool) -> None:
    """Units that were given up or came back for sale; not those that only change parcels, nor damaged ones."""
    stock = await stocked(pool, (EAST, "MUG", 3), (EAST, "TEE", 2))
    await stock.confirm_hold(order("o1", ("MUG", 3), ("TEE", 2)))
    heard: list[object] = []

    def hear(*message: object) -> None:
        heard.append(message[-1])

    async with pool.acquire() as listener:
        await listener.add_listener("stock_available", hear)
        parts = [plan(1, EAST, ("MUG", 1), ("TEE", 1)), plan(2, EAST, ("MUG", 2))]
        assert await stock.replan("o1", parts) is True
        await stock.ship("o1", parts[1], sale("o1", parts[1]))
        await stock.take_back("o1", 2, "r1", ONE_MUG, EAST, sellable=False)
        await stock.take_back("o1", 2, "r2", ONE_MUG, EAST, sellable=True)
        await listener.execute("SELECT 1")
        await listener.remove_listener("stock_available", hear)

    assert heard == ["TEE", "MUG"]


async def test_a_hold_that_may_still_expire_is_confirmed_by_its_new_plan(pool: Pool) -> None:
    """Nobody sweeps what was planned, whatever the checkout's time was."""
    stock = await stocked(pool, (EAST, "MUG", 2))
    intake = PostgresIntake(pool)
    taken = await intake.accept(order("o1", ("MUG", 2)), hold_ttl=timedelta(0))
    assert isinstance(taken, Accepted)

    assert await stock.replan("o1", list(taken.parcels)) is True

    swept = await intake.expire_holds(prolong=timedelta(minutes=30), longest=timedelta(0))
    assert (swept.released, swept.prolonged) == ([], [])
    assert await shelf(pool, EAST, "MUG") == (2, 2)


async def test_two_orders_that_want_the_last_unit_do_not_both_get_it(pool: Pool) -> None:
    """Plans that change at the same time, crossing over two shelves: one of each pair wins, no circle of waiting."""
    stock = await stocked(pool, (EAST, "MUG", 3), (WEST, "TEE", 3))
    for name in ("o1", "o2"):
        await stock.confirm_hold(order(name, ("MUG", 1), ("TEE", 1)))
    more = {
        "o1": [plan(1, EAST, ("MUG", 2)), plan(2, WEST, ("TEE", 2))],
        "o2": [plan(2, WEST, ("TEE", 2)), plan(1, EAST, ("MUG", 2))],
    }

    answers = await asyncio.gather(*(stock.replan(name, wanted) for name, wanted in more.items()))

    assert sorted(answers) == [False, True]
    assert (await shelf(pool, EAST, "MUG"), await shelf(pool, WEST, "TEE")) == ((3, 3), (3, 3))
    assert list(await PostgresBooks(pool).unit_differences()) == []


async def test_two_attempts_at_once_book_an_arrival_once(pool: Pool) -> None:
    """The slower one finds what the first has booked."""
    stock = await stocked(pool, (EAST, "MUG", 2))
    parcels = await stock.confirm_hold(order("o1", ("MUG", 2)))
    assert parcels is not None
    await stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    attempts = [stock.take_back("o1", 1, "r1", ONE_MUG, EAST, sellable=True) for _ in range(4)]

    assert await asyncio.gather(*attempts) == [1, 1, 1, 1]
    assert await shelf(pool, EAST, "MUG") == (1, 0)


async def test_nothing_comes_back_without_a_reference(pool: Pool) -> None:
    """The database refuses it, whatever a program does."""
    await stocked(pool, (EAST, "MUG", 2))

    with pytest.raises(asyncpg.CheckViolationError, match="under_a_reference"):
        await pool.execute(
            "INSERT INTO unit_movements (kind, account_from, account_to, location, sku, quantity, order_id, parcel)"
            " VALUES ('restocked', 'shipped', 'available', $1, 'MUG', 1, 'o1', 1)",
            EAST,
        )
