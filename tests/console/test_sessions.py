"""Sessions: what they open, what they are refused, when they end, and who ends them."""

from datetime import timedelta

import httpx
import pytest

from ordersaga.console.signing_in import safe_target
from ordersaga.domain.people import Identity, SessionLimits
from ordersaga.stores.people import People
from tests.support.api import Api, order_body
from tests.support.console import Browser

SOME_PAGE = "/console/orders/ord_none"
"""Tells whoever is signed in that there is no such order."""


def as_person(browser: Browser) -> dict[str, str]:
    """The browser's session as the API takes it."""
    return {"Authorization": f"Bearer {browser.http.cookies['ordersaga_session']}"}


async def test_nobody_sees_a_page_without_a_session(browser: Browser) -> None:
    """A page leads to the sign-in and back; a part of a page, and an action, lead back to the page they belong to."""
    answer = await browser.get("/console/attention?kind=x")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fattention%3Fkind%3Dx"
    part = await browser.get("/console/attention", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/console/sign-in")
    stops = f"{browser.url}/console/stops?standing=true"
    part = await browser.get("/console/stops", headers={"HX-Request": "true", "HX-Current-URL": stops})
    assert part.headers["hx-redirect"] == "/console/sign-in?next=%2Fconsole%2Fstops%3Fstanding%3Dtrue"
    form = await browser.post("/console/stops/plan", {"sku": "MUG"}, headers={"Referer": stops})
    assert form.status_code == 303
    assert form.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fstops%3Fstanding%3Dtrue&unsent=1"
    assert "was <strong>not</strong> done" in (await browser.get(form.headers["location"])).text
    assert (await browser.post("/console/sign-out")).headers["location"] == "/console/sign-in?unsent=1"
    forged = {"Cookie": "ordersaga_session=oss_forged"}
    assert (await browser.get("/console/attention", headers=forged)).status_code == 303


async def test_one_click_signs_in_by_a_cookie_no_script_and_no_other_site_has(api: Api, browser: Browser) -> None:
    """The demo's person; the database keeps a hash of what the cookie holds."""
    answer = await browser.http.post("/console/sign-in/demo", data={"role": "operator", "next": "/console/stops"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/stops")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("ordersaga_session=oss_")
    assert all(rule in cookie for rule in ("HttpOnly", "SameSite=lax", "Path=/console"))
    assert "Secure" not in cookie
    token = browser.http.cookies["ordersaga_session"]
    async with api.services.pool.acquire() as reader:
        rows = await reader.fetch("SELECT * FROM people_sessions")
    assert len(rows) == 1
    assert token not in str(rows)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        ({"role": "owner"}, {}),
        ({}, {}),
        ({"role": "operator"}, {"Host": "shop.example"}),
        ({"role": "operator"}, {"Origin": "https://elsewhere.example"}),
    ],
    ids=str,
)
async def test_one_click_is_refused(browser: Browser, data: dict[str, str], headers: dict[str, str]) -> None:
    """For a role that is none, by a name that is not this machine's, and from another site."""
    answer = await browser.http.post("/console/sign-in/demo", data=data, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_post_that_our_pages_did_not_send_is_refused(api: Api, browser: Browser) -> None:
    """Without the session's token, with another session's, or from another site; then it does nothing."""
    await browser.sign_in("operator")
    async with Browser(api.url) as other:
        await other.sign_in("admin")
        stolen = other.csrf
    assert stolen != browser.csrf
    ours = {"X-CSRF-Token": browser.csrf}
    refused = [
        await browser.http.post("/console/sign-out"),
        await browser.http.post("/console/sign-out", data={"csrf": stolen}),
        await browser.http.post("/console/sign-out", headers={b"X-CSRF-Token": "é".encode()}),
        await browser.http.post("/console/sign-out", headers={**ours, "Origin": "https://elsewhere.example"}),
        await browser.http.post("/console/sign-out", headers={**ours, "Origin": "null"}),
        await browser.http.post("/console/sign-out", files={"csrf": browser.csrf}),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert (await browser.get(SOME_PAGE)).status_code == 404
    assert (await browser.http.post("/console/sign-out", headers={**ours, "Origin": api.url})).status_code == 303
    assert (await browser.get(SOME_PAGE)).status_code == 303


async def test_the_api_takes_a_session_as_it_takes_a_key(api: Api, browser: Browser) -> None:
    """With the person's role and name; not after they signed out, and never from the cookie alone."""
    await api.post("/v1/orders", order_body(order_id="ord_1"))
    await browser.sign_in("support")
    person = as_person(browser)
    assert (await api.http.get("/v1/orders/ord_1", headers=person)).status_code == 200
    assert (await api.http.get("/v1/lanes", headers=person)).status_code == 403
    assert (await browser.http.get("/v1/orders/ord_1")).status_code == 401
    await browser.post("/console/sign-out")
    assert (await api.http.get("/v1/orders/ord_1", headers=person)).status_code == 401


async def test_a_viewer_does_nothing(api: Api, browser: Browser) -> None:
    """Reads all; every action of every route is refused, whatever is sent."""
    await browser.sign_in("viewer")
    person = as_person(browser)
    document = (await api.http.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method in methods.keys() - {"get"}:
            if path.startswith("/v1/webhooks/"):
                continue  # open: its messages are signed
            answer = await api.http.request(method, path, headers=person, json={})
            assert answer.status_code == 403, (method, path)
    assert (await api.http.get("/v1/stops", headers=person)).status_code == 200


async def _moved(api: Api, column: str, by: timedelta) -> None:
    statement = f"UPDATE people_sessions SET {column} = {column} - $1::interval"
    async with api.services.pool.acquire() as work:
        await work.execute(statement, by)


async def test_a_session_that_nobody_uses_ends(api: Api, browser: Browser) -> None:
    """Use puts it off; what a page asks for by itself does not."""
    await browser.sign_in()
    idle = api.services.settings.session_idle
    await _moved(api, "last_seen_at", idle - timedelta(minutes=2))
    for headers in ({"X-Live": "1"}, {"Accept": "text/event-stream"}):
        assert (await browser.get(SOME_PAGE, headers=headers)).status_code == 404
    await _moved(api, "last_seen_at", timedelta(minutes=1))
    assert (await browser.get(SOME_PAGE)).status_code == 404
    await _moved(api, "last_seen_at", idle - timedelta(minutes=1))
    assert (await browser.get(SOME_PAGE, headers={"X-Live": "1"})).status_code == 404
    await _moved(api, "last_seen_at", timedelta(minutes=2))
    assert (await browser.get(SOME_PAGE)).status_code == 303
    assert (await api.http.get("/v1/orders", headers=as_person(browser))).status_code == 401


async def test_every_session_ends_used_or_not(api: Api, browser: Browser) -> None:
    """After its longest time; the next sign-in removes its row."""
    await browser.sign_in()
    await _moved(api, "expires_at", api.services.settings.session_longest)
    assert (await browser.get(SOME_PAGE)).status_code == 303
    await browser.sign_in("admin")
    async with api.services.pool.acquire() as reader:
        assert await reader.fetchval("SELECT count(*) FROM people_sessions") == 1


async def test_an_admin_ends_somebodys_session_at_once(api: Api, browser: Browser) -> None:
    """Once what that means was shown. Others may neither list nor end any; who ended it is remembered."""
    await browser.sign_in("operator")
    assert (await api.http.get("/v1/sessions", headers=as_person(browser))).status_code == 403
    async with Browser(api.url) as boss:
        await boss.sign_in("admin")
        page = await boss.get("/console/sessions")
        assert "demo operator" in page.text
        [ended] = [one for one in await api.services.people.sessions() if one.role == "operator"]
        foretold = await boss.post(f"/console/sessions/{ended.id}/end")
        assert (foretold.status_code, "demo operator (operator) is signed out at once" in foretold.text) == (200, True)
        assert (await browser.get(SOME_PAGE)).status_code == 404, "nothing has happened yet"
        sure = {"confirmed": "yes"}
        assert (await boss.post(f"/console/sessions/{ended.id}/end", sure)).status_code == 303
        assert (await boss.post(f"/console/sessions/{ended.id}/end", sure)).status_code == 404
        assert (await boss.post(f"/console/sessions/{ended.id}/end")).status_code == 404
        told = (await api.http.get("/v1/sign-ins", headers=as_person(boss))).json()["sign_ins"]
    assert (await browser.get(SOME_PAGE)).status_code == 303
    assert [(one["what"], one["name"], one["by"]) for one in told] == [
        ("ended", "demo operator", "demo admin"),
        ("signed_in", "demo admin", None),
        ("signed_in", "demo operator", None),
    ]


async def test_an_admin_of_one_seller_sees_and_ends_its_people_only(api: Api) -> None:
    """Those of the whole deployment, and of others, do not exist for them."""
    people = api.services.people
    for name, seller in (("all", None), ("hers", "acme")):
        await people.sign_in(Identity(issuer="x", subject=name, name=name, role="admin", seller=seller))
    api.keys["hers"] = await api.services.api_keys.issue("admin", "hers too", "acme")
    listed = (await api.get("/v1/sessions", role="hers")).json()["sessions"]
    assert [one["name"] for one in listed] == ["hers"]
    [other] = [one.id for one in await people.sessions() if one.seller is None]
    assert (await api.send("DELETE", f"/v1/sessions/{other}", role="hers")).status_code == 404
    assert (await api.send("DELETE", f"/v1/sessions/{listed[0]['id']}", role="hers")).status_code == 204
    assert [one["name"] for one in (await api.get("/v1/sign-ins", role="hers")).json()["sign_ins"]] == ["hers", "hers"]


async def test_sign_ins_are_read_page_by_page_and_kept(api: Api) -> None:
    """Newest first; nobody can take one back."""
    people = People(api.services.pool, SessionLimits(idle=timedelta(hours=1), longest=timedelta(hours=1)))
    for number in range(5):
        await people.refused("x", f"s{number}", None, "no_role")
    first = (await api.get("/v1/sign-ins?limit=3")).json()
    rest = (await api.get(f"/v1/sign-ins?limit=3&before={first['next_before']}")).json()
    assert [one["subject"] for one in (*first["sign_ins"], *rest["sign_ins"])] == ["s4", "s3", "s2", "s1", "s0"]
    assert rest["next_before"] is None
    async with api.services.pool.acquire() as work:
        with pytest.raises(Exception, match="append-only"):
            await work.execute("DELETE FROM sign_ins")


async def test_every_answer_forbids_what_a_page_does_not_need(browser: Browser) -> None:
    """Nothing from elsewhere, no inline script, no frame, nothing kept; static files are kept for a day."""
    for path in ("/console/sign-in", "/console/attention", "/console/no-such-page"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = await browser.get("/console/sign-in")
    assert "<script>" not in page.text
    assert " style=" not in page.text
    for address in _addresses(page):
        file = await browser.get(address)
        assert (file.status_code, file.headers["cache-control"]) == (200, "public, max-age=86400"), address


def _addresses(page: httpx.Response) -> list[str]:
    found = [part.split('"')[0] for part in page.text.split('"/console/static/')[1:]]
    assert len(found) >= 5
    return [f"/console/static/{name}" for name in found]


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/console/",
        "//elsewhere.example/console/",
        "/console/\\elsewhere.example",
        "http://[",
        "/v1/orders",
        "/consolefoo",
        "javascript:alert(1)",
        "/console/sign-in/start",
        "/console/x\r\nSet-Cookie: a=b",
        "",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(target: str) -> None:
    """To the console's first page instead."""
    assert safe_target(target) == "/console/"
    assert safe_target("/console/orders/ord_1?tab=money") == "/console/orders/ord_1?tab=money"
