"""A shop in which nothing ever happened, and a browser without scripts or with slow ones: the short sample of CI."""

import asyncio

import pytest
from playwright.async_api import Browser, Route, expect

from tests.api.test_attention import ask
from tests.browser.addresses import ADDRESSES, EMPTY, routes_of_pages
from tests.browser.chromium import open_tab
from tests.support.api import Api, StubOrders, order_body

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LATE = 2.0


def test_no_page_is_forgotten() -> None:
    """Each route that answers with a page has an address here, and each address a route."""
    assert set(ADDRESSES) == routes_of_pages()


async def test_pages_without_anything_look_well(chromium: Browser, api: Api) -> None:
    """Each says that there is nothing, wide in light colors and on a phone in dark ones."""
    async with open_tab(chromium, api.url) as tab:
        await tab.sign_in("admin")
        for name, path in EMPTY.items():
            await tab.goto(path)
            await tab.looks_well(f"empty-{name}", "light", "phone-dark")


_ASTRAY = """() => {
  const text = (cell) => {
    const all = document.createRange();
    all.selectNodeContents(cell);
    return all.getBoundingClientRect();
  };
  const astray = document.documentElement.scrollWidth > innerWidth ? ["sideways"] : [];
  for (const table of document.querySelectorAll("#numbers table")) {
    const heads = [...table.tHead.rows[0].cells], low = Math.max(...heads.map((head) => text(head).bottom));
    for (const head of heads) if (low - text(head).bottom > 1) astray.push(`${head.innerText}: not in line`);
    for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, at) => {
      const side = cell.classList.contains("number") ? "right" : "left";
      if (cell.innerText && Math.abs(text(cell)[side] - text(heads[at])[side]) > 1) astray.push(heads[at].innerText);
    });
  }
  return astray;
}"""


async def test_the_surge_pages_columns_stand_under_their_headers(chromium: Browser, api: Api) -> None:
    """Numbers end where their header ends, words begin where it begins, headers stand in line; nothing is cut off."""
    await api.post("/v1/orders", order_body(order_id="web_1"))
    async with open_tab(chromium, api.url) as tab:
        await tab.sign_in("operator")
        for width in (1280, 900, 700):
            await tab.page.set_viewport_size({"width": width, "height": 900})
            await tab.goto("/console/surge")
            assert await tab.page.evaluate(_ASTRAY) == [], width
        tab.went_well()


async def test_on_a_phone_all_pages_are_in_sight_and_the_colors_button_says_what_it_does(
    chromium: Browser, api: Api
) -> None:
    """No page of the bar is beyond the edge; dark, the button leads to light colors, and back."""
    phone = {"width": 390, "height": 844}
    async with open_tab(chromium, api.url, viewport=phone, color_scheme="dark") as tab:
        await tab.sign_in("admin")
        links = await tab.page.get_by_role("navigation", name="Pages").get_by_role("link").all()
        boxes = [box for link in links if (box := await link.bounding_box())]
        assert len(boxes) == len(links) > 8
        assert [box for box in boxes if box["x"] < 0 or box["x"] + box["width"] > phone["width"]] == []
        await tab.page.get_by_role("button", name="Use light colors").click()
        await expect(tab.page.get_by_role("button", name="Use dark colors")).to_be_visible()
        assert await tab.page.evaluate("document.documentElement.dataset.theme") == "light"
        tab.went_well()


async def test_an_order_is_canceled_without_scripts(chromium: Browser, api: Api, orders: StubOrders) -> None:
    """Found, previewed on a page of its own, done on another; no page promises what only a script would bring."""
    await api.post("/v1/orders", order_body(order_id="web_1"))
    async with open_tab(chromium, api.url, java_script_enabled=False) as tab:
        page = tab.page
        await tab.sign_in("support")
        await page.get_by_label("Search", exact=True).fill("web_1")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("web_1")
        await expect(page.get_by_text("Its saga is asked")).not_to_be_visible()
        await expect(page.get_by_text("What can be done is being looked up.")).not_to_be_visible()
        await page.get_by_text("Cancel", exact=True).click()
        await page.locator("#cancel-reason").fill("by hand")
        await page.locator("form:has(#cancel-reason)").get_by_role("button", name="Preview").click()
        await expect(page.get_by_text("Nothing is done yet.")).to_be_visible()
        await page.get_by_role("button", name="Cancel now").click()
        await expect(page.locator("#h-done")).to_have_text("Cancel: canceled")
        assert ("cancel", "web_1") in orders.asked
        tab.went_well()


async def test_questions_are_answered_without_scripts(chromium: Browser, api: Api, orders: StubOrders) -> None:
    """The button of the page does what a script would do by itself."""
    await ask(api, "web_1")
    async with open_tab(chromium, api.url, java_script_enabled=False) as tab:
        page = tab.page
        await tab.sign_in("operator", "/console/attention/unknown_capture")
        await page.get_by_label("tick web_1-a1").check()
        await page.get_by_role("button", name="Answer those ticked…").click()
        await page.get_by_label("adopt").check()
        await page.get_by_label("Why").fill("seen at Stripe")
        await page.get_by_role("button", name="Answer", exact=True).click()
        await expect(page.get_by_text("All 1 were gone through")).to_be_visible()
        assert ("resolve_attention", "web_1") in orders.asked
        tab.went_well()


async def test_a_page_works_before_its_scripts_are_there(chromium: Browser, api: Api) -> None:
    """It is read and its links are followed while they are still on their way; late, they do no harm."""

    async def late(route: Route) -> None:
        await asyncio.sleep(LATE)
        await route.continue_()

    await api.post("/v1/orders", order_body(order_id="web_1"))
    async with open_tab(chromium, api.url) as tab:
        page = tab.page
        await tab.sign_in("viewer")
        await page.route("**/static/**.js*", late)
        await page.goto(f"{api.url}/console/", wait_until="commit")
        await page.get_by_role("link", name="web_1").click(no_wait_after=True)
        await expect(page.get_by_role("heading", level=1)).to_have_text("web_1")
        await expect(page.get_by_role("heading", name="Why is it here?")).to_be_visible()
        tab.went_well()
