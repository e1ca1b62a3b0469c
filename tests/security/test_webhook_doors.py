"""Every door for a company's messages, over HTTP: signed once, repeated, forged, and with another door's secret."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from ordersaga.bootstrap import open_services
from ordersaga.embedded.network import APP_KEY, SHOP
from tests.api.test_webhooks import stored
from tests.fuzz.messages import MESSAGES, Headers, signing
from tests.support.api import CREDENTIALS, Api, StubOrders, serving, settings_for
from tests.support.emulators import ROOT

SECRETS = {
    **{name: str(CREDENTIALS[f"{name}_webhook_secret"]) for name in ("stripe", "shipbob", "easypost")},
    "courier": "whsec_Y291cmllci1mb3ItdGVzdHM=",
    "tiktok_shop": "tiktok-for-tests",
}
SIGNERS = signing(SECRETS)
NETWORK = """
[accounts.courier]
kind = "private_delivery"
url = "http://127.0.0.1:9"
token = "file:{folder}/courier"
webhook_secret = "file:{folder}/courier"

[accounts.tiktok_shop]
kind = "tiktok_shop"
seller = "acme"
shop_id = "{shop}"
app_key = "{key}"
shop_cipher = "file:{folder}/tiktok_shop"
app_secret = "file:{folder}/tiktok_shop"
access_token = "file:{folder}/tiktok_shop"
"""


@pytest_asyncio.fixture
async def everybodys(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a deployment with an account at each company that sends messages."""
    for name in ("courier", "tiktok_shop"):
        (tmp_path / name).write_text(SECRETS[name])
    network = tmp_path / "network.toml"
    network.write_text(NETWORK.format(folder=tmp_path, shop=SHOP, key=APP_KEY))
    settings = settings_for(database_url, network=network)
    async with open_services(settings, orders=StubOrders()) as services, serving(services) as api:
        yield api


def message(source: str) -> bytes:
    """What the company usually says."""
    return json.dumps(MESSAGES[source][0]).encode()


async def send(api: Api, source: str, body: bytes, headers: Headers) -> httpx.Response:
    """It has no API key."""
    return await api.http.post(f"/v1/webhooks/{source}", content=body, headers=dict(headers))


async def test_every_door_is_tried(everybodys: Api) -> None:
    """Whatever reads a company's messages has a door here: a new one has no way past these tests."""
    readers = {file.parent.name for file in (ROOT / "ordersaga/gateways").glob("*/webhooks.py")}
    kinds = {"private_delivery": "courier"}
    assert set(everybodys.services.webhooks) == set(SECRETS) == {kinds.get(name, name) for name in readers}


@pytest.mark.parametrize("source", SECRETS)
async def test_a_signed_message_is_stored_once(everybodys: Api, source: str) -> None:
    """Sent again, also after it was delivered, it is taken and nothing comes of it."""
    body = message(source)
    signed = SIGNERS[source](body)
    assert (await send(everybodys, source, body, signed)).status_code == 204
    (first,) = await stored(everybodys)
    await everybodys.services.inbox.mark_delivered(first.id)
    assert (await send(everybodys, source, body, {**signed, "X-Again": "1"})).status_code == 204
    assert await stored(everybodys) == []
    assert await everybodys.services.inbox.count_by_status() == {"delivered": 1}


def _unsigned(source: str, body: bytes) -> tuple[bytes, Headers]:
    return body, {}


def _another_body(source: str, body: bytes) -> tuple[bytes, Headers]:
    return body.replace(b"{", b'{"forged-mark": 1, ', 1), SIGNERS[source](body)


def _another_secret(source: str, body: bytes) -> tuple[bytes, Headers]:
    wrong = "whsec_" + "d3Jvbmctc2VjcmV0LW9mLXRlc3Rz" if SECRETS[source].startswith("whsec_") else "wrong"
    return body, signing({**SECRETS, source: wrong})[source](body)


def _cut(source: str, body: bytes) -> tuple[bytes, Headers]:
    return body, {name: value[:-1] for name, value in SIGNERS[source](body).items()}


FORGED: dict[str, Callable[[str, bytes], tuple[bytes, Headers]]] = {
    "unsigned": _unsigned,
    "another body": _another_body,
    "another secret": _another_secret,
    "cut": _cut,
}


@pytest.mark.parametrize("source", SECRETS)
@pytest.mark.parametrize("how", FORGED)
async def test_a_forged_message_is_refused_at_every_door(everybodys: Api, source: str, how: str) -> None:
    """400; nothing is stored, and nothing of it comes back."""
    body, headers = FORGED[how](source, message(source))
    answer = await send(everybodys, source, body, headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")
    assert "forged-mark" not in answer.text
    assert await stored(everybodys) == []


@pytest.mark.parametrize("source", SECRETS)
async def test_one_companys_signature_opens_no_other_door(everybodys: Api, source: str) -> None:
    """A message that is well signed for one is refused by all others."""
    body = message(source)
    for other in SECRETS.keys() - {source}:
        assert (await send(everybodys, other, body, SIGNERS[source](body))).status_code == 400
    assert await stored(everybodys) == []
