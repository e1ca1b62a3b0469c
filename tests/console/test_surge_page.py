"""The page of what comes in now, and its stream."""

import asyncio

from tests.support.api import Api, order_body
from tests.support.console import Browser
from tests.support.emulators import eventually


async def test_the_page_tells_the_numbers_without_a_script(api: Api, browser: Browser) -> None:
    """Arrivals by seller, the time left to ship, and the lanes."""
    await api.post("/v1/orders", order_body())
    await browser.sign_in("viewer")
    page = await browser.get("/console/surge")
    assert page.status_code == 200, page.text
    assert '<td data-label="Seller">acme</td>' in page.text
    assert 'data-arrived="1"' in page.text
    assert "Not shipped, by the time left until the promise" in page.text
    assert "payments" in page.text


async def test_the_stream_goes_on_with_the_page(api: Api, browser: Browser) -> None:
    """Each event has the numbers in place of the last ones; an order that comes meanwhile is in a later one."""
    await browser.sign_in("operator")
    async with asyncio.timeout(30), browser.http.stream("GET", "/console/surge/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        placed = False
        async for line in stream.aiter_lines():
            if 'data-arrived="1"' in line:
                break
            if not placed and 'data-arrived="0"' in line:
                await api.post("/v1/orders", order_body())
                placed = True
    assert placed


async def test_who_may_not_watch_gets_no_stream(api: Api, browser: Browser) -> None:
    """Support is refused as the API refuses it; without a session there is only the sign-in."""
    assert (await browser.get("/console/surge/events")).status_code == 303
    await browser.sign_in("support")
    assert (await browser.get("/console/surge/events")).status_code == 403


async def test_a_stream_that_nobody_reads_any_more_is_given_up(api: Api, browser: Browser) -> None:
    """The API's side ends with the browser's: nobody looks at the database for it."""
    await browser.sign_in("operator")
    async with asyncio.timeout(30), browser.http.stream("GET", "/console/surge/events") as stream:
        async for line in stream.aiter_lines():
            if "data-arrived" in line:
                break
        assert _streaming()
    await eventually(lambda: not _streaming(), seconds=30)


def _streaming() -> bool:
    return any("_Answer._run" in repr(task) for task in asyncio.all_tasks())
