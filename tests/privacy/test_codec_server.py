"""The codec server: operators and admins read histories in Temporal's own tools; each read is remembered."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio
import uvicorn
from google.protobuf.json_format import MessageToDict, ParseDict
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import DataConverter, WorkflowSerializationContext

from ordersaga.bootstrap import Services, open_services
from ordersaga.codec_server.app import create_codec_app
from ordersaga.console.oidc import Beginning, OpenIdProvider
from ordersaga.openings import CodecServices, open_codec_services
from ordersaga.privacy.codec import subject_named
from ordersaga.settings import Settings
from ordersaga.stores.order_keys import destroy_key
from ordersaga.stores.pools import transaction
from tests.api.conftest import Shop
from tests.fakes.samples import catalog, order
from tests.privacy.keys import ONE
from tests.privacy.planted import Search
from tests.privacy.test_planted import placed
from tests.support.api import StubOrders, settings_for
from tests.support.emulators import free_port
from tests.support.oidc import Issuer, issuing
from tests.support.serving import served as answering

pytestmark = pytest.mark.timeout(120)
UI = "http://127.0.0.1:8233"
HOLDERS = {"ops": "operator", "team": "support"}


@dataclass
class Server:
    """A served codec server, an issuer that vouches for people, and the services of the API beside it."""

    url: str
    services: Services
    issuer: Issuer
    http: httpx.AsyncClient

    async def key(self, role: str, seller: str | None = None) -> str:
        """A new API key."""
        return await self.services.api_keys.issue(role, f"{role} of {seller}", seller)

    async def ask(self, what: str, payloads: list[Payload], token: str | None) -> httpx.Response:
        """As Temporal's UI asks."""
        headers = {"X-Namespace": "default", "Origin": UI}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self.http.post(f"/{what}", json=MessageToDict(Payloads(payloads=payloads)), headers=headers)

    async def shown(self, payloads: list[Payload], token: str) -> list[Payload]:
        """What `decode` answers."""
        answer = await self.ask("decode", payloads, token)
        assert answer.status_code == 200, answer.text
        return list(ParseDict(answer.json(), Payloads()).payloads)

    async def id_token(self, subject: str) -> str:
        """What the issuer gives a person who signs in."""
        provider = OpenIdProvider(self.services.settings, f"{self.url}/back")
        beginning = Beginning.new("/")
        back = await self.issuer.approve(await provider.authorization_url(beginning), subject)
        return (await provider.finish(beginning, dict(parse_qsl(urlsplit(back).query)))).id_token


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer that knows an operator and somebody of support."""
    async with issuing() as running:
        for name, group in (("olga", "ops"), ("sam", "team")):
            await running.person(name, email=f"{name}@example.com", email_verified=True, groups=[group])
        yield running


@pytest_asyncio.fixture
async def server(database_url: str, issuer: Issuer) -> AsyncIterator[Server]:
    """Of a deployment that encrypts, with sellers acme and bolt."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    client = await issuer.register(f"{url}/back")
    known = {"oidc_issuer": issuer.url, "oidc_client_id": client.id, "oidc_client_secret": client.secret}
    settings = settings_for(database_url, encryption_keys=ONE, oidc_roles=HOLDERS, **known)
    async with open_services(settings, orders=StubOrders()) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        async with served(settings, port), httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            yield Server(url, services, issuer, http)


@contextlib.asynccontextmanager
async def served(settings: Settings, port: int) -> AsyncIterator[CodecServices]:
    """The codec server on a port, with services of its own, until the block ends."""
    async with open_codec_services(settings) as services:

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[CodecServices]:
            yield services

        app = create_codec_app(opened, UI)
        async with answering(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)):
            yield services


def of(converter: DataConverter, workflow_id: str) -> DataConverter:
    """The converter as it is used for one workflow."""
    return converter.with_context(WorkflowSerializationContext(namespace="default", workflow_id=workflow_id))


async def written(server: Server, order_id: str, seller: str = "acme") -> Payload:
    """A payload of an order of this seller's, as Temporal keeps it."""
    asked = order(order_id, seller=seller)
    await server.services.stock.confirm_hold(asked)
    (payload,) = await of(server.services.converter, f"order-{order_id}").encode([asked])
    return payload


async def test_operators_and_admins_read_and_it_is_remembered(server: Server) -> None:
    """By API key and by the issuer's own token; who, which order and how many payloads are told for good."""
    payload = await written(server, "o1")
    for token in (await server.key("operator"), await server.key("admin"), await server.id_token("olga")):
        (shown,) = await server.shown([payload], token)
        assert b"Ada Byron" in shown.data
    reads = await server.services.codec_reads.told("o1")
    assert [(read.by, read.role, list(read.subjects), read.payloads) for read in reversed(reads)] == [
        ("operator of None", "operator", ["o1"], 1),
        ("admin of None", "admin", ["o1"], 1),
        ("olga@example.com", "operator", ["o1"], 1),
    ]
    with pytest.raises(Exception, match="append-only"):
        await server.services.pool.execute("DELETE FROM codec_reads")


async def test_nobody_else_reads(server: Server) -> None:
    """401 for whoever is not known, 403 for other roles; nothing is shown, and nothing is remembered as read."""
    payload = await written(server, "o1")
    token = await server.id_token("olga")
    forged = token[:-8] + ("A" * 8 if not token.endswith("A" * 8) else "B" * 8)
    for wrong in (None, "osk_operator_guessed", "oss_guessed", "a.b.c", forged):
        assert (await server.ask("decode", [payload], wrong)).status_code == 401
    for role in ("checkout", "channel", "viewer", "support"):
        assert (await server.ask("decode", [payload], await server.key(role))).status_code == 403
    assert (await server.ask("encode", [payload], await server.id_token("sam"))).status_code == 403
    assert await server.services.codec_reads.told() == []


async def test_an_expired_token_lets_nobody_in(server: Server) -> None:
    """Nor does one that was made out for somebody else's application."""
    payload = await written(server, "o1")
    live = await server.id_token("olga")
    assert (await server.ask("decode", [payload], live)).status_code == 200
    other = await server.issuer.register("http://127.0.0.1:1/back")
    elsewhere = server.services.settings.model_copy(
        update={
            "oidc_client_id": other.id,
            "oidc_client_secret": type(server.services.settings.smtp_password)(other.secret),
        }
    )
    provider = OpenIdProvider(elsewhere, "http://127.0.0.1:1/back")
    beginning = Beginning.new("/")
    back = await server.issuer.approve(await provider.authorization_url(beginning), "olga")
    foreign = (await provider.finish(beginning, dict(parse_qsl(urlsplit(back).query)))).id_token
    assert (await server.ask("decode", [payload], foreign)).status_code == 401


async def test_a_sellers_operator_reads_this_sellers_orders_only(server: Server) -> None:
    """Others' payloads, and what belongs to no order, come back as they are."""
    mine, theirs = await written(server, "o1"), await written(server, "o2", seller="bolt")
    (nobodys,) = await of(server.services.converter, "stop-1").encode(["a stop"])
    shown = await server.shown([mine, theirs, nobodys], await server.key("operator", "acme"))
    assert b"Ada Byron" in shown[0].data
    assert shown[1:] == [theirs, nobodys]
    (read,) = await server.services.codec_reads.told()
    assert (list(read.subjects), read.payloads, read.seller) == (["o1"], 1, "acme")


async def test_what_was_erased_or_never_encrypted_is_shown_as_such(server: Server) -> None:
    """Erased: said so. In the clear: as it is. Altered: as it is, unread."""
    gone = await written(server, "o1")
    async with transaction(server.services.pool) as work:
        await destroy_key(work, "o1")
    kept = await written(server, "o2")
    altered = Payload(metadata=kept.metadata, data=kept.data[:-1] + b"x")
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    shown = await server.shown([gone, altered, plain], await server.key("operator"))
    assert (shown[0].data, shown[1], shown[2]) == (b'"(erased)"', altered, plain)


async def test_a_subject_that_cannot_be_one_is_shown_as_it_is(server: Server) -> None:
    """Nobody looks for its key, and nothing of it is written down as read: not what no database could keep either."""
    kept = await written(server, "o1")
    names = (b"o1\0", b"\xff", b"", b"o" * 65, b"o-1", "\u2028".encode())
    hostile = [Payload(metadata={**kept.metadata, "key-subject": name}, data=kept.data) for name in names]
    for seller in (None, "acme"):
        assert await server.shown(hostile, await server.key("operator", seller)) == hostile
    assert await server.services.codec_reads.told() == []


async def test_what_an_operator_sends_by_hand_is_encrypted(server: Server) -> None:
    """With the deployment's key, and every workflow reads it."""
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'"by hand"')
    answer = await server.ask("encode", [plain], await server.key("operator"))
    (sealed,) = ParseDict(answer.json(), Payloads()).payloads
    assert subject_named(sealed) == "@deployment"
    assert b"by hand" not in sealed.data
    assert await of(server.services.converter, "order-o1").decode([sealed]) == ["by hand"]


async def test_browsers_ask_from_temporals_ui_only(server: Server) -> None:
    """CORS names that one origin; a malformed body is refused."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-namespace"}
    allowed = await server.http.options("/decode", headers={"Origin": UI, **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, UI)
    refused = await server.http.options("/decode", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers
    bearer = {"Authorization": f"Bearer {await server.key('operator')}"}
    assert (await server.http.post("/decode", content=b"{", headers=bearer)).status_code == 400
    deep, as_a_file = b"[" * 100_000, {**bearer, "Content-Type": "text/csv"}
    assert (await server.http.post("/decode", content=deep, headers=as_a_file)).status_code == 400
    assert (await server.http.get("/healthz")).text == "ok\n"


async def test_temporals_command_line_shows_a_history(shop: Shop) -> None:
    """With an operator's key it shows the order, as JSON with payloads in base64; without one, ciphertext."""
    await placed(shop, "shown")
    services, port = shop.api.services, free_port()
    token = await services.api_keys.issue("operator", "olga")
    async with served(services.settings, port):
        show = ("workflow", "show", "-w", "order-shown", "--address", services.settings.temporal_address, "-o", "json")
        codec = ("--codec-endpoint", f"http://127.0.0.1:{port}", "--codec-auth", f"Bearer {token}")
        assert shows_the_person(await _temporal(*show, *codec))
        assert not shows_the_person(await _temporal(*show))


def shows_the_person(told: str) -> bool:
    """Whether the order's address stands in it."""
    search = Search(words=("Quixworthy",))
    search.look("history", "told", told)
    return bool(search.found)


async def _temporal(*words: str) -> str:
    """What Temporal's command line prints."""
    program: Any = Path(sys.executable).parent / "temporal"
    process = await asyncio.create_subprocess_exec(program, *words, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    assert process.returncode == 0
    return told.decode()
