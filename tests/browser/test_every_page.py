"""Every page of a busy shop's console, in light and dark, wide and on a phone; screenshots in build/screenshots."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.addresses import pages
from tests.browser.chromium import Tab, open_tab
from tests.browser.shop import Facts
from tests.support.stack import RealShop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FOR_ADMINS = {"sessions"}


@pytest_asyncio.fixture(scope="module")
async def admin(chromium: Browser, shop: RealShop, facts: Facts) -> AsyncIterator[Tab]:
    """A tab of somebody who may see everything."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        await tab.sign_in("admin")
        yield tab


@pytest.mark.parametrize("name", pages())
async def test_a_page_looks_well(admin: Tab, facts: Facts, name: str) -> None:
    """No complaint of the browser, no failed request, nothing cut off on a phone, no barrier that axe knows."""
    admin.troubles.clear()
    await admin.goto(pages()[name].format(**facts))
    await admin.looks_well(name)


@pytest.mark.parametrize("name", ["order-at-provider", "order-refunded", "order-returned"])
async def test_every_form_of_an_orders_menu_looks_well(admin: Tab, facts: Facts, name: str) -> None:
    """All of them open: while its provider has it, after its end, and with a return under way."""
    admin.troubles.clear()
    await admin.goto(pages()[name].format(**facts))
    await admin.open_menu()
    await admin.looks_well(f"{name}-menu")


async def test_the_doors_look_well(chromium: Browser, shop: RealShop) -> None:
    """The page to sign in, and what is told of a page that is not there."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        await tab.goto("/console/sign-in")
        await tab.looks_well("sign-in")
        await tab.sign_in("support")
        tab.expected |= {403, 404}
        await tab.goto("/console/orders/live_9999")
        await tab.looks_well("problem-missing")
        await tab.goto("/console/stops")
        await tab.looks_well("problem-refused")


async def test_a_viewer_is_offered_nothing_to_do(chromium: Browser, shop: RealShop, facts: Facts) -> None:
    """On no page is there a form that does something, but the one to sign out; nor a page for admins in the bar."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        await tab.sign_in("viewer")
        for name in pages().keys() - FOR_ADMINS:
            await tab.goto(pages()[name].format(**facts))
            deeds = tab.page.locator('form[method="post"], [hx-post], [hx-delete]')
            forms = await deeds.evaluate_all('found => found.map((each) => each.getAttribute("action"))')
            assert forms == ["/console/sign-out"], name
        assert await tab.page.get_by_role("navigation", name="Pages").get_by_text("Sessions").count() == 0
        tab.went_well()
