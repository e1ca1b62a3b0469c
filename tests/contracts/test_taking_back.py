"""Contract of the StockStore port: goods come back, once per reference and never more than left."""

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import LineQuantity, ParcelPlan
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, WEST, catalog, order, sale

LEFT = {(EAST, "MUG"): (2, 0), (WEST, "TEE"): (3, 0)}


def units(*lines: tuple[str, int]) -> list[LineQuantity]:
    """Lines of (sku, quantity)."""
    return [LineQuantity(sku=sku, quantity=quantity) for sku, quantity in lines]


async def shipped(world: World) -> tuple[ParcelPlan, ...]:
    """Order o1: three MUGs left the east, one TEE is held in the west; then it leaves as well."""
    await world.load(catalog((EAST, "MUG", 5), (WEST, "TEE", 4)))
    parcels = await world.stock.confirm_hold(order("o1", ("MUG", 3), ("TEE", 1)))
    assert parcels is not None
    for plan in parcels:
        await world.stock.ship("o1", plan, sale("o1", plan))
    assert await world.units() == LEFT
    return parcels


async def test_sellable_goods_are_available_again_once(world: World) -> None:
    """A repeat returns the same number and adds no unit; somebody else can have them."""
    await shipped(world)

    for _ in range(3):
        assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 2)), EAST, sellable=True) == 2

    assert await world.units() == {**LEFT, (EAST, "MUG"): (4, 0)}
    assert await world.stock.confirm_hold(order("o2", ("MUG", 4))) is not None


async def test_damaged_goods_change_no_shelf(world: World) -> None:
    """They are written off, and count as come back."""
    await shipped(world)

    for _ in range(2):
        assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 3)), EAST, sellable=False) == 3
    with pytest.raises(OperatorError) as refused:
        await world.stock.take_back("o1", 1, "o1-r2", units(("MUG", 1)), EAST, sellable=True)

    assert refused.value.code == "not_shipped"
    assert await world.units() == LEFT


async def test_no_more_comes_back_than_left(world: World) -> None:
    """What came back before counts, and the refusal names SKU and quantities; the rest may still come."""
    await shipped(world)
    assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 1)), EAST, sellable=True) == 1
    assert await world.stock.take_back("o1", 1, "o1-r2", units(("MUG", 1)), EAST, sellable=False) == 1

    with pytest.raises(OperatorError) as refused:
        await world.stock.take_back("o1", 1, "o1-r3", units(("MUG", 2)), EAST, sellable=True)

    assert (refused.value.code, refused.value.message) == (
        "not_shipped",
        "2 of MUG came back for parcel 1 of order o1, but 3 left with it and 2 came back before; "
        "correct the quantities or the parcel",
    )
    assert await world.units() == {**LEFT, (EAST, "MUG"): (3, 0)}
    assert await world.stock.take_back("o1", 1, "o1-r3", units(("MUG", 1)), EAST, sellable=True) == 1
    assert await world.units() == {**LEFT, (EAST, "MUG"): (4, 0)}


@pytest.mark.parametrize(
    ("parcel", "lines"), [(2, [("MUG", 1)]), (1, [("MUG", 1), ("TEE", 1)]), (3, [("MUG", 1)]), (1, [("MUG", 2)] * 2)]
)
async def test_goods_of_another_parcel_do_not_come_back(
    world: World, parcel: int, lines: list[tuple[str, int]]
) -> None:
    """All or nothing: not even the line that is right is booked."""
    await shipped(world)

    with pytest.raises(OperatorError) as refused:
        await world.stock.take_back("o1", parcel, "o1-r1", units(*lines), EAST, sellable=True)

    assert refused.value.code == "not_shipped"
    assert await world.units() == LEFT


async def test_what_is_held_has_not_left(world: World) -> None:
    """A parcel still on the shelf cannot come back."""
    await world.load(catalog((EAST, "MUG", 5)))
    assert await world.stock.confirm_hold(order("o1", ("MUG", 2))) is not None

    with pytest.raises(OperatorError) as refused:
        await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 1)), EAST, sellable=True)

    assert refused.value.code == "not_shipped"
    assert await world.units() == {(EAST, "MUG"): (5, 2)}


async def test_goods_may_come_back_to_another_place(world: World) -> None:
    """Also to one that never had them."""
    await shipped(world)

    assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 2)), WEST, sellable=True) == 2

    assert await world.units() == {**LEFT, (WEST, "MUG"): (2, 0)}


async def test_goods_come_back_to_a_known_place(world: World) -> None:
    """An unknown location is an operator's mistake, and the reference stays free."""
    await shipped(world)

    with pytest.raises(OperatorError) as refused:
        await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 2)), "mars-1", sellable=True)

    assert refused.value.code == "unknown_location"
    assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 2)), EAST, sellable=True) == 2


async def test_one_reference_stands_for_the_same_goods(world: World) -> None:
    """Other units, another place or another verdict under it are refused, and change nothing."""
    await shipped(world)
    assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 1)), EAST, sellable=True) == 1

    for lines, location, sellable in (
        (units(("MUG", 2)), EAST, True),
        (units(("MUG", 1)), WEST, True),
        (units(("MUG", 1)), EAST, False),
    ):
        with pytest.raises(OperatorError) as refused:
            await world.stock.take_back("o1", 1, "o1-r1", lines, location, sellable=sellable)
        assert refused.value.code == "take_back_conflict"

    assert await world.units() == {**LEFT, (EAST, "MUG"): (3, 0)}


async def test_one_reference_may_bring_goods_of_two_parcels(world: World) -> None:
    """Each parcel is booked once."""
    await shipped(world)

    for _ in range(2):
        assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 1)), EAST, sellable=True) == 1
        assert await world.stock.take_back("o1", 2, "o1-r1", units(("TEE", 1)), WEST, sellable=True) == 1

    assert await world.units() == {(EAST, "MUG"): (3, 0), (WEST, "TEE"): (4, 0)}


async def test_goods_that_left_unheld_come_back_too(world: World) -> None:
    """They are booked as left, so they may be booked as returned; a repeated shipment changes nothing then."""
    await world.load(catalog((EAST, "MUG", 5)))
    parcels = await world.stock.confirm_hold(order("o1", ("MUG", 2)))
    assert parcels is not None
    await world.stock.release("o1", 1)
    await world.stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 2)), EAST, sellable=True) == 2
    await world.stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await world.units() == {(EAST, "MUG"): (5, 0)}


async def test_nothing_that_comes_back_is_no_error(world: World) -> None:
    """An empty parcel came back: nothing is booked, and the reference stays free."""
    await shipped(world)

    assert await world.stock.take_back("o1", 1, "o1-r1", [], EAST, sellable=True) == 0
    assert await world.stock.take_back("o1", 1, "o1-r1", units(("MUG", 1)), EAST, sellable=True) == 1
