"""Where the units of a parcel lie, as PostgreSQL tells it."""

from datetime import UTC, datetime

import pytest

from ordersaga.bootstrap import Pool
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.stops import NewStop, StopMatch, StopRule
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.elsewhere import PostgresPlaces
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.stops import PostgresStops, StopRules
from tests.fakes.samples import EAST, WEST, catalog, order


@pytest.mark.parametrize(
    ("match", "forbidden"),
    [({"region": "US"}, True), ({"region": "CA"}, False), ({"provider": "shipbob"}, False), ({"sku": "MUG"}, True)],
)
async def test_a_stop_lets_nothing_be_sent_anew(pool: Pool, match: dict[str, str], forbidden: bool) -> None:
    """Whoever would ship it; a provider that is stopped is one place less."""
    rule = StopRule(stop_id="s1", match=StopMatch.model_validate(match), effective_at=datetime.now(UTC))
    await PostgresStops(pool).create(NewStop(rule=rule, reason="closed", asked_by="olga"))
    why = await PostgresPlaces(pool, StopRules(pool)).forbidden(order())
    assert (why is not None and "(stop s1)" in why) is forbidden


async def test_places_with_units_and_the_one_it_is_at(pool: Pool) -> None:
    """What is promised to others is not offered; where it is now is told although nothing more is there."""
    await PostgresCatalog(pool).load(catalog((WEST, "MUG", 1), (EAST, "MUG", 3)))
    placed = order()
    held = await PostgresStock(pool).confirm_hold(placed)
    assert held is not None
    plan: ParcelPlan = held[0]
    offers = await PostgresPlaces(pool, StopRules(pool)).offers(placed, plan)
    seen = {offer.location: (offer.provider, offer.region, offer.available) for offer in offers}
    taken = placed.lines[0].quantity
    assert seen[plan.location][2] == {"MUG": {WEST: 1, EAST: 3}[plan.location] - taken}
    others = set(seen) - {plan.location}
    assert others == {EAST, WEST} - {plan.location}
    assert await PostgresPlaces(pool, StopRules(pool)).offers(order(seller="bolt"), plan) == []
