"""Pages cost the same whatever the number of orders: measured beside an empty page, and beside an empty shop's."""

import statistics
import time
from typing import Final

import asyncpg
import pytest

from tests.api.test_search_at_scale import ORDERS, load
from tests.support.api import Api, order_body
from tests.support.console import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LIMIT: Final = 0.3
"""Seconds, of an order's page and of each part that it asks for."""
LIST_LIMIT: Final = 0.5
"""The same of a list, and of a search."""
REPEATS: Final = 15
QUESTIONS: Final = 500
EMPTY: Final = "/console/audit/verify"
"""A page that asks for nothing but who looks."""
ORDER: Final = {"an order": "", "what its saga says": "/now", "its drawing and its books": "/story"}
LISTS: Final = {
    "the newest orders": "/console/",
    "a status": "/console/?status=shipped",
    "a seller": "/console/?seller=acme",
    "search: a buyer": "/console/?q=shopper_77",
    "search: how ids begin": "/console/?q=web_",
    "search: a tracking number": "/console/?q=1Z0077777",
    "search: a SKU": "/console/?q=MUG",
    "attention": "/console/attention",
    "one cause": "/console/attention/capture_refused",
    "audit": "/console/audit",
    "surge": "/console/surge",
}

STORIES: Final = f"""
CREATE TEMPORARY VIEW shipped AS SELECT order_id, accepted_at FROM orders WHERE status = 'shipped';
INSERT INTO journal (order_id, entry_id, at, kind, text, parcel)
SELECT order_id, 'e' || n, accepted_at + n * interval '9 minutes', kind, text, 1
FROM shipped, (VALUES (1, 'held', '1 MUG is held at nj-1'), (2, 'authorized', 'USD 15.90 is reserved'),
    (3, 'hold', 'ada placed hold fraud_review: a new card'), (4, 'release', 'ada released hold fraud_review'),
    (5, 'accepted', 'shipbob took parcel 1'), (6, 'picked', 'picked'), (7, 'packed', 'packed'),
    (8, 'labeled', 'a label of UPS was bought'), (9, 'in_transit', 'UPS scanned it'),
    (10, 'captured', 'USD 15.90 was captured')) AS told (n, kind, text);
INSERT INTO effects (key, order_id, step, parcel, generation, amount, currency, status, external_id, attempts,
                     intended_at, settled_at)
SELECT order_id || '/' || step || '/1/1', order_id, step, 1, 1, amount, 'USD', 'done', substr(step, 1, 3) || order_id,
       tries, accepted_at + n * interval '11 minutes', accepted_at + n * interval '11 minutes 1 second'
FROM shipped, (VALUES (1, 'authorize', 1590, 2), (2, 'hand_off', NULL, 1), (3, 'book_label', NULL, 3),
    (4, 'capture', 1590, 1)) AS made (n, step, amount, tries);
INSERT INTO money_transactions (transaction_id, order_id, parcel, currency, memo, posted_at)
SELECT order_id || '/' || memo, order_id, 1, 'USD', memo, accepted_at
FROM shipped, unnest(ARRAY['authorize', 'capture']) AS memo;
INSERT INTO money_postings (transaction_id, account, amount)
SELECT transaction_id, account, amount FROM money_transactions,
    (VALUES ('authorization', 1590), ('authorization_contra', -1590), ('cash', 1590), ('sales', -1590))
    AS side (account, amount);
INSERT INTO unit_movements (kind, account_from, account_to, location, sku, quantity, order_id, take, parcel, moved_at)
SELECT kind, was, becomes, 'nj-1', 'MUG', 1, order_id, 1, 1, accepted_at
FROM shipped, (VALUES ('held', 'available', 'held'), ('shipped', 'held', 'shipped')) AS moved (kind, was, becomes);
INSERT INTO webhook_inbox (source, source_id, order_id, body, status, received_at, delivered_at)
SELECT 'shipbob', order_id || n, order_id, '{{}}', 'delivered', accepted_at + n * interval '13 minutes', accepted_at
FROM shipped, generate_series(1, 3) AS n;
INSERT INTO attention (order_id, item_id, parcel, kind, question, choices, opened_at, money, currency)
SELECT order_id, order_id || '-a1', 1, 'capture_refused', 'The bank refused the capture. What now?',
       ARRAY['retry', 'write_off'], accepted_at, 1590, 'USD'
FROM shipped ORDER BY order_id LIMIT {QUESTIONS};
"""
"""A whole story for each order: journal, calls, money, units, messages; and open questions about some."""


async def stories(url: str) -> None:
    """Write them, as a restore would: the rows alone, without what triggers would write beside them."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(STORIES)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def seconds(browser: Browser, path: str) -> float:
    """The median time of a page."""
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        page = await browser.get(path)
        took.append(time.perf_counter() - begun)
        assert page.status_code == 200, page.text
    return statistics.median(took)


async def times(browser: Browser, order_id: str) -> dict[str, float]:
    """Of an order's page and its parts, and of the lists."""
    paths = {what: f"/console/orders/{order_id}{part}" for what, part in ORDER.items()} | LISTS
    return {what: await seconds(browser, path) for what, path in paths.items()}


async def test_pages_among_a_hundred_thousand_orders(
    api: Api, browser: Browser, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each within its limit; its ratio to an empty page and to the same page of an empty shop is printed."""
    assert (await api.post("/v1/orders", order_body(order_id="first_1"))).status_code == 202
    await browser.sign_in("operator")
    few = await times(browser, "first_1")
    await load(database_url)
    await stories(database_url)
    many, empty = await times(browser, "web_77777"), await seconds(browser, EMPTY)
    with capsys.disabled():
        print(f"\nan empty page: {empty * 1000:.1f} ms; among {ORDERS:,} orders:")
        for what, took in many.items():
            ratios = f"{took / empty:5.1f} x an empty page, {took / few[what]:5.1f} x in an empty shop"
            print(f"{what:<28} {took * 1000:6.1f} ms, {ratios}")
    assert {what: took for what, took in many.items() if took >= (LIMIT if what in ORDER else LIST_LIMIT)} == {}
    page = (await browser.get("/console/orders/web_77777")).text
    assert "ada placed hold fraud_review" in page
    assert page.count("<tr") > 25
