"""Find: the search box, the filters, the list and its pages."""

import pytest

from tests.console.conftest import STOCK
from tests.fakes.samples import catalog
from tests.support.api import Api, order_body
from tests.support.console import Browser


async def place(api: Api, *order_ids: str, **changes: object) -> None:
    """Place orders."""
    for order_id in order_ids:
        assert (await api.post("/v1/orders", order_body(order_id=order_id, **changes))).status_code == 202


def named(page: str) -> list[str]:
    """The orders of a list, in its order."""
    return [part.split('"', 1)[0] for part in page.split('<a id="order-')[1:]]


async def test_the_search_box_finds_and_says_by_what(api: Api, browser: Browser) -> None:
    """By a buyer, with how it was found; a whole order id leads to the order itself; spaces around do not matter."""
    await place(api, "web_1", "web_2", buyer="shopper_1")
    await place(api, "kiosk_1")
    await browser.sign_in("support")
    page = (await browser.get("/console/", params={"q": " shopper_1 "})).text
    assert named(page) == ["web_2", "web_1"]
    assert '<td data-label="Found by">buyer</td>' in page
    assert 'value="shopper_1"' in page
    answer = await browser.get("/console/", params={"q": "kiosk_1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/orders/kiosk_1")
    assert "No order matches." in (await browser.get("/console/?q=ghost")).text


async def test_filters_and_pages(api: Api, browser: Browser) -> None:
    """What is filtered stays filtered on the next page, which no longer is live; nobody is shown twice or left out."""
    ids = [f"web_{number:02}" for number in range(60)]
    await api.services.catalog.load(catalog(*STOCK, ("nj-1", "MUG", 100)))
    await place(api, *ids)
    await place(api, "kiosk_1", channel="kiosk")
    await browser.sign_in("viewer")
    first = (await browser.get("/console/?channel=checkout&status=&seller=")).text
    assert 'hx-get="/console/find/rows?channel=checkout"' in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = (await browser.get(older)).text
    assert "find/rows" not in second
    assert named(first) + named(second) == list(reversed(ids))
    assert named((await browser.get("/console/?channel=kiosk")).text) == ["kiosk_1"]


async def test_the_list_is_live(api: Api, browser: Browser) -> None:
    """The part that is asked for again holds what was placed meanwhile, and nothing but the list."""
    await browser.sign_in("viewer")
    assert "No orders yet." in (await browser.get("/console/find/rows")).text
    await place(api, "web_1")
    rows = (await browser.get("/console/find/rows", headers={"HX-Request": "true", "X-Live": "1"})).text
    assert named(rows) == ["web_1"]
    assert "<html" not in rows


@pytest.mark.parametrize("query", ["q=a%00b", "status=lost", "cursor=x", "seller=%3Cscript%3E"])
async def test_a_wrong_question_is_told(api: Api, browser: Browser, query: str) -> None:
    """422 with the API's words as a page; what was sent is never markup."""
    await browser.sign_in("viewer")
    page = await browser.get(f"/console/?{query}")
    assert page.status_code == 422
    assert "notice problem" in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize("path", ["/", "/orders/%00", "/static/%00", "/sign-in?next=%00", "/ghost%00"])
async def test_an_address_with_a_nul_is_told_as_a_page(browser: Browser, path: str) -> None:
    """Whoever asks, for whatever page: 422 with a notice of the console's own; signed out, the sign-in page first."""
    signed_out = await browser.get(f"/console{path}?q=%00")
    await browser.sign_in("viewer")
    page = await browser.get(f"/console{path}?q=%00")
    assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "notice problem" in page.text
    assert "remove %00 from it" in page.text
    assert signed_out.status_code == (422 if path.startswith(("/static", "/sign-in")) else 303)
