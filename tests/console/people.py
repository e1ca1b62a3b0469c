"""People before the console, each with a browser of their own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

from ordersaga.bootstrap import Services
from ordersaga.console.person import COOKIE
from ordersaga.domain.people import Identity, PersonRole
from tests.support.console import Browser

HTMX = {"HX-Request": "true"}
"""A request that a part of a page makes."""


@asynccontextmanager
async def somebody(
    url: str, services: Services, name: str, role: PersonRole = "operator", seller: str | None = None
) -> AsyncIterator[Browser]:
    """A browser in which this person is signed in."""
    identity = Identity(issuer="tests", subject=name, name=name, role=role, seller=seller)
    token = await services.people.sign_in(identity)
    async with Browser(url) as browser:
        browser.http.cookies.set(COOKIE, token)
        await browser.get("/console/")
        yield browser


def words_of(page: str) -> str:
    """What a page says, without its markup, each gap one space."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
