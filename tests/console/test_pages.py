"""Every page, for everybody who may read it."""

import re

import pytest

from ordersaga.console.navigation import ENTRIES
from ordersaga.console.rendering import FOLDER
from tests.support.api import Api, order_body
from tests.support.console import Browser


@pytest.mark.parametrize("role", ["viewer", "support", "operator", "admin"])
async def test_each_role_reads_the_pages_its_bar_names(api: Api, browser: Browser, role: str) -> None:
    """Each page of the bar answers; one that the bar does not name is refused as the API refuses it."""
    await browser.sign_in(role)
    for entry in ENTRIES:
        page = await browser.get(entry.path)
        if role in entry.roles:
            assert page.status_code == 200, (entry, page.text)
            assert f'<a href="{entry.path}"' in page.text
            assert 'aria-current="page">' + entry.name in page.text
        else:
            assert page.status_code == 403
            assert f'<a href="{entry.path}"' not in page.text


async def test_an_order_is_found_and_shown(api: Api, browser: Browser) -> None:
    """The list leads to the order; one that is not there is told with the API's words and status."""
    await api.post("/v1/orders", order_body(order_id="ord_1"))
    await browser.sign_in("support")
    assert 'href="/console/orders/ord_1"' in (await browser.get("/console/")).text
    page = await browser.get("/console/orders/ord_1")
    assert (page.status_code, "MUG" in page.text) == (200, True)
    missing = await browser.get("/console/orders/ord_2")
    assert missing.status_code == 404
    assert "there is no order ord_2" in missing.text


async def test_an_address_without_a_page_is_told_on_a_page(api: Api, browser: Browser) -> None:
    """404 with a title, the bar of pages, and what to do."""
    await browser.sign_in("support")
    page = await browser.get("/console/nope")
    assert page.status_code == 404
    assert "<title>There is no such page" in page.text
    assert "Nothing is at /console/nope." in page.text
    assert '<a href="/console/attention"' in page.text


def test_what_must_have_a_form_says_which() -> None:
    """A browser refuses a text by its pattern with the title beside it."""
    folder = FOLDER / "templates"
    fields = [
        each for page in folder.rglob("*.html") for each in re.findall(r"<input[^>]*pattern=[^>]*>", page.read_text())
    ]
    assert len(fields) > 3
    assert [each for each in fields if "title=" not in each] == []
