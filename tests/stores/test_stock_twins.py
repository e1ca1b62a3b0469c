"""The fake stock answers as PostgreSQL does, whatever is asked in whatever order."""

from random import Random

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import LineQuantity, OrderLine, ParcelPlan
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.pools import Pool
from tests.contracts.worlds import World, memory_world, postgres_world
from tests.fakes.samples import EAST, WEST, catalog, order, sale

STEPS = 60


def some_lines(chance: Random) -> tuple[OrderLine, ...]:
    """Some MUGs, some TEEs, or none of them."""
    return tuple(
        OrderLine(sku=sku, quantity=chance.randint(1, 3), unit_price=1000)
        for sku in ("MUG", "TEE")
        if chance.random() < 0.6
    )


def some_plans(chance: Random) -> list[ParcelPlan]:
    """One to three parcels of the first three, anywhere."""
    return [
        ParcelPlan(
            parcel=number,
            location=chance.choice((EAST, WEST)),
            provider="shipbob",
            lines=some_lines(chance),
            amount=0,
        )
        for number in sorted(chance.sample((1, 2, 3), chance.randint(1, 3)))
    ]


async def step(world: World, chance: Random) -> object:
    """Do one thing to one of two orders; returns the answer, or the code of the refusal."""
    name, parcel = chance.choice(("o1", "o2")), chance.randint(1, 3)
    what, plans = chance.choice(("replan", "replan", "replan", "release", "ship", "take_back")), some_plans(chance)
    lines = [LineQuantity(sku=chance.choice(("MUG", "TEE")), quantity=chance.randint(1, 2))]
    reference, sellable = f"r{chance.randint(1, 9)}", chance.random() < 0.5
    try:
        if what == "replan":
            return await world.stock.replan(name, plans)
        if what == "release":
            return await world.stock.release(name, parcel)
        if what == "ship":
            empty = plans[0].model_copy(update={"parcel": parcel, "lines": ()})
            await world.stock.ship(name, empty, sale(name, empty))
            return "shipped"
        return await world.stock.take_back(name, parcel, reference, lines, EAST, sellable=sellable)
    except OperatorError as refused:
        return refused.code


@pytest.mark.parametrize("seed", range(6))
async def test_fake_and_postgres_agree_step_by_step(pool: Pool, seed: int) -> None:
    """Answers, shelves, records and units held are the same after every step, and the movements add up."""
    worlds = (memory_world(), postgres_world(pool))
    chances = (Random(seed), Random(seed))
    for world in worlds:
        await world.load(catalog((EAST, "MUG", 6), (WEST, "TEE", 6), (EAST, "TEE", 2), (WEST, "MUG", 2)))
        for name in ("o1", "o2"):
            assert await world.stock.confirm_hold(order(name, ("MUG", 2), ("TEE", 1))) is not None

    for _ in range(STEPS):
        answers = [await step(world, chance) for world, chance in zip(worlds, chances, strict=True)]
        assert answers[0] == answers[1]
        assert await seen(worlds[0]) == await seen(worlds[1])

    assert list(await PostgresBooks(pool).unit_differences()) == []


async def seen(world: World) -> list[object]:
    """What shows of both orders."""
    found: list[object] = [await world.units()]
    for name in ("o1", "o2"):
        record, balance = await world.journal.get(name), await world.effects.balance(name)
        found += [record.parcels if record else None, balance.units_held, balance.differences()]
    return found
