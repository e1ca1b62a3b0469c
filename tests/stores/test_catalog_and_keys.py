"""Catalog, API keys, and the lists people page through."""

from datetime import timedelta

import pytest

from ordersaga.domain.catalog import Catalog, Product, Receipt, Seller
from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.orders import SellerTerms
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.catalog import Loaded, PostgresCatalog, Unknown
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from tests.fakes.samples import EAST, WEST, catalog, order

TTL = timedelta(minutes=5)


async def levels(pool: Pool) -> list[tuple[str, str, int]]:
    """(location, sku, on_hand) of every shelf."""
    return [(level.location, level.sku, level.on_hand) for level in await PostgresCatalog(pool).stock_levels()]


async def test_a_catalog_loaded_twice_counts_once(pool: Pool) -> None:
    """Receipts are recognized by their id; names and terms follow the newest file."""
    store = PostgresCatalog(pool)
    file = catalog((EAST, "MUG", 5), (WEST, "MUG", 2), (EAST, "MUG", 1))

    assert await store.load(file) == Loaded(sellers=2, locations=2, products=3, receipts=3, units=8)
    terms = SellerTerms(ship_within=timedelta(days=9))
    again = file.model_copy(update={"sellers": (Seller(seller="acme", name="Acme Inc", terms=terms),)})
    assert await store.load(again) == Loaded(sellers=1, locations=2, products=3, receipts=0, units=0)

    assert await levels(pool) == [(WEST, "MUG", 2), (EAST, "MUG", 6)]
    assert await store.terms("acme") == terms
    assert await store.terms("nobody") is None


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (Catalog(receipts=(Receipt(receipt_id="r1", location=EAST, sku="MUG", quantity=6),)), "receipt_conflict"),
        (Catalog(products=(Product(sku="MUG", seller="bolt", title="x", weight_grams=1),)), "sku_taken"),
        (
            Catalog(receipts=(Receipt(receipt_id="r9", location="mars", sku="MUG", quantity=6),)),
            "integrity_violation",
        ),
    ],
    ids=["receipt", "sku", "location"],
)
async def test_a_wrong_catalog_changes_nothing(pool: Pool, extra: Catalog, code: str) -> None:
    """A file with one mistake is refused as a whole."""
    store = PostgresCatalog(pool)
    await store.load(catalog((EAST, "MUG", 5)))
    fresh = Receipt(receipt_id="r8", location=EAST, sku="MUG", quantity=1)

    with pytest.raises(OperatorError) as refused:
        await store.load(extra.model_copy(update={"receipts": (fresh, *extra.receipts)}))

    assert refused.value.code == code
    assert await levels(pool) == [(EAST, "MUG", 5)]
    assert [(product.sku, product.seller) for product in await store.products("bolt")] == [("LAMP", "bolt")]


async def test_what_the_catalog_does_not_know_is_named(pool: Pool) -> None:
    """Unknown seller and SKUs are told apart; another seller's SKU counts as unknown."""
    store = PostgresCatalog(pool)
    await store.load(catalog())

    assert not await store.unknown("acme", ["MUG", "TEE"])
    assert await store.unknown("acme", ["X", "LAMP", "MUG"]) == Unknown(seller=False, skus=("LAMP", "X"))
    assert await store.unknown("nobody", ["MUG"]) == Unknown(seller=True, skus=("MUG",))


async def test_stock_is_listed_in_pages(pool: Pool) -> None:
    """The page after a pair starts behind it; filters narrow the list."""
    store = PostgresCatalog(pool)
    await store.load(catalog((EAST, "MUG", 1), (WEST, "MUG", 2), (EAST, "LAMP", 3)))

    first = await store.stock_levels(limit=2)
    rest = await store.stock_levels(limit=2, after=(first[-1].sku, first[-1].location))

    assert [(level.sku, level.location) for level in first] == [("LAMP", EAST), ("MUG", WEST)]
    assert [(level.sku, level.location) for level in rest] == [("MUG", EAST)]
    assert [level.sku for level in await store.stock_levels(seller="bolt")] == ["LAMP"]


async def test_an_api_key_works_until_revoked(pool: Pool) -> None:
    """The plain text opens the door, only its hash is stored, and revoking closes it."""
    await PostgresCatalog(pool).load(catalog())
    keys = ApiKeys(pool)

    plain = await keys.issue("support", "Kim", seller="acme")
    key = await keys.verify(plain)

    assert plain.startswith("osk_support_")
    assert key is not None
    assert (key.role, key.name, key.seller) == ("support", "Kim", "acme")
    assert plain not in str(await pool.fetch("SELECT * FROM api_keys"))
    assert await keys.verify(plain + "x") is None
    assert await keys.revoke(key.id) is True
    assert await keys.revoke(key.id) is False
    assert await keys.verify(plain) is None
    assert await keys.list() == []


async def test_a_key_for_an_unknown_seller_is_not_issued(pool: Pool) -> None:
    """A typing mistake in the seller's code must not make a key that sees nothing, or everything."""
    with pytest.raises(OperatorError) as refused:
        await ApiKeys(pool).issue("support", "Kim", seller="acmee")

    assert refused.value.code == "integrity_violation"
    assert await ApiKeys(pool).list() == []


async def test_orders_are_listed_newest_first_page_by_page(pool: Pool) -> None:
    """Cursors neither repeat nor lose an order, also when new ones arrive between two pages."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 9), (EAST, "LAMP", 9)))
    intake, journal = PostgresIntake(pool), PostgresJournal(pool)
    for name in ("o1", "o2", "o3", "o4", "o5"):
        await intake.accept(order(name, ("MUG", 1)), hold_ttl=TTL)

    first = await journal.list_orders(limit=2)
    await intake.accept(order("b1", ("LAMP", 1), seller="bolt", channel="tiktok_shop"), hold_ttl=TTL)
    second = await journal.list_orders(limit=2, cursor=first.next_cursor)
    third = await journal.list_orders(limit=2, cursor=second.next_cursor)

    pages = [[record.order.order_id for record in page.orders] for page in (first, second, third)]
    assert pages == [["o5", "o4"], ["o3", "o2"], ["o1"]]
    assert third.next_cursor is None
    assert [record.order.order_id for record in (await journal.list_orders(channel="tiktok_shop")).orders] == ["b1"]
    assert [record.order.order_id for record in (await journal.list_orders(seller="bolt")).orders] == ["b1"]
    assert (await journal.list_orders(status=OrderStatus.SHIPPED)).orders == ()
    assert await journal.count_by_status() == {OrderStatus.PENDING: 6}


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA==", "WzEsMl0=", "Zm9v"])
async def test_a_cursor_that_is_not_ours_is_refused(pool: Pool, cursor: str) -> None:
    """A made-up cursor is the caller's mistake, not a crash."""
    with pytest.raises(CustomerError) as refused:
        await PostgresJournal(pool).list_orders(cursor=cursor)

    assert refused.value.code == "cursor_invalid"
