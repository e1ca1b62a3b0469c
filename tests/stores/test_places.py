"""How locations ship counts where units are held, and why an order ships from there is kept with it."""

from datetime import timedelta

from ordersaga.domain.catalog import Catalog, Location, Receipt
from ordersaga.domain.dispatch import Dispatch
from ordersaga.domain.orders import Order
from ordersaga.domain.routing import Facts, Passed
from ordersaga.domain.routing_words import Why
from ordersaga.stores.accept import Accepted, PostgresIntake, SoldOut
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.elsewhere import PostgresPlaces
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.stops import StopRules
from ordersaga.stores.waitlist import PostgresWaitlist
from tests.fakes.samples import EAST, WEST, address, catalog, order

TTL = timedelta(minutes=30)
NOT_HERE = Dispatch(zones="US-NY:0")


async def ships(pool: Pool, location: str, dispatch: Dispatch) -> None:
    """How a location ships from now on."""
    known = next(place for place in await PostgresCatalog(pool).locations() if place.location == location)
    place: Location = known.model_copy(update={"dispatch": dispatch})
    await PostgresCatalog(pool).load(Catalog(locations=(place,)))


async def why(pool: Pool, order_id: str) -> Why | None:
    """What is kept of an order."""
    return await PostgresPlaces(pool, StopRules(pool)).why(order_id)


async def test_units_where_it_is_not_shipped_are_not_promised(pool: Pool) -> None:
    """They are there, and not for this address: sold out for it, and had by the next one."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await ships(pool, EAST, NOT_HERE)
    intake = PostgresIntake(pool)
    assert await intake.accept(order("o1"), hold_ttl=TTL) == SoldOut("o1", ("MUG",))
    there = order("o2", ship_to=address(region="NJ"))
    assert isinstance(await intake.accept(there, hold_ttl=TTL), Accepted)
    (level,) = await PostgresCatalog(pool).stock_levels(sku="MUG")
    assert (level.on_hand, level.held) == (5, 1)


async def test_what_fell_is_kept_with_the_hold(pool: Pool) -> None:
    """However the hold is taken: by the door, by its saga, or from the line; and not when there was no choice."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5), (WEST, "MUG", 1), (WEST, "TEE", 1)))
    await ships(pool, EAST, Dispatch(parcel_fee=50))
    intake = PostgresIntake(pool)
    await intake.accept(order("o1"), hold_ttl=TTL)
    assert await why(pool, "o1") == Why(chosen=(Facts(WEST, 2, 800, 0),), passed=(Passed(EAST, "cost", 850, 800),))
    await PostgresStock(pool).confirm_hold(order("o2"))
    assert await why(pool, "o2") is None
    await PostgresStock(pool).confirm_hold(order("o3", ("MUG", 1), ("TEE", 1)))
    told = await why(pool, "o3")
    assert told is None
    await more(pool, (WEST, "MUG"))
    await PostgresStock(pool).confirm_hold(order("o4"))
    assert await why(pool, "o4") is not None


async def test_an_order_that_waited_is_routed_and_explained_like_any_other(pool: Pool) -> None:
    """When it is given its units."""
    known = catalog((EAST, "TEE", 1))
    patient = tuple(one.model_copy(update={"waitlist": True}) for one in known.products)
    await PostgresCatalog(pool).load(known.model_copy(update={"products": patient}))
    waiting: Order = order("o1")
    await PostgresIntake(pool).accept(waiting, hold_ttl=TTL, wait_until=waiting.placed_at + timedelta(days=20_000))
    await more(pool, (EAST, "MUG"), (WEST, "MUG"))
    assert await PostgresWaitlist(pool, TTL).give() == ["o1"]
    assert await why(pool, "o1") == Why(chosen=(Facts(WEST, 2, 800, 0),), passed=(Passed(EAST, "name", 0, 0),))


async def more(pool: Pool, *arrived: tuple[str, str]) -> None:
    """A unit at each."""
    receipts = tuple(
        Receipt(receipt_id=f"more-{location}-{sku}", location=location, sku=sku, quantity=1)
        for location, sku in arrived
    )
    await PostgresCatalog(pool).load(Catalog(receipts=receipts))
