"""Signing in through a real OpenID Connect issuer: who gets in, as whom, and what must let nobody in."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services, open_services
from tests.fakes.samples import catalog
from tests.support.api import Api, StubOrders, serving, settings_for
from tests.support.console import Browser
from tests.support.emulators import free_port
from tests.support.oidc import Issuer, issuing

ROLES = {"watchers": "viewer", "support-team": "support", "ops": "operator", "owners": "admin"}
SOME_PAGE = "/console/orders/ord_none"
"""Tells whoever is signed in, by name, that there is no such order."""


@dataclass
class Door:
    """The console with an issuer before it, and a browser of somebody whom it knows."""

    issuer: Issuer
    api: Api
    browser: Browser

    @property
    def services(self) -> Services:
        """Of the served API."""
        return self.api.services

    async def sign_in(self, subject: str = "u-1", next_page: str = "/console/attention") -> Any:
        """The whole way: to the issuer, and back; the console's answer."""
        begun = await self.browser.get(f"/console/sign-in/start?next={next_page}")
        assert begun.status_code == 303, begun.text
        return await self.browser.get(await self.issuer.approve(begun.headers["location"], subject))

    async def told(self) -> list[tuple[str, str | None, str]]:
        """What is remembered of signing in, oldest first: what, why, of whom."""
        return [(one.what, one.reason, one.subject) for one in reversed(await self.services.people.sign_ins())]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def issuer_process() -> AsyncIterator[Issuer]:
    """One issuer for all tests of this module."""
    async with issuing() as running:
        yield running


@pytest_asyncio.fixture
async def issuer(issuer_process: Issuer) -> Issuer:
    """The issuer, erring in nothing, with one person of support."""
    await issuer_process.err()
    await issuer_process.person("u-1", email="ada@example.com", email_verified=True, groups=["support-team", "x"])
    return issuer_process


@pytest_asyncio.fixture
async def door(issuer: Issuer, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    """`door` with other settings: `@pytest.mark.parametrize("door", [{...}], indirect=True)`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    changes = dict(getattr(request, "param", {}))
    client = await issuer.register(f"{url}/console/sign-in/back", changes.pop("method", "client_secret_basic"))
    settings = settings_for(
        database_url,
        **{
            "base_url": url,
            "oidc_issuer": issuer.url,
            "oidc_client_id": client.id,
            "oidc_client_secret": client.secret,
            "oidc_roles": ROLES,
            **changes,
        },
    )
    async with open_services(settings, orders=StubOrders()) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        async with serving(services, port) as api, Browser(url) as browser:
            yield Door(issuer, api, browser)


async def test_a_person_signs_in_and_comes_to_the_page_they_wanted(door: Door) -> None:
    """With the role that their group gives and the name that the issuer vouches for; it is remembered."""
    wanted = await door.browser.get("/console/orders/ord_1?tab=money")
    assert wanted.headers["location"] == "/console/sign-in?next=%2Fconsole%2Forders%2Ford_1%3Ftab%3Dmoney"
    assert (
        "/console/sign-in/start?next=/console/orders/ord_1%3Ftab%3Dmoney"
        in (await door.browser.get(wanted.headers["location"])).text
    )
    answer = await door.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/attention")
    page = await door.browser.get(SOME_PAGE)
    assert page.status_code == 404
    assert "ada@example.com" in page.text
    [session] = await door.services.people.sessions()
    assert (session.name, session.role, session.seller) == ("ada@example.com", "support", None)
    assert await door.told() == [("signed_in", None, "u-1")]


async def test_what_goes_to_the_issuer_can_be_used_by_this_browser_once(door: Door) -> None:
    """State, nonce and a hashed verifier, new each time; the secret and the verifier are in no address."""
    seen = []
    for _ in range(2):
        answer = await door.browser.get("/console/sign-in/start")
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["code_challenge_method"] == ["S256"]
        assert query["response_type"] == ["code"]
        assert "client_secret" not in query
        assert "code_verifier" not in query
        seen.append((query["state"], query["nonce"], query["code_challenge"]))
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/console/sign-in" in cookie
    assert all(first != second for first, second in zip(*seen, strict=True))


async def test_an_answer_is_good_once_and_in_its_own_browser_only(door: Door) -> None:
    """A code that is replayed, brought by another browser or with another state signs nobody in."""
    begun = await door.browser.get("/console/sign-in/start")
    back = await door.issuer.approve(begun.headers["location"], "u-1")
    async with Browser(door.api.url) as other:
        assert (await other.get(back)).status_code == 403
        await other.get("/console/sign-in/start")
        assert (await other.get(back)).status_code == 403
    kept = dict(door.browser.http.cookies)
    assert (await door.browser.get(back)).status_code == 303
    async with Browser(door.api.url) as again:
        again.http.cookies.update({"ordersaga_signing_in": kept["ordersaga_signing_in"]})
        assert (await again.get(back)).status_code == 403
    assert len(await door.services.people.sessions()) == 1


def _in(seconds: float) -> int:
    return round(time.time() + seconds)


WRONG: tuple[dict[str, Any], ...] = (
    {"claims": {"nonce": "another"}},
    {"claims": {"nonce": None}},
    {"claims": {"aud": "another client"}},
    {"claims": {"aud": ["us", "them"], "azp": "them"}},
    {"claims": {"iss": "https://elsewhere.example"}},
    {"claims": {"exp": _in(-3600)}},
    {"claims": {"iat": _in(3600)}},
    {"claims": {"exp": None}},
    {"claims": {"sub": None}},
    {"claims": {"at_hash": "b3RoZXI"}},
    {"key": "unpublished"},
    {"algorithm": "none"},
    {"algorithm": "HS256"},
)


async def test_a_token_that_is_not_the_issuers_word_for_us_now_signs_nobody_in(door: Door) -> None:
    """Nor is anybody told what was wrong, nor is it taken for a person's refusal."""
    for wrong in WRONG:
        await door.issuer.err(**wrong)
        answer = await door.sign_in()
        assert answer.status_code == 403, wrong
        assert "You could not be signed in" in answer.text
        assert not any(word in answer.text.lower() for word in ("nonce", "token", "claim", "signature", "audience"))
        assert "ordersaga_session" not in answer.headers.get("set-cookie", ""), wrong
    assert await door.services.people.sessions() == []
    assert await door.told() == []
    await door.issuer.err()
    assert (await door.sign_in()).status_code == 303


async def test_clocks_may_differ_by_a_minute(door: Door) -> None:
    """An issuer's clock that is a little ahead, or a token that ended a moment ago."""
    await door.issuer.err(claims={"iat": _in(40), "exp": _in(600)})
    assert (await door.sign_in()).status_code == 303
    await door.browser.post("/console/sign-out")
    door.browser.http.cookies.clear()
    await door.issuer.err(claims={"exp": _in(-20)})
    assert (await door.sign_in()).status_code == 303


async def test_new_keys_of_the_issuer_are_known_at_once(door: Door) -> None:
    """The keys are remembered, yet a token signed by a new one is no reason to keep people out."""
    assert (await door.sign_in()).status_code == 303
    door.browser.http.cookies.clear()
    await door.issuer.err(key="rotated")
    assert (await door.sign_in()).status_code == 303


STRANGERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"email": "eve@example.com", "groups": ["strangers"]}, "no_role"),
    ({"email": "eve@example.com"}, "no_role"),
    ({"email": "eve@example.com", "groups": {"ops": True}}, "no_role"),
    ({"email": "eve@example.com", "email_verified": False, "groups": ["ops"]}, "no_name"),
    ({"email": "eve@example.com", "email_verified": "false", "groups": ["ops"]}, "no_name"),
    ({"email": " ", "groups": ["ops"]}, "no_name"),
    ({"email": "ADA@example.com", "groups": ["ops"]}, "name_taken"),
)


async def test_a_person_who_may_not_sign_in_is_remembered_and_told_nothing(door: Door) -> None:
    """Without a role, a name that is vouched for, or with somebody else's name."""
    await door.sign_in()
    async with Browser(door.api.url) as eve:
        door.browser = eve
        for claims, reason in STRANGERS:
            await door.issuer.person("u-2", **claims)
            answer = await door.sign_in("u-2")
            assert answer.status_code == 403, claims
            assert reason not in answer.text
    assert (await door.told())[1:] == [("refused", reason, "u-2") for _, reason in STRANGERS]
    assert len(await door.services.people.sessions()) == 1


async def test_another_name_makes_no_second_person(door: Door) -> None:
    """Whoever changes the name at the issuer keeps the first one here: two who must agree stay two people."""
    await door.sign_in()
    await door.issuer.person("u-1", email="second@example.com", groups=["ops"])
    await door.sign_in()
    assert [(one.name, one.role) for one in await door.services.people.sessions()] == [
        ("ada@example.com", "support"),
        ("ada@example.com", "operator"),
    ]


async def test_the_highest_role_counts(door: Door) -> None:
    """Of several groups."""
    await door.issuer.person("u-3", email="bo@example.com", groups=["watchers", "owners", "support-team"])
    await door.sign_in("u-3")
    assert [one.role for one in await door.services.people.sessions()] == ["admin"]


@pytest.mark.parametrize(
    "door",
    [{"oidc_seller_claim": "shop", "oidc_role_claim": "realm_access.roles", "oidc_name_claim": "login"}],
    indirect=True,
)
async def test_a_person_of_one_seller_sees_this_sellers_only(door: Door) -> None:
    """By the claim that the settings name; one without it, or of a seller nobody knows, is not let in."""
    for subject, shop in (("s-1", "acme"), ("s-2", "*"), ("s-3", None), ("s-4", "nobody"), ("s-5", ["acme", "bolt"])):
        told = {"login": f"person {subject}", "realm_access": {"roles": ["ops"]}, "shop": shop}
        await door.issuer.person(subject, **{name: value for name, value in told.items() if value is not None})
        answer = await door.sign_in(subject)
        assert answer.status_code == (303 if subject in ("s-1", "s-2") else 403), subject
    assert [(one.name, one.seller) for one in await door.services.people.sessions()] == [
        ("person s-1", "acme"),
        ("person s-2", None),
    ]
    assert [reason for _, reason, _ in await door.told() if reason] == ["no_seller", "unknown_seller", "no_seller"]


async def test_claims_that_the_token_lacks_are_asked_for(door: Door) -> None:
    """Some issuers tell them on request only; and of nobody else."""
    await door.issuer.err(claims={"email": None, "groups": None})
    assert (await door.sign_in()).status_code == 303
    door.browser.http.cookies.clear()
    await door.issuer.err(claims={"email": None, "groups": None}, userinfo={"sub": "somebody else"})
    assert (await door.sign_in()).status_code == 403


async def test_a_person_who_says_no_at_the_issuer_may_try_again(door: Door) -> None:
    """The page offers it and blames nobody."""
    begun = await door.browser.get("/console/sign-in/start")
    answer = await door.browser.get(await door.issuer.deny(begun.headers["location"]))
    assert (answer.status_code, 'href="/console/sign-in"' in answer.text) == (403, True)
    assert (await door.sign_in()).status_code == 303


async def test_an_issuer_that_is_down_keeps_nobody_out_for_longer(door: Door) -> None:
    """Nothing wrong is remembered; whoever is signed in stays so."""
    await door.sign_in()
    async with Browser(door.api.url) as other:
        await door.issuer.err(down=True)
        begun = await other.get("/console/sign-in/start")
        if begun.status_code == 303:  # what the issuer tells of itself is known already
            begun = await other.get(f"/console/sign-in/back?code=x&state={_state(begun.headers['location'])}")
        assert begun.status_code == 403
        assert (await door.browser.get(SOME_PAGE)).status_code == 404
        await door.issuer.err()
        door.browser = other
        assert (await door.sign_in()).status_code == 303


def _state(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


async def test_signing_out_ends_the_session_here_and_at_the_issuer(door: Door) -> None:
    """The token is worth nothing from then on, and the page leads to where the issuer ends its own session."""
    await door.sign_in()
    await door.browser.get(SOME_PAGE)
    token = door.browser.http.cookies["ordersaga_session"]
    page = await door.browser.post("/console/sign-out")
    assert page.status_code == 200
    assert f"{door.issuer.url}/oauth2/end_session?id_token_hint=" in page.text
    assert "post_logout_redirect_uri=" in page.text
    assert await door.services.people.verify(token) is None
    assert (await door.browser.get(SOME_PAGE)).status_code == 303
    assert [what for what, _, _ in await door.told()] == ["signed_in", "signed_out"]


@pytest.mark.parametrize("door", [{"method": "client_secret_post"}], indirect=True)
async def test_a_client_secret_that_the_issuer_refuses_signs_nobody_in(door: Door) -> None:
    """The code is refused; the log says so, the page does not."""
    answer = await door.sign_in()
    assert (answer.status_code, "secret" in answer.text) == (403, False)


async def test_many_sign_in_at_once(door: Door) -> None:
    """Each as themselves, while keys and addresses of the issuer are not known yet."""

    async def one(number: int) -> int:
        await door.issuer.person(f"m-{number}", email=f"m{number}@example.com", groups=["ops"])
        async with Browser(door.api.url) as browser:
            answer = await Door(door.issuer, door.api, browser).sign_in(f"m-{number}")
            return int(answer.status_code)

    assert await asyncio.gather(*map(one, range(8))) == [303] * 8
    assert {one.name for one in await door.services.people.sessions()} == {f"m{n}@example.com" for n in range(8)}
