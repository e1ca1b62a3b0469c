"""The page of the lanes, and a person's word about one: seen first, then said."""

from typing import Any

from ordersaga.domain.lanes import provider_lane
from tests.support.api import Api
from tests.support.console import Browser

LANE = provider_lane("shipbob")
PLACE = f"/console/network/{LANE}"
OPEN = {"state": "open", "reason": "orders get lost <there>", "minutes": "90"}


async def test_a_breaker_is_opened_only_after_its_preview(api: Api, browser: Browser) -> None:
    """The preview changes nothing; said again it is done, and the history tells who and why."""
    await browser.sign_in("operator")
    assert f'href="{PLACE}"' in (await browser.get("/console/network")).text
    await browser.get(PLACE)
    preview = await browser.post(f"{PLACE}/breaker", OPEN)
    assert preview.status_code == 200
    assert "No call passes until" in preview.text
    assert "7 calls that wait stay there" in preview.text
    assert (await _lane(api))["breaker"] is None
    done = await browser.post(f"{PLACE}/breaker", {**OPEN, "confirmed": "yes"})
    assert (done.status_code, done.headers["location"]) == (303, f"{PLACE}?done=breaker")
    assert (await _lane(api))["breaker"]["state"] == "open"
    page = (await browser.get(PLACE)).text
    assert "demo operator set the breaker open until" in page
    assert "orders get lost &lt;there&gt;" in page


async def test_a_lane_is_paused_and_resumed(api: Api, browser: Browser) -> None:
    """Each after its preview; a refusal is told in the API's words."""
    await browser.sign_in("operator")
    await browser.get(PLACE)
    pause = {"reason": "they repair it", "minutes": "30"}
    assert "Nothing is handed out until" in (await browser.post(f"{PLACE}/pause", pause)).text
    await browser.post(f"{PLACE}/pause", {**pause, "confirmed": "yes"})
    assert (await _lane(api))["paused"]["reason"] == "they repair it"
    again = await browser.post(f"{PLACE}/pause", {"reason": "shorter", "minutes": "1", "confirmed": "yes"})
    assert (again.status_code, "paused for longer already" in again.text) == (409, True)
    assert "7 calls that wait are handed out" in (await browser.post(f"{PLACE}/resume", {"reason": "it answers"})).text
    await browser.post(f"{PLACE}/resume", {"reason": "it answers", "confirmed": "yes"})
    assert (await _lane(api))["paused"] is None


async def test_a_wrong_value_names_its_field(api: Api, browser: Browser) -> None:
    """Already in the preview; a lane or a deed that there is not is a 404."""
    await browser.sign_in("operator")
    await browser.get(PLACE)
    wrong = await browser.post(f"{PLACE}/breaker", {"state": "open", "reason": "", "minutes": "99999"})
    assert wrong.status_code == 422
    assert "<code>minutes</code>" in wrong.text
    assert "<code>reason</code>" in wrong.text
    assert (await browser.get("/console/network/nowhere")).status_code == 404
    assert (await browser.post(f"{PLACE}/demolish", OPEN)).status_code == 404


async def test_who_only_reads_sets_nothing(api: Api, browser: Browser) -> None:
    """A viewer sees no form, and one that is sent all the same is refused."""
    await browser.sign_in("viewer")
    page = await browser.get(PLACE)
    assert "Show what it would do" not in page.text
    assert (await browser.post(f"{PLACE}/breaker", {**OPEN, "confirmed": "yes"})).status_code == 403
    assert (await _lane(api))["breaker"] is None


async def _lane(api: Api) -> dict[str, Any]:
    lanes = (await api.get("/v1/lanes")).json()["lanes"]
    return next(lane for lane in lanes if lane["lane"] == LANE)
