"""Contract of the StockStore port."""

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import ParcelPlan
from tests.contracts.worlds import World
from tests.fakes.samples import EAST, WEST, catalog, order, sale


async def confirmed(world: World, *, order_id: str = "o1") -> tuple[ParcelPlan, ...]:
    """Two MUGs held in the east and one TEE in the west, for an order of two parcels."""
    await world.load(catalog((EAST, "MUG", 5), (WEST, "TEE", 3)))
    parcels = await world.stock.confirm_hold(order(order_id, ("MUG", 2), ("TEE", 1), shipping=300))
    assert parcels is not None
    return parcels


async def test_confirm_takes_all_lines_at_once(world: World) -> None:
    """An order without a hold gets one over both locations, and its parcels sum to its total."""
    east, west = await confirmed(world)

    assert (east.location, [line.sku for line in east.lines]) == (EAST, ["MUG"])
    assert (west.location, [line.sku for line in west.lines]) == (WEST, ["TEE"])
    assert east.amount + west.amount == 3300
    assert await world.units() == {(EAST, "MUG"): (5, 2), (WEST, "TEE"): (3, 1)}


async def test_confirm_again_changes_nothing(world: World) -> None:
    """A repeated confirmation returns the same parcels and holds no further unit."""
    first = await confirmed(world)

    assert await world.stock.confirm_hold(order("o1", ("MUG", 2), ("TEE", 1), shipping=300)) == first
    assert await world.units() == {(EAST, "MUG"): (5, 2), (WEST, "TEE"): (3, 1)}


async def test_sold_out_changes_nothing(world: World) -> None:
    """When one line is missing, the whole order is sold out and not even its other line is held."""
    await world.load(catalog((EAST, "MUG", 5), (WEST, "TEE", 3)))

    assert await world.stock.confirm_hold(order("o1", ("MUG", 2), ("TEE", 4))) is None
    assert await world.units() == {(EAST, "MUG"): (5, 0), (WEST, "TEE"): (3, 0)}


async def test_the_units_of_another_seller_are_not_offered(world: World) -> None:
    """An order for a SKU of another seller is sold out, whatever stands on the shelf."""
    await world.load(catalog((EAST, "LAMP", 5)))

    assert await world.stock.confirm_hold(order("o1", ("LAMP", 1))) is None
    assert await world.units() == {(EAST, "LAMP"): (5, 0)}


async def test_release_gives_back_one_parcel_once(world: World) -> None:
    """Releasing a parcel returns its units once; the other parcel stays held."""
    await confirmed(world)

    assert await world.stock.release("o1", 1) == 2
    assert await world.stock.release("o1", 1) == 0
    assert await world.units() == {(EAST, "MUG"): (5, 0), (WEST, "TEE"): (3, 1)}


async def test_release_of_nothing_is_no_error(world: World) -> None:
    """Undo tolerates that nothing was done."""
    assert await world.stock.release("unheard_of", 1) == 0


async def test_a_late_confirmation_takes_nothing_after_release(world: World) -> None:
    """A slow attempt that lands after the undo must not hold units that nobody would release."""
    await world.load(catalog((EAST, "MUG", 5)))
    assert await world.stock.release("o1", 1) == 0

    with pytest.raises(OperatorError) as refused:
        await world.stock.confirm_hold(order("o1", ("MUG", 2)))

    assert refused.value.code == "hold_released"
    assert await world.units() == {(EAST, "MUG"): (5, 0)}


async def test_a_saga_that_repeats_its_first_step_after_its_undo_sees_the_same_parcels(world: World) -> None:
    """Temporal may have heard of neither: the repeat must find what it has to undo, and take nothing."""
    await world.load(catalog((EAST, "MUG", 5)))
    planned = await world.stock.confirm_hold(order("o1", ("MUG", 2)))
    assert await world.stock.release("o1", 1) == 2

    assert await world.stock.confirm_hold(order("o1", ("MUG", 2))) == planned

    assert await world.units() == {(EAST, "MUG"): (5, 0)}


async def test_ship_ends_the_hold_and_writes_the_sale_once(world: World) -> None:
    """Shipping takes units off the shelf and books the sale, and a repeat adds nothing."""
    parcels = await confirmed(world)

    for _ in range(2):
        await world.stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await world.units() == {(EAST, "MUG"): (3, 0), (WEST, "TEE"): (3, 1)}
    balance = await world.effects.balance("o1")
    assert (balance.goods_kept, balance.receivable, balance.units_held) == (parcels[0].amount, parcels[0].amount, 1)


async def test_release_after_shipping_returns_nothing(world: World) -> None:
    """Units that left are not given back."""
    parcels = await confirmed(world)
    await world.stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await world.stock.release("o1", 1) == 0
    assert await world.units() == {(EAST, "MUG"): (3, 0), (WEST, "TEE"): (3, 1)}


async def test_goods_that_left_after_release_are_booked_from_what_is_available(world: World) -> None:
    """A parcel that leaves although it was released takes unpromised units, once."""
    parcels = await confirmed(world)
    await world.stock.release("o1", 1)

    for _ in range(2):
        await world.stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await world.units() == {(EAST, "MUG"): (3, 0), (WEST, "TEE"): (3, 1)}


async def test_goods_that_left_never_break_another_promise(world: World) -> None:
    """When the released units are promised to others by now, the shipment is an operator's question."""
    await world.load(catalog((EAST, "MUG", 2)))
    parcels = await world.stock.confirm_hold(order("o1", ("MUG", 2)))
    assert parcels is not None
    await world.stock.release("o1", 1)
    assert await world.stock.confirm_hold(order("o2", ("MUG", 2))) is not None

    with pytest.raises(OperatorError) as refused:
        await world.stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert refused.value.code == "integrity_violation"
    assert await world.units() == {(EAST, "MUG"): (2, 2)}
    assert (await world.effects.balance("o1")).goods_kept == 0


async def test_a_label_leaves_from_the_location_with_the_parcel_weight(world: World) -> None:
    """The label request names the location's address and the sum of the products' weights."""
    parcels = await confirmed(world)
    bought = order("o1", ("MUG", 2), ("TEE", 1))

    label = await world.stock.ship_from(EAST, bought, parcels[0], "o1-1-1")

    assert (label.reference, label.ship_from.city, label.ship_to) == ("o1-1-1", "Newark", bought.ship_to)
    assert label.weight_grams == 700


async def test_a_label_from_nowhere_is_refused(world: World) -> None:
    """An unknown location is an operator's mistake."""
    parcels = await confirmed(world)

    with pytest.raises(OperatorError) as refused:
        await world.stock.ship_from("mars-1", order("o1", ("MUG", 2)), parcels[0], "o1-1-1")

    assert refused.value.code == "unknown_location"
