"""Newegg's limits: one for each function, for each seller."""

from pathlib import Path

from tests.emulators.newegg.support import HEADERS, NeweggClient, entry, errors, new_reference
from tests.support.emulators import running


async def test_beyond_the_limit_is_a_429_that_says_when_to_come_back(tmp_path: Path) -> None:
    """Nothing was done; other functions and other sellers are not touched; a reset keeps the limit."""
    async with running("newegg", tmp_path) as process:
        client = NeweggClient(process)
        await process.post("rate-limit", per_hour=2)
        for _ in range(2):
            await client.submit(entry(new_reference()))
        refused = await client.call("POST", "/datafeedmgmt/feeds/submitfeed", requesttype="MULTICHANNEL_ORDER_DATA")
        assert (refused.status_code, errors(refused)) == (429, ["429"])
        assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("2", "0")
        assert len(refused.headers["x-ratelimit-resettime"]) == len("2026-11-22 18:00:00")
        assert len((await process.get("records"))["feeds"]) == 2
        assert len(await client.feeds()) == 2
        path = "/marketplace/datafeedmgmt/feeds/submitfeed?sellerid=B007&requesttype=MULTICHANNEL_ORDER_DATA"
        other = await process.request("POST", path, headers=HEADERS, json={})
        assert other.status_code == 400
        await process.post("reset")
        statuses = [(await client.call("PUT", "/datafeedmgmt/feeds/status", {})).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]


async def test_an_emulated_429_has_the_headers_too(newegg: NeweggClient) -> None:
    """A `status` fault of 429 looks like a real one."""
    await newegg.process.post("faults", kind="status", status=429, path="/feeds/status$", times=1)
    answer = await newegg.call("PUT", "/datafeedmgmt/feeds/status", {})
    assert (errors(answer), answer.headers["x-ratelimit-limit"]) == (["429"], "1000")
