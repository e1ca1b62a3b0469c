"""People at work in the console of a busy shop, with mouse and keyboard."""

import re

import asyncpg
import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from ordersaga.domain.statuses import OrderStatus
from ordersaga.http_client import ApiError
from tests.browser.chromium import Tab, open_tab
from tests.browser.shop import AGENT, AT_PROVIDER, BLUE, CHEAP, DEAR, HELD, MOVED, POPUP, RED, operator
from tests.support.stack import RealShop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_SENT = """async ([path, fields]) => {
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  return (await fetch(path, { method: "POST", headers, body: new URLSearchParams(fields) })).status;
}"""
"""The status of what a form of the page would be answered."""


async def test_an_agent_cancels_an_order_with_the_keyboard_alone(chromium: Browser, shop: RealShop) -> None:
    """One key leads to the search, the order's id to its page; previewed nothing is done; then it is undone whole."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        page = tab.page
        await tab.goto("/console/")
        await tab.tab_to("Demo support")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Find")
        await page.wait_for_load_state()  # keys are heard once the page's script is there
        await page.keyboard.press("/")
        await expect(page.locator("#q")).to_be_focused()
        await page.keyboard.type(AGENT)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text(AGENT)
        await tab.tab_to("Cancel")
        await page.keyboard.press("Enter")
        await tab.tab_to("Why")
        await page.keyboard.type("the shopper changed her mind")
        await page.keyboard.press("Enter")
        await expect(page.locator("#h-preview")).to_have_text("Cancel: pending")
        await expect(page.locator("#preview")).to_contain_text("Nothing is done yet.")
        await tab.looks_well("journey-cancel-preview")
        await expect(page.locator("#now .status")).to_have_text("fulfilling")
        await tab.tab_to("Cancel now")
        await page.keyboard.press("Enter")
        await expect(page.locator("#h-done")).to_contain_text("Cancel")
        await expect(page.locator("#now .status")).to_have_text("canceled")
        await _nothing_is_reserved(page)
        await tab.looks_well("journey-canceled")


async def _nothing_is_reserved(page: Page) -> None:
    """The ledgers of money and units say that both were given back."""
    money, units = page.get_by_role("region", name="Money"), page.get_by_role("region", name="Units")
    await expect(money).to_contain_text(re.compile(r"void", re.I))
    await expect(units).to_contain_text(re.compile(r"released: held to", re.I))


async def test_an_operator_moves_a_parcel(chromium: Browser, shop: RealShop) -> None:
    """One form of the menu is open at a time; the preview says from where to where and moves nothing; then it ships."""
    await shop.world.shipbob.tell("scripts", match=MOVED, stop_at="Processing")
    await shop.case(MOVED, (*BLUE[:1], 2, *BLUE[2:])).place("confirmed")
    async with operator(shop) as http, open_tab(chromium, shop.stack.urls["api"]) as tab:
        page, menu = tab.page, tab.page.locator("#actions")
        here = await _ships_from(http)
        there = ({"reno-1", "allentown-1"} - {here}).pop()
        await tab.sign_in("operator", f"/console/orders/{MOVED}")
        await expect(menu.get_by_role("heading", level=3)).to_have_text(["Change", "Ship", "Money"])
        for name in ("Ship faster", "Move a parcel"):
            await menu.get_by_text(name, exact=True).click()
        await expect(menu.locator("details[open]")).to_have_count(1)
        await tab.looks_well("journey-menu")
        form = menu.locator("details[open] form")
        await form.get_by_label("To").select_option(there)
        await form.get_by_label("Why").fill("the other house has no truck today")
        await form.get_by_role("button", name="Preview").click()
        await expect(page.locator("#preview")).to_contain_text(f"ships from {there} (shipbob) instead of {here}")
        await expect(page.locator("#preview")).to_contain_text("Nothing is done yet.")
        await tab.looks_well("journey-move-preview")
        assert await _ships_from(http) == here
        await page.get_by_role("button", name="Move a parcel now").click()
        await expect(page.locator("#h-done")).to_contain_text("Move a parcel")
        await expect(page.locator("#now")).to_contain_text(f"{there} (shipbob)")
        assert await _ships_from(http) == there
        await expect(menu.locator("details[open]")).to_have_count(0)
        await tab.open_menu()
        await tab.looks_well("journey-moved-menu")


async def _ships_from(http: httpx.AsyncClient) -> str:
    """The location of its one parcel."""
    (parcel,) = (await http.get(f"/v1/orders/{MOVED}", params={"live": True})).json()["live"]["parcels"]
    location: str = parcel["plan"]["location"]
    return location


async def test_an_operator_answers_many_questions_at_once(chromium: Browser, shop: RealShop) -> None:
    """Filtered, planned, answered a few at a time; much money waits for a second person, whose same answer counts."""
    url = shop.stack.urls["api"]
    async with open_tab(chromium, url) as tab, open_tab(chromium, url) as other:
        page = tab.page
        await tab.sign_in("operator", "/console/attention")
        await page.get_by_label("Seller").fill("sunny-socks")
        await page.get_by_role("button", name="Filter").click()
        await page.get_by_role("link", name="capture refused").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("capture refused")
        await expect(page.get_by_label("Seller")).to_have_value("sunny-socks")
        await tab.looks_well("journey-questions")
        await page.get_by_role("button", name=re.compile("Answer all")).click()
        await page.get_by_label("write off").check()
        await expect(page.get_by_text("proposed to a second person").first).to_be_visible()
        await tab.looks_well("journey-plan")
        await page.get_by_label("Why").fill("the cards were canceled; not worth a letter")
        await page.get_by_role("button", name="Answer", exact=True).click()
        await expect(page.get_by_text(re.compile(r"20 of \d+ done"))).to_be_visible()
        await expect(page.get_by_text(re.compile(r"All \d+ were gone through"))).to_be_visible()
        await expect(page.locator("#work")).to_contain_text("1 proposed")
        await tab.looks_well("journey-progress")
        await page.get_by_role("link", name="What is still open").click()
        await expect(page.get_by_role("row")).to_have_count(2)
        await expect(page.get_by_role("row").last).to_contain_text("a second person must agree")
        await _agrees(other)
        await shop.world.board.until(DEAR, {OrderStatus.COMPLETED}, 60)
        assert not set(CHEAP) & {item.order_id for item in (await shop.world.operator.attention()).items}
        tab.went_well()


async def _agrees(tab: Tab) -> None:
    """Another person makes the same choice for the one that waits."""
    page = tab.page
    await tab.sign_in("admin", "/console/attention/capture_refused?seller=sunny-socks")
    await page.get_by_role("button", name=re.compile(f"^answer {DEAR}")).click()
    await page.get_by_label("write off").check()
    await page.get_by_label("Why").fill("agreed")
    await page.get_by_role("button", name="Answer", exact=True).click()
    await expect(page.locator("#work")).to_contain_text("1 resolved")
    tab.went_well()


async def test_an_operator_stops_a_channel_and_opens_it_again(chromium: Browser, shop: RealShop) -> None:
    """Dry run and previews do nothing; applied or paused, who comes is refused; undone, who comes is taken again."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        page = tab.page
        await tab.sign_in("operator", "/console/stops/new")
        await page.get_by_label("Channel").fill(POPUP)
        await page.get_by_label("Handed off, not picked").select_option("cancel")
        await page.get_by_label("Reason").fill("the market was closed by the city")
        await page.get_by_role("button", name="Dry run…").click()
        await expect(page.get_by_text("3 orders would be treated")).to_be_visible()
        await tab.looks_well("journey-dry-run")
        await shop.world.shipbob.tell("scripts", match="live_2701", stop_at="Processing")
        assert await _asks(shop, "live_2701") == "taken"
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Stop: channel {POPUP}")
        await expect(page.locator("#stop")).to_contain_text(re.compile(r"4 orders so far, [1-9]\d* looks? done"))
        assert await _asks(shop, "live_2702") == "stopped"
        await expect(page.get_by_role("link", name="canceled", exact=True)).to_be_visible()
        await tab.looks_well("journey-stop")
        await page.get_by_label("Why").fill("the city looks at it again")
        await page.get_by_role("button", name="Pause…").click()
        await expect(page.get_by_text("No further order is touched")).to_be_visible()
        assert await _asks(shop, "live_2705") == "stopped"
        await tab.looks_well("journey-stop-pause-preview")
        await page.get_by_role("button", name="Do it").click()
        await expect(page.locator("#stop .status").first).to_have_text("paused")
        await expect(page.get_by_role("button", name="Go on")).to_be_visible()
        assert await _asks(shop, "live_2704") == "stopped"
        await tab.looks_well("journey-stop-paused")
        await page.get_by_label("Why").fill("the city opened it again")
        await page.get_by_role("button", name="Undo…").click()
        await expect(page.get_by_text("New orders that match are taken from then on")).to_be_visible()
        await page.get_by_role("button", name="Do it").click()
        await expect(page.locator("#stop .status").first).to_have_text("ended")
        await expect(page.locator("#stop")).to_contain_text("by demo operator")
        assert await _asks(shop, "live_2703") == "taken"
        await tab.looks_well("journey-stop-undone")
        for order_id in AT_PROVIDER:
            await shop.world.board.until(order_id, {OrderStatus.CANCELED}, 60)
        assert shop.world.board.orders[HELD].status is OrderStatus.ON_HOLD


async def _asks(shop: RealShop, order_id: str) -> str:
    """What a checkout of the stopped channel hears."""
    body = shop.case(order_id, RED, channel=POPUP).order.body
    try:
        await shop.world.checkout.place(body, wait=15)
    except ApiError as error:
        return error.code
    return "taken"


async def test_a_viewer_looks_and_does_nothing(chromium: Browser, shop: RealShop) -> None:
    """No button of an order, a question or a stop is there; whoever sends what one would send is refused."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        page = tab.page
        await tab.sign_in("viewer", f"/console/orders/{HELD}")
        await expect(page.get_by_role("heading", name="Why is it here?")).to_be_visible()
        for path in (f"/console/orders/{HELD}", "/console/attention/capture_refused", "/console/stops"):
            await tab.goto(path)
            await expect(page.locator('main form[method="post"], main [hx-post], main button.primary')).to_have_count(0)
        tab.went_well()
        tab.expected.add(403)
        asked = {"reason": "never", "units": ""}
        assert await page.evaluate(_SENT, [f"/console/orders/{HELD}/cancel/preview", asked]) == 403
        assert await page.evaluate(_SENT, ["/console/stops/plan", {"channel": POPUP, "reason": "never"}]) == 403
        await tab.goto(f"/console/orders/{HELD}")
        await expect(page.locator("#now .status")).to_have_text("on hold")


async def test_whoever_must_sign_in_again_comes_back(chromium: Browser, shop: RealShop) -> None:
    """A link leads to the sign-in and then to its page; a page that was left open leads there and back by itself."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        page = tab.page
        tab.expected.add(401)
        await tab.sign_in("operator", f"/console/orders/{HELD}")
        await _expired(shop)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        await page.get_by_role("button", name="Demo operator").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(HELD)
        await tab.goto("/console/stops/new")
        await _expired(shop)
        await page.get_by_role("link", name="Audit").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        await page.get_by_role("button", name="Demo operator").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Audit")
        tab.went_well()


async def _expired(shop: RealShop) -> None:
    """The time of every session is up."""
    connection = await asyncpg.connect(shop.stack.settings.database_url.get_secret_value())
    try:
        await connection.execute("UPDATE people_sessions SET expires_at = now() WHERE ended_at IS NULL")
    finally:
        await connection.close()


async def test_the_surge_page_goes_on_by_itself(chromium: Browser, shop: RealShop) -> None:
    """Checkouts that come while it is open are in its numbers and charts without anybody doing something."""
    async with open_tab(chromium, shop.stack.urls["api"]) as tab:
        page = tab.page
        await tab.sign_in("viewer", "/console/surge")
        await expect(page.locator("#live-state")).to_have_text("Live.")
        for number in range(2801, 2807):
            await shop.case(f"live_{number}", RED).place("confirmed")
        await expect(page.get_by_role("row", name=re.compile("^sunny-socks [1-9]")).first).to_be_visible()
        await tab.looks_well("journey-surge")
