"""Every page and action of the console, as it stands in the application: a person of one seller sees and touches
nothing of another's. What the API refuses is shown in `tests/api/test_isolation.py`; here, what pages make of it.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route
from temporalio.testing import WorkflowEnvironment

from ordersaga.console import create_console
from ordersaga.console.pages.order_forms import ACTIONS, RELEASE
from ordersaga.domain.people import PERSON_ROLES
from tests.api.conftest import Shop, environment, shop
from tests.api.test_isolation import IDS
from tests.console.people import HTMX, somebody
from tests.support.api import order_body
from tests.support.console import Browser
from tests.support.strangers import BUYER, NAMESAKE, OF_ACME, gone, instead, never, plain, standing, things_of_acme

__all__ = ["environment", "shop"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OPEN = {"/sign-in", "/sign-in/demo", "/sign-in/start", "/sign-in/back", "/sign-out"}
"""They show nothing of any seller: `test_sessions.py`, `test_openid.py`."""
STREAMS = {"/surge/events"}


@dataclass(frozen=True)
class Ask:
    """One way to ask: `part` of the path, `query`, `form`, and a `file` of the form."""

    part: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    file: bytes = b""


PLAIN = (Ask(),)
SAID = {"reason": "somebody else's"}
SURE = {"confirmed": "yes"}
PLACE = {"name": "X", "line1": "1 A St", "city": "Reno", "region": "NV", "postal_code": "89501", "country": "US"}
PARCEL = {"parcel": "1", "units:MUG": "1", "location": "ca-1", "carrier": "ups", "consent": "yes"}
RETURN = {"number": "1", "because": "unwanted", "missing:MUG": "1", "reference": "r-1", "payment_method": "pm_x"}
DONE = {**SAID, "kind": "fraud_review", "amount": "0.01", "currency": "USD", **PLACE, **PARCEL, **RETURN}
DEEDS = [action.name for action in (*ACTIONS, RELEASE)]
QUESTION = {"item": "acmes-question", "choice": "retry", **SAID}
KIND, FOUND = {"kind": "unknown_capture"}, {"kind": "stock_drift"}
CATALOG = b"kind,sku,location,quantity\nstock,MUG,nj-1,5\n"
OF_SELLER = Ask(query={"seller": "acme"})
BY_ORDER = Ask(query={"order_id": "acmes_2"})
ROWS: dict[tuple[str, str], tuple[Ask, ...]] = {
    ("GET", "/"): (Ask(), OF_SELLER, *(Ask(query={"q": text}) for text in ("acmes_2", "acmes", "acme", BUYER))),
    ("GET", "/find/rows"): (Ask(), OF_SELLER, Ask(query={"q": "acmes_2"})),
    ("GET", "/orders/{order_id}"): PLAIN,
    ("GET", "/orders/{order_id}/now"): PLAIN,
    ("GET", "/orders/{order_id}/actions"): PLAIN,
    ("GET", "/orders/{order_id}/story"): PLAIN,
    ("POST", "/orders/{order_id}/answer/preview"): (Ask(form=QUESTION), Ask({"order_id": "bolts_1"}, form=QUESTION)),
    ("POST", "/orders/{order_id}/answer"): (Ask(form=QUESTION), Ask({"order_id": "bolts_1"}, form=QUESTION)),
    ("POST", "/orders/{order_id}/{action}/preview"): tuple(Ask({"action": deed}, form=DONE) for deed in DEEDS),
    ("POST", "/orders/{order_id}/{action}"): tuple(Ask({"action": deed}, form=DONE) for deed in DEEDS),
    ("GET", "/attention"): (Ask(), OF_SELLER),
    ("POST", "/attention/plan"): tuple(
        Ask(form={**KIND, **more}) for more in ({"all": "1"}, {"only": "acmes-question"}, {"id": "acmes-question"})
    ),
    ("POST", "/attention/answer"): (Ask(form={**KIND, **QUESTION, "id": "acmes-question"}),),
    ("GET", "/attention/{kind}"): (Ask(KIND), Ask(KIND, {"seller": "acme"})),
    ("GET", "/surge"): PLAIN,
    ("GET", "/network"): PLAIN,
    ("GET", "/network/{lane}"): PLAIN,
    ("POST", "/network/{lane}/{deed:str}"): tuple(
        Ask({"deed": deed}, form={"state": "open", "minutes": "1", **SAID, **sure})
        for deed in ("breaker", "pause", "resume")
        for sure in ({}, SURE)
    ),
    ("GET", "/stops"): (Ask(), Ask(query={"standing": "true"})),
    ("GET", "/stops/new"): (Ask(), Ask(query={"like": "acmesstop"})),
    ("POST", "/stops/plan"): (Ask(form={"seller": "acme", **SAID}), Ask(form={"sku": "MUG", **SAID})),
    ("GET", "/stops/{stop_id}"): PLAIN,
    ("GET", "/stops/{stop_id}/orders"): (Ask(), Ask(query={"after": "acmes_1"})),
    ("POST", "/stops/{stop_id}/apply"): PLAIN,
    ("POST", "/stops/{stop_id}/{how}"): tuple(
        Ask({"how": how}, form={**SAID, **sure}) for how in ("pause", "resume", "undo") for sure in ({}, SURE)
    ),
    ("GET", "/reconciliation"): PLAIN,
    ("GET", "/reconciliation/findings/{kind}"): (Ask(FOUND), Ask(FOUND, {"seller": "acme"})),
    ("GET", "/reconciliation/repairs"): (Ask(query={"id": IDS["finding_id"]}),),
    ("POST", "/reconciliation/plan"): tuple(
        Ask(form={**FOUND, **more})
        for more in ({"all": "1"}, {"all": "1", "seller": "acme"}, {"id": IDS["finding_id"]})
    ),
    ("POST", "/reconciliation/repair"): (Ask(form={**FOUND, **SAID, "id": IDS["finding_id"]}),),
    ("POST", "/reconciliation/runs"): tuple(
        Ask(form={**form, **sure}) for form in ({"order_id": "acmes_2"}, {}) for sure in ({}, SURE)
    ),
    ("GET", "/reconciliation/runs/{run_id}"): PLAIN,
    ("GET", "/audit"): (Ask(), OF_SELLER, BY_ORDER, Ask(query={"by": NAMESAKE})),
    ("GET", "/audit/sign-ins"): PLAIN,
    ("GET", "/audit/verify"): (Ask(), BY_ORDER),
    ("GET", "/sellers"): PLAIN,
    ("POST", "/sellers/apply"): (
        Ask(file=b'seller = "acme"\nname = "Mine now"\n'),
        Ask(form={"profile": 'seller = "acme"\nname = "Mine now"\n', "version": "1", "confirmed": "yes"}),
    ),
    ("GET", "/sellers/{seller}"): PLAIN,
    ("POST", "/sellers/{seller}/catalog"): (
        Ask(file=CATALOG),
        Ask(form={"digest": hashlib.sha256(CATALOG).hexdigest()}, file=CATALOG),
    ),
    ("GET", "/sessions"): PLAIN,
    ("POST", "/sessions/{session_id}/end"): (Ask(), Ask(form=SURE)),
}
"""How each page and action is asked for acme's things; a new one that stands not here fails the test."""
BLANK = {"/stops/new", "/audit/verify", "/network", "/network/{lane}", "/attention", "/reconciliation"}
"""Pages that name no seller's thing before something is chosen, and those of what all sellers share."""


def routes() -> set[tuple[str, str]]:
    """Every method and path of the console that ends."""
    found = create_console(None).routes  # type: ignore[arg-type]  # never asked
    assert [each.path for each in found if isinstance(each, Mount)] == ["/static"]
    pages = [each for each in found if isinstance(each, Route)]
    assert len(pages) + 1 == len(found)
    methods = {(method, each.path) for each in pages for method in (each.methods or set()) - {"HEAD"}}
    return {(method, path) for method, path in methods if path not in OPEN | STREAMS}


def test_every_page_and_action_says_how_it_is_asked() -> None:
    """A new one stands in ROWS, or this fails; one that went away too."""
    assert routes() == set(ROWS)


def ways() -> Iterator[tuple[str, str, Ask]]:
    """All of it, what takes something away at last."""
    for method, path in sorted(ROWS, key=lambda route: (route[0] == "POST", route[1])):
        for way in ROWS[method, path]:
            yield method, path, way


async def ask(browser: Browser, method: str, path: str, ids: dict[str, str], way: Ask) -> httpx.Response:
    """As a page would send it."""
    url = "/console" + path.replace(":str", "").format(**{**ids, **way.part})
    if method == "GET":
        return await browser.get(url, params=dict(way.query))
    files = {"file": ("file", way.file)} if way.file else None
    headers = {"X-CSRF-Token": browser.csrf, **HTMX}
    return await browser.http.post(url, data=dict(way.form), files=files, headers=headers)


def absent(way: Ask, ids: dict[str, str]) -> Ask:
    """The same about things that never were."""
    return Ask(instead(way.part, ids), instead(way.query, ids), instead(way.form, ids), instead(way.file, ids))


async def test_no_person_of_one_seller_reaches_what_is_anothers(shop: Shop, environment: WorkflowEnvironment) -> None:
    """Each role, each page, each action: exactly as if it never was. Nothing of acme is shown, nothing has changed."""
    ids = await things_of_acme(shop, IDS)
    async with AsyncExitStack() as stack:
        people = {
            role: await stack.enter_async_context(
                somebody(shop.api.url, shop.api.services, f"Bolt {role}", role, "bolt")
            )
            for role in PERSON_ROLES
        }
        before = await standing(shop, environment.client)
        for method, path, way in ways():
            for role, browser in people.items():
                await _stranger(browser, method, path, ids, way, role)
        assert await standing(shop, environment.client) == before
    await _told_to_its_own(shop, ids)


async def _stranger(browser: Browser, method: str, path: str, ids: dict[str, str], way: Ask, role: str) -> None:
    """The answer is that of what never was."""
    theirs = await ask(browser, method, path, ids, way)
    nothing = await ask(browser, method, path, never(ids), absent(way, ids))
    told = f"{role} {method} {path} {way}: {theirs.status_code} {text_of(theirs)[:500]}"
    assert theirs.status_code < 500, told
    assert theirs.status_code == nothing.status_code, told
    assert plain(text_of(theirs), ids) == plain(text_of(nothing), ids), told
    assert not OF_ACME.search(text_of(nothing)), told


async def _told_to_its_own(shop: Shop, ids: dict[str, str]) -> None:
    """What bolt's people asked for is there: acme's admin sees it, page by page."""
    async with somebody(shop.api.url, shop.api.services, "acme's Eve", "admin", "acme") as eve:
        for method, path, way in ways():
            if method == "GET" and path not in BLANK:
                page = await ask(eve, method, path, ids, way)
                assert page.status_code in (200, 303), f"{path} {way}: {page.text[-900:]}"
                assert gone(text_of(page), ids) != text_of(page), f"{path} {way}: {text_of(page)[:900]}"


def text_of(answer: httpx.Response) -> str:
    """What an answer says, and where it leads; without the name of who looks."""
    leads = {name: value for name, value in answer.headers.items() if name in ("location", "hx-redirect")}
    return re.sub(r"acme&#39;s Eve", "Eve", answer.text) + str(leads or "")


async def test_no_stream_of_the_console_tells_what_is_anothers(shop: Shop) -> None:
    """While an order of acme comes in: who watches everything sees it, bolt's people never."""
    came = asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.timeout(60), asyncio.TaskGroup() as group:
        people = [("viewer", "bolt"), ("operator", "bolt"), ("admin", "bolt"), ("operator", None)]
        listening = []
        for role, seller in people:
            browser = await stack.enter_async_context(
                somebody(shop.api.url, shop.api.services, f"{role} {seller}", role, seller)  # type: ignore[arg-type]
            )
            listening += [group.create_task(_listen(browser, path, came)) for path in STREAMS]
        assert (await shop.api.post("/v1/orders", order_body())).status_code == 202
        came.set()
        heard = await asyncio.gather(*listening)
    *theirs, whole = heard
    assert 'data-arrived="1"' in whole
    assert OF_ACME.search(whole)
    for told in theirs:
        assert 'data-arrived="0"' in told
        assert 'data-arrived="1"' not in told
        assert not OF_ACME.search(told)


async def _listen(browser: Browser, path: str, came: asyncio.Event) -> str:
    """What a stream tells until three events after the order came."""
    heard, more = "", 3
    async with browser.http.stream("GET", f"/console{path}") as stream:
        assert stream.status_code == 200
        async for line in stream.aiter_lines():
            heard += f"{line}\n"
            more -= came.is_set() and line.startswith("event: ")
            if more == 0:
                return heard
    raise AssertionError("the stream ended")
