"""Stops: a form, its dry run with counts and money, the stop as it goes, pause and undo; before real sagas."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.api.conftest import Shop, environment, shop
from tests.api.test_stops import Office, california
from tests.console.people import HTMX, somebody, words_of
from tests.support.api import Api
from tests.support.console import Browser

__all__ = ["environment", "shop"]

PAGE = "/console/stops"
SURE = {"confirmed": "yes"}
FORM: dict[str, Any] = {
    "region": "US-CA",
    "accepted": "cancel",
    "confirmed": "hold",
    "at_provider": "cancel",
    "reason": "the region is closed",
    "legal_reference": "Order 12/2026",
}


@pytest_asyncio.fixture
async def ann(shop: Shop) -> AsyncIterator[Browser]:
    """An operator before a shop with running orders."""
    async with somebody(shop.api.url, shop.api.services, "Ann") as browser:
        yield browser


async def until(browser: Browser, path: str, true: Callable[[str], bool]) -> str:
    """Look at the live part of a page until it says what is expected."""
    async with asyncio.timeout(90):
        while True:
            told = words_of((await browser.get(path, headers=HTMX)).text)
            if true(told):
                return told
            await asyncio.sleep(0.2)


async def test_a_stop_is_tried_applied_paused_and_undone(shop: Shop, ann: Browser) -> None:
    """The dry run says how many orders and how much money by stage and closes no door; what is applied does."""
    office = Office(shop)
    await office.stocked(3)
    vase = [{"sku": "VASE", "quantity": 1, "unit_price": 1000}]
    await office._placed([california("held", seller="bolt", lines=vase), california("gone")])
    await office.at_provider("gone")
    tried = await ann.post(f"{PAGE}/plan", FORM)
    assert tried.status_code == 303, tried.text
    told = words_of((await ann.get(tried.headers["Location"])).text)
    assert "Dry run of a stop: region US-CA" in told
    assert "2 orders would be treated" in told
    assert "confirmed hold 1 USD 15.90 at provider cancel 1 USD 15.90 all 2 USD 31.80" in told
    await office._placed([california("still")])
    await office.at_provider("still")
    applied = await ann.post(f"{tried.headers['Location']}/apply", {})
    stop = applied.headers["Location"]
    assert stop != tried.headers["Location"]
    assert (await office.api.post("/v1/orders", california("late"))).json()["code"] == "stopped"
    told = await until(ann, stop, lambda told: "3 orders so far" in told and "1 look done" in told)
    assert "1 held order is released; 2 orders asked to be canceled stay so" in told
    assert "gone bolt" not in words_of((await ann.get(f"{stop}/orders?answer=held")).text)
    assert "held bolt confirmed hold held" in words_of((await ann.get(f"{stop}/orders?answer=held")).text)
    foretold = words_of((await ann.post(f"{stop}/pause", {"reason": "one moment"})).text)
    assert "This would happen: pause No further order is touched" in foretold
    assert "1 order that it holds stays held. Reason: one moment" in foretold
    assert "in force 3 orders" in words_of((await ann.get(stop, headers=HTMX)).text)
    await ann.post(f"{stop}/pause", {"reason": "one moment", **SURE})
    assert "paused 3 orders" in words_of((await ann.get(stop, headers=HTMX)).text)
    assert "Go on…" in (await ann.get(stop)).text
    await ann.post(f"{stop}/resume", {"reason": "seen", **SURE})
    foretold = words_of((await ann.post(f"{stop}/undo", {"reason": "open again"})).text)
    assert "1 order that it holds is released" in foretold
    assert "2 orders that were asked to be canceled stay so" in foretold
    assert (await office.api.post("/v1/orders", california("not_yet"))).json()["code"] == "stopped"
    await ann.post(f"{stop}/undo", {"reason": "open again", **SURE})
    told = await until(ann, stop, lambda told: told.startswith("ended"))
    assert "by Ann" in told
    assert (await office.api.post("/v1/orders", california("after"))).status_code == 202
    over = await ann.post(f"{stop}/pause", {"reason": "too late"})
    assert (over.status_code, "is over" in over.text) == (409, True)
    listed = words_of((await ann.get(PAGE)).text)
    assert listed.index(stop.rpartition("/")[2]) < listed.index(tried.headers["Location"].rpartition("/")[2])
    assert "ended dry run region US-CA" in listed
    assert "Nothing is stopped." in words_of((await ann.get(f"{PAGE}?standing=true")).text)


async def test_a_page_that_shows_another_state_is_loaded_again(shop: Shop, ann: Browser) -> None:
    """What may be done with a stop depends on its state; while that stays, only the counts change."""
    applied = (await ann.post(f"{PAGE}/plan", {"sku": "TEE", "reason": "dangerous"})).headers["Location"]
    stop = (await ann.post(f"{applied}/apply", {})).headers["Location"]
    same = await ann.get(f"{stop}?seen=in_force", headers=HTMX)
    assert "HX-Refresh" not in same.headers
    other = await ann.get(f"{stop}?seen=planned", headers=HTMX)
    assert other.headers["HX-Refresh"] == "true"
    form = (await ann.get(f"{PAGE}/new?like={stop.rpartition('/')[2]}")).text
    assert 'value="TEE"' in form
    assert 'value="dangerous"' in form
    await ann.post(f"{stop}/undo", {"reason": "harmless", **SURE})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"region": ""}, "match"),
        ({"region": "california"}, "match.region"),
        ({"region": "US-CX"}, "match.region"),
        ({"sku": "MUGG"}, "match.sku"),
        ({"seller": "acne"}, "match.seller"),
        ({"reason": " "}, "reason"),
        ({"until": "2020-01-01T00:00"}, "until"),
        ({"effective_at": "soon"}, "effective_at"),
        ({"picked": "burn"}, "policy.picked"),
    ],
)
async def test_what_makes_no_sense_is_told_beside_the_form(
    api: Api, browser: Browser, changes: dict[str, str], field: str
) -> None:
    """The field and what to do, as a notice; the form stays as it was filled in, and nothing is stopped."""
    await browser.sign_in("operator")
    refused = await browser.post(f"{PAGE}/plan", {**FORM, **changes}, headers=HTMX)
    assert (refused.status_code, refused.headers["HX-Retarget"]) == (422, "#notice")
    assert f"<code>{field}</code>" in refused.text
    assert "Nothing was ever stopped" in (await browser.get(PAGE)).text


async def test_what_nobody_knows_is_stopped_only_when_that_is_meant(shop: Shop, ann: Browser) -> None:
    """The notice says what is meant perhaps; ticked, it is stopped, and its page warns as long as nobody knows it."""
    form = {**FORM, "region": "", "sku": "MUGG"}
    refused = await ann.post(f"{PAGE}/plan", form, headers=HTMX)
    assert "MUGG is no SKU in any catalog" in words_of(refused.text)
    assert "did you mean MUG?" in words_of(refused.text)
    tried = (await ann.post(f"{PAGE}/plan", {**form, "unlisted": "yes"})).headers["Location"]
    assert "Nobody here knows sku MUGG" in words_of((await ann.get(tried)).text)
    stop = (await ann.post(f"{tried}/apply", {})).headers["Location"]
    assert "Nobody here knows sku MUGG" in words_of((await ann.get(stop)).text)
    assert 'value="yes" checked' in (await ann.get(f"{PAGE}/new?like={stop.rpartition('/')[2]}")).text
    await ann.post(f"{stop}/undo", {"reason": "harmless", **SURE})


async def test_who_may_only_look_is_offered_nothing_and_refused(api: Api, browser: Browser) -> None:
    """A viewer; a form that is sent all the same stops nothing. Support sees no stops."""
    await browser.sign_in("viewer")
    assert "/console/stops/new" not in (await browser.get(PAGE)).text
    assert (await browser.post(f"{PAGE}/plan", FORM)).status_code == 403
    assert (await api.get("/v1/stops")).json()["stops"] == []
    await browser.sign_in("support")
    assert (await browser.get(PAGE)).status_code == 403


async def test_a_person_of_one_seller_stops_that_seller_only(api: Api) -> None:
    """Its name stands in the form; another one is refused."""
    async with somebody(api.url, api.services, "Bolt", seller="bolt") as bolt:
        assert (
            'name="seller" maxlength="64" autocomplete="off" placeholder="" value="bolt"'
            in (await bolt.get(f"{PAGE}/new")).text
        )
        assert (await bolt.post(f"{PAGE}/plan", {**FORM, "seller": "acme"})).status_code == 403
        assert (await bolt.post(f"{PAGE}/plan", FORM)).status_code == 403
