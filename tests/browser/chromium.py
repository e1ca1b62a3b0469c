"""A real Chromium, and tabs of it that notice whatever goes wrong on a page.

async with open_chromium() as chromium, open_tab(chromium, url) as tab:
    await tab.goto("/console/")
    await tab.looks_well("find")
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.support.emulators import ROOT

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS: Final = ROOT / "build" / "screenshots"
PATIENCE: Final = 60_000.0
"""Milliseconds that a page may take to become what it should, on a busy machine."""
WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
VIEWS: Final[dict[str, tuple[ViewportSize, Literal["light", "dark"]]]] = {
    "light": (WIDE, "light"),
    "dark": (WIDE, "dark"),
    "phone": (PHONE, "light"),
    "phone-dark": (PHONE, "dark"),
}
"""By name: size and colors in which a page may be looked at."""
LOOKS: Final = ("light", "dark", "phone")
"""In which each page is looked at."""
_LEFT: Final = "net::ERR_ABORTED"
"""What a browser says of a request whose page was left meanwhile."""
_TOO_WIDE: Final = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const wide = [...document.body.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > room + 1);
  return wide.map((each) => each.outerHTML.slice(0, 120));
}"""
_FOCUSED: Final = """() => {
  const at = document.activeElement;
  return (at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || "").trim();
}"""


def executable() -> str | None:
    """Where Chromium is on this machine; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """This machine's Chromium, without a window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable())
        try:
            yield chromium
        finally:
            await chromium.close()


@dataclass
class Tab:
    """One page with cookies of its own. `troubles`: what went wrong on it so far.

    `expected`: statuses of answers that are no trouble here.
    """

    page: Page
    url: str
    expected: set[int] = field(default_factory=set)
    troubles: list[str] = field(default_factory=list)

    async def goto(self, path: str) -> None:
        """Open a page, and wait until it has come to rest."""
        await self.page.goto(self.url + path)
        await self.settled()

    async def settled(self) -> None:
        """Wait until everything is loaded that the page asked for when it was opened."""
        await self.page.wait_for_load_state("load")
        await expect(self.page.locator(".htmx-request")).to_have_count(0)

    async def sign_in(self, role: str = "admin", path: str = "/console/") -> None:
        """By one click, as the demo's person of this role, on the way to a page."""
        await self.page.goto(self.url + path)
        await self.page.get_by_role("button", name=f"Demo {role}").click()
        await self.page.wait_for_url(lambda url: "/console/sign-in" not in url)
        await self.settled()

    async def open_menu(self) -> None:
        """Open every form of an order's menu, of which people open one at a time."""
        opened = "all => all.forEach((each) => { each.removeAttribute('name'); each.open = true; })"
        await self.page.locator("#actions details").evaluate_all(opened)

    async def tab_to(self, name: str, most: int = 150) -> None:
        """Press Tab until what has this name has the focus."""
        for _ in range(most):
            await self.page.keyboard.press("Tab")
            if (await self.page.evaluate(_FOCUSED)) == name:
                return
        raise AssertionError(f"the Tab key does not reach {name!r} on {self.page.url}")

    async def looks_well(self, name: str, *views: str) -> None:
        """Look at the page, in all three looks if no view is named: nothing went wrong, is cut off, or bars anybody."""
        for view in views or LOOKS:
            size, colors = VIEWS[view]
            await self.page.emulate_media(color_scheme=colors)
            await self.page.set_viewport_size(size)
            await self.settled()
            await self._shot(view, name)
            too_wide, barriers = await self.page.evaluate(_TOO_WIDE), await self._barriers()
            assert not too_wide, f"{name}, {view}: {too_wide}"
            assert not barriers, f"{name}, {view}: {barriers}"
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(WIDE)
        self.went_well()

    def went_well(self) -> None:
        """No script failed or complained, and no request was refused or failed."""
        assert self.troubles == []

    async def _shot(self, view: str, name: str) -> None:
        """Keep what is seen; the style that would hide the caret is one that our policy forbids."""
        path = SCREENSHOTS / view / f"{name}.png"
        await self.page.screenshot(path=path, full_page=True, caret="initial")

    async def _barriers(self) -> list[str]:
        """What axe finds, but for what it calls minor."""
        found = (await Axe().run(self.page)).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {node['html'][:160]} {node['failureSummary']}"
            for each in found
            if each["impact"] != "minor"
            for node in each["nodes"]
        ]

    def heard(self, message: ConsoleMessage) -> None:
        """Of the browser's console. A refused request is noticed by its answer."""
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.troubles.append(f"{message.type}: {message.text}")

    def answered(self, response: Response) -> None:
        """Of a request that was answered."""
        if response.status >= 400 and response.status not in self.expected:
            self.troubles.append(f"{response.status} {response.request.method} {response.url}")

    def failed(self, request: Request) -> None:
        """Of a request that was not."""
        if request.failure != _LEFT:
            self.troubles.append(f"{request.failure}: {request.url}")


@asynccontextmanager
async def open_tab(chromium: Browser, url: str, **options: Any) -> AsyncIterator[Tab]:
    """A tab of a browser that nobody used before. `options`: of Playwright's `new_context`."""
    context = await chromium.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    context.set_default_timeout(PATIENCE)
    tab = Tab(await context.new_page(), url)
    tab.page.on("console", tab.heard)
    tab.page.on("pageerror", lambda error: tab.troubles.append(f"script: {error}"))
    tab.page.on("response", tab.answered)
    tab.page.on("requestfailed", tab.failed)
    try:
        yield tab
    finally:
        await context.close()
