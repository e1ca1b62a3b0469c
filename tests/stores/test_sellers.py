"""Sellers in the database: what is one seller's own stays its own, whatever a program does wrong."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ordersaga.domain.catalog import Catalog, Location, Receipt
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import Order
from ordersaga.domain.sellers import SellerProfile
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.pools import Pool, connection
from ordersaga.stores.sellers import PostgresSellers
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, WEST, address, catalog, order

ACCOUNT = {"kind": "newegg"}


def profile(**changes: Any) -> SellerProfile:
    """Acme, with a warehouse of its own that its own account works in."""
    known = {
        "name": "Acme",
        "accounts": {"newegg-acme": ACCOUNT},
        "locations": {"acme-1": {"provider": "newegg-acme", "address": address()}},
    }
    return SellerProfile.model_validate({**known, **changes})


async def onboard(pool: Pool, seller: str = "acme", **changes: Any) -> None:
    """Write a profile."""
    async with PostgresSellers(pool).changing(seller) as changing:
        await changing.write(profile(**changes), "ann")


def arriving(location: str, sku: str) -> Catalog:
    """Ten units that arrive somewhere."""
    return Catalog(receipts=(Receipt(receipt_id=f"{location}/{sku}", location=location, sku=sku, quantity=10),))


@pytest.mark.parametrize("wrong", [arriving("acme-1", "LAMP"), None])
async def test_the_database_refuses_anothers_goods_and_accounts(pool: Pool, wrong: Catalog | None) -> None:
    """Goods of another seller at a seller's place; and a seller's account at a place that is everybody's."""
    store = PostgresCatalog(pool)
    await store.load(catalog())
    await onboard(pool)
    borrowed = Catalog(locations=(Location(location="shared", provider="newegg-acme", address=address()),))
    with pytest.raises(OperatorError) as refused:
        await store.load(wrong or borrowed)
    assert refused.value.code == "integrity_violation"
    await store.load(arriving("acme-1", "MUG"))
    assert [(level.sku, level.location) for level in await store.stock_levels()] == [("MUG", "acme-1")]


async def test_a_place_with_anothers_goods_becomes_nobodys(pool: Pool) -> None:
    """Nothing of such a profile is written."""
    await PostgresCatalog(pool).load(catalog((EAST, "LAMP", 1)))
    with pytest.raises(OperatorError) as refused:
        await onboard(pool, locations={EAST: {"provider": "shipbob", "address": address()}})
    assert refused.value.code == "integrity_violation"
    assert await PostgresSellers(pool).get("acme") is None
    async with connection(pool) as reader:
        assert await reader.fetchval("SELECT count(*) FROM seller_changes") == 0


async def test_an_account_stays_its_sellers_when_it_is_given_up(pool: Pool) -> None:
    """Nobody else gets one of that name, and it is opened no more; its seller may take it up again."""
    store = PostgresSellers(pool)
    await PostgresCatalog(pool).load(catalog())
    await onboard(pool)
    await onboard(pool, accounts={}, locations={})
    assert await store.accounts() == []
    async with store.changing("bolt") as changing:
        assert (await changing.surroundings([])).owners == {"newegg-acme": "acme"}
    await onboard(pool)
    assert [(own.account, own.seller, own.told) for own in await store.accounts()] == [("newegg-acme", "acme", ACCOUNT)]


async def test_orders_ship_from_their_own_sellers_places_only(pool: Pool) -> None:
    """Each seller's order is planned at its own place or a shared one, wherever there is more, or nearer."""
    store = PostgresCatalog(pool)
    await store.load(catalog((WEST, "LAMP", 1)))
    await onboard(pool)
    await store.load(arriving("acme-1", "MUG"))

    async def planned(placed: Order) -> list[str]:
        plans = await PostgresStock(pool).confirm_hold(placed)
        return [plan.provider for plan in plans or ()]

    assert await planned(order("o1", ("MUG", 1))) == ["newegg-acme"]
    assert await planned(order("o2", ("LAMP", 1), seller="bolt")) == ["shipbob"]
    assert await planned(order("o3", ("LAMP", 1), seller="bolt")) == []
    assert await planned(order("o4", ("MUG", 1), seller="bolt")) == []


async def test_changes_of_one_profile_come_one_after_the_other(pool: Pool) -> None:
    """Ten at once are ten versions, each of which began where the one before it ended."""
    await asyncio.gather(*(onboard(pool, daily_orders=number) for number in range(1, 11)))
    changes = await PostgresSellers(pool).changes("acme", 100)
    assert [each.version for each in changes] == list(range(10, 0, -1))
    assert all(later.before == earlier.after for later, earlier in pairwise(changes))


async def test_what_was_changed_cannot_be_rewritten(pool: Pool) -> None:
    """The record of changes only grows."""
    await onboard(pool)
    async with connection(pool) as writer:
        for statement in ("UPDATE seller_changes SET changed_by = 'nobody'", "DELETE FROM seller_changes"):
            with pytest.raises(Exception, match="append-only"):
                await writer.execute(statement)
