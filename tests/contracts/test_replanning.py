"""Contract of the StockStore port: parcels are cut anew, and what is held follows."""

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import OrderLine, ParcelPlan
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, WEST, catalog, order, sale


def plan(parcel: int, location: str, *lines: tuple[str, int], amount: int | None = None) -> ParcelPlan:
    """A parcel of (sku, quantity) lines at 1000 minor units each."""
    bought = tuple(OrderLine(sku=sku, quantity=quantity, unit_price=1000) for sku, quantity in lines)
    value = sum(line.value for line in bought) if amount is None else amount
    return ParcelPlan(parcel=parcel, location=location, provider="shipbob", lines=bought, amount=value)


MUGS, TEE = plan(1, EAST, ("MUG", 2)), plan(2, WEST, ("TEE", 1))
HELD = {(EAST, "MUG"): (3, 2), (WEST, "MUG"): (1, 0), (WEST, "TEE"): (3, 1)}


async def held(world: World) -> None:
    """Order o1 holds two MUGs in the east (one more is there) and a TEE in the west, where one MUG is."""
    await world.load(catalog((EAST, "MUG", 3), (WEST, "TEE", 3)))
    assert await world.stock.confirm_hold(order("o1", ("MUG", 2), ("TEE", 1))) == (MUGS, TEE)
    await world.load(catalog((EAST, "MUG", 3), (WEST, "TEE", 3), (WEST, "MUG", 1)))
    assert await world.units() == HELD


async def planned(world: World) -> tuple[ParcelPlan, ...]:
    """The parcels in the order's record."""
    record = await world.journal.get("o1")
    assert record is not None
    return record.parcels


async def test_fewer_units_give_the_rest_back(world: World) -> None:
    """One of two MUGs is enough: the other is available, the other parcel untouched, the record says so."""
    await held(world)
    fewer = plan(1, EAST, ("MUG", 1))

    assert await world.stock.replan("o1", [fewer]) is True

    assert await world.units() == {**HELD, (EAST, "MUG"): (3, 1)}
    assert await planned(world) == (fewer, TEE)


async def test_more_units_are_taken_from_what_is_available(world: World) -> None:
    """A third MUG is on the shelf and nothing else moves."""
    await held(world)
    more = plan(1, EAST, ("MUG", 3))

    assert await world.stock.replan("o1", [more]) is True

    assert await world.units() == {**HELD, (EAST, "MUG"): (3, 3)}
    assert await planned(world) == (more, TEE)


async def test_another_location_takes_there_and_gives_back_here(world: World) -> None:
    """A parcel that moves east holds nothing in the west any more."""
    await world.load(catalog((EAST, "TEE", 1), (WEST, "MUG", 2)))
    assert await world.stock.confirm_hold(order("o1", ("MUG", 2))) == (plan(1, WEST, ("MUG", 2)),)

    assert await world.stock.replan("o1", [plan(1, EAST, ("TEE", 1))]) is True

    assert await world.units() == {(EAST, "TEE"): (1, 1), (WEST, "MUG"): (2, 0)}


@pytest.mark.parametrize(
    "wanted",
    [
        [plan(1, EAST, ("MUG", 4))],
        [plan(1, WEST, ("MUG", 2))],
        [plan(1, EAST), plan(2, WEST, ("TEE", 4))],
        [plan(1, EAST), plan(3, EAST, ("TEE", 1))],
        [plan(1, EAST, ("MUG", 2)), plan(3, EAST, ("MUG", 2))],
    ],
)
async def test_too_little_changes_nothing(world: World, wanted: list[ParcelPlan]) -> None:
    """All or nothing: not even what would have been given back is."""
    await held(world)

    assert await world.stock.replan("o1", wanted) is False

    assert await world.units() == HELD
    assert await planned(world) == (MUGS, TEE)
    assert await world.stock.release("o1", 1) == 2


async def test_units_move_between_parcels_without_passing_through_the_shelf(world: World) -> None:
    """A parcel is split where nothing is available: its own units are enough for both parts."""
    await world.load(catalog((EAST, "MUG", 2)))
    assert await world.stock.confirm_hold(order("o1", ("MUG", 2))) == (MUGS,)
    parts = [plan(1, EAST, ("MUG", 1)), plan(3, EAST, ("MUG", 1))]

    assert await world.stock.replan("o1", parts) is True

    assert await world.units() == {(EAST, "MUG"): (2, 2)}
    assert await planned(world) == tuple(parts)
    assert await world.stock.release("o1", 3) == 1
    assert await world.units() == {(EAST, "MUG"): (2, 1)}


async def test_the_same_plans_again_change_nothing(world: World) -> None:
    """A repeat finds everything as it is, also where nothing is left to take."""
    await held(world)
    wanted = [plan(1, EAST, ("MUG", 3)), plan(2, WEST), plan(3, WEST, ("MUG", 1), ("TEE", 2))]

    assert [await world.stock.replan("o1", wanted) for _ in range(3)] == [True, True, True]

    assert await world.units() == {(EAST, "MUG"): (3, 3), (WEST, "MUG"): (1, 1), (WEST, "TEE"): (3, 2)}
    assert await planned(world) == tuple(wanted)


async def test_a_plan_without_lines_gives_its_parcel_back_and_stays_listed(world: World) -> None:
    """Nothing is held for it, and there is nothing more to release."""
    await held(world)
    empty = plan(1, EAST)

    assert await world.stock.replan("o1", [empty]) is True

    assert await world.stock.release("o1", 1) == 0
    assert await world.units() == {**HELD, (EAST, "MUG"): (3, 0)}
    assert await planned(world) == (empty, TEE)


async def test_what_was_replanned_ships_once_and_is_balanced(world: World) -> None:
    """Units of two takes leave together; a repeat ships nothing more."""
    await held(world)
    grown = plan(2, WEST, ("TEE", 1), ("MUG", 1))
    assert await world.stock.replan("o1", [grown]) is True

    for _ in range(2):
        await world.stock.ship("o1", grown, sale("o1", grown))

    assert await world.units() == {(EAST, "MUG"): (3, 2), (WEST, "MUG"): (0, 0), (WEST, "TEE"): (2, 0)}
    balance = await world.effects.balance("o1")
    assert (balance.goods_kept, balance.units_held) == (2000, 2)


async def test_a_parcel_that_left_is_never_touched(world: World) -> None:
    """Its own plan again is fine, beside others; another plan is an operator's question, and nothing changes."""
    await held(world)
    await world.stock.ship("o1", MUGS, sale("o1", MUGS))
    shipped = {(EAST, "MUG"): (1, 0), (WEST, "MUG"): (1, 0)}

    assert await world.stock.replan("o1", [MUGS, plan(2, WEST, ("TEE", 2))]) is True
    for wrong in (plan(1, EAST, ("MUG", 1)), plan(1, EAST), plan(1, WEST, ("MUG", 2))):
        with pytest.raises(OperatorError) as refused:
            await world.stock.replan("o1", [plan(2, WEST), wrong])
        assert refused.value.code == "already_shipped"

    assert await world.units() == {**shipped, (WEST, "TEE"): (3, 2)}
    assert await planned(world) == (MUGS, plan(2, WEST, ("TEE", 2)))


async def test_a_reshipment_takes_units_anew_after_the_order_gave_some_back(world: World) -> None:
    """The first parcel left and was lost, the second was given back: a third takes its units and leaves."""
    await held(world)
    await world.stock.ship("o1", MUGS, sale("o1", MUGS))
    assert await world.stock.release("o1", 2) == 1
    again = plan(3, EAST, ("MUG", 1), amount=0)

    assert await world.stock.replan("o1", [again]) is True
    assert await world.units() == {(EAST, "MUG"): (1, 1), (WEST, "MUG"): (1, 0), (WEST, "TEE"): (3, 0)}
    await world.stock.ship("o1", again, sale("o1", again))

    assert await world.units() == {(EAST, "MUG"): (0, 0), (WEST, "MUG"): (1, 0), (WEST, "TEE"): (3, 0)}
    assert await planned(world) == (MUGS, TEE, again)


@pytest.mark.parametrize("lines", [[("MUG", 1)], []])
async def test_a_late_confirmation_takes_nothing_of_what_was_planned_away(
    world: World, lines: list[tuple[str, int]]
) -> None:
    """The request no longer says what is held, also when nothing is."""
    await held(world)
    wanted = [plan(1, EAST, *lines), plan(2, WEST)]
    assert await world.stock.replan("o1", wanted) is True
    before = await world.units()

    assert await world.stock.confirm_hold(order("o1", ("MUG", 2), ("TEE", 1))) == tuple(wanted)

    assert await world.units() == before


async def test_an_order_nobody_knows_holds_nothing(world: World) -> None:
    """Parcels are cut anew only of an order that stands."""
    await world.load(catalog((EAST, "MUG", 3)))

    with pytest.raises(OperatorError) as refused:
        await world.stock.replan("o9", [MUGS])

    assert refused.value.code == "unknown_order"
    assert await world.units() == {(EAST, "MUG"): (3, 0)}
