"""An order's page costs the same whatever the number of orders: measured beside the same page with nothing loaded."""

import statistics
import time

import pytest

from tests.api.test_search_at_scale import ORDERS, load
from tests.support.api import Api, order_body
from tests.support.console import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LIMIT = 0.3
REPEATS = 15


async def seconds(browser: Browser, path: str) -> float:
    """The median time of a page."""
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        page = await browser.get(path)
        took.append(time.perf_counter() - begun)
        assert page.status_code == 200, page.text
    return statistics.median(took)


async def test_a_page_among_a_hundred_thousand_orders(
    api: Api, browser: Browser, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order's page and the list within 0.3 s; the ratio to the same pages of an empty shop is printed."""
    assert (await api.post("/v1/orders", order_body(order_id="first_1"))).status_code == 202
    await browser.sign_in("operator")
    paths = {"order": ("/console/orders/first_1", "/console/orders/web_77777"), "list": ("/console/", "/console/")}
    empty = {name: await seconds(browser, before) for name, (before, _) in paths.items()}
    await load(database_url)
    full = {name: await seconds(browser, after) for name, (_, after) in paths.items()}
    with capsys.disabled():
        for name, took in full.items():
            print(
                f"\n{name} among {ORDERS:,}: {took * 1000:.0f} ms, {took / empty[name]:.2f} of the empty one's", end=""
            )
    assert max(full.values()) < LIMIT, full
