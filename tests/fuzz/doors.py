"""Doors of a running stack: bytes in, a status out. Bodies, files, search words and signed messages of companies."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from ordersaga.embedded import Stack
from ordersaga.seller_files import read_seller_file
from tests.fuzz.messages import MESSAGES, Headers, signers
from tests.fuzz.readers import PLAIN_SELLER, SELLER_FILE
from tests.fuzz.tally import BrokenError
from tests.support.emulators import ROOT

PATIENCE: Final = 30.0
"""Seconds in which every door answers; longer is silence."""
JSON: Final = {"Content-Type": "application/json"}
CSV: Final = {"Content-Type": "text/csv"}
_WORD: Final = 9_000
"""Bytes of a word in an address: a client makes none that is longer than 64 KB in all."""
_AGAIN: Final = 6
"""A door that says it is busy is asked so often, after the seconds it names: busy for good is broken."""


@dataclass
class Api:
    """The API of the stack, with a key for every role."""

    http: httpx.AsyncClient
    keys: Mapping[str, str]

    async def send(self, method: str, path: str, *, role: str | None = None, **more: Any) -> str:
        """The status of the answer, or `unsent`. Raises BrokenError for 5xx, silence, and a connection that ends."""
        auth = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        headers = {**auth, **more.pop("headers", {})}
        for _ in range(_AGAIN):
            try:
                answer = await self.http.request(method, path, headers=headers, **more)
            except httpx.InvalidURL:
                return "unsent"  # no client makes such an address
            except httpx.HTTPError as error:
                raise BrokenError("crash", f"{method} {path[:80]}: {type(error).__name__}: {error}") from error
            if not busy(answer.status_code, answer.headers):
                break
            await asyncio.sleep(min(5.0, float(answer.headers["retry-after"])))
        if answer.status_code >= 500:
            raise BrokenError("5xx", f"{method} {path[:80]}: {answer.status_code} {answer.text[:200]}")
        return str(answer.status_code)


def busy(status: int, headers: Mapping[str, str]) -> bool:
    """Whether it is an answer to come again, which a machine under load may give."""
    return status == 503 and headers.get("retry-after", "").isdecimal()


@dataclass
class Door:
    """`send` puts bytes through it; `good`: what usually comes."""

    name: str
    send: Callable[[bytes], Any]
    good: Sequence[bytes] = field(default=(b"",))


def doors_of(stack: Stack, api: Api) -> list[Door]:
    """Every door that takes bytes from outside."""
    return [*_files(api), *_words(api), *_webhooks(stack, api)]


def _files(api: Api) -> list[Door]:
    catalog = (ROOT / "examples" / "catalog.csv").read_bytes().splitlines(keepends=True)
    goods = [catalog[0] + b"".join(catalog[n : n + 3]) for n in range(1, len(catalog), 9)]
    order = json.loads((ROOT / "examples" / "order.json").read_bytes())

    async def load(content: bytes) -> str:
        return await api.send(
            "POST", "/v1/catalog", role="operator", content=content, headers={"Content-Type": "text/csv"}
        )

    async def place(content: bytes) -> str:
        return await api.send("POST", "/v1/orders", role="checkout", content=content, headers=JSON)

    async def onboard(content: bytes) -> str:
        try:
            seller, told = read_seller_file(content)
        except ValueError:
            return "refused"
        path = f"/v1/sellers/{quote(seller, safe='', errors='replace')}"
        body = json.dumps(told).encode()
        return await api.send("PUT", path, role="operator", content=body, headers=JSON, params={"dry_run": "true"})

    unnamed = {name: value for name, value in order.items() if name != "order_id"}
    wordy = {**unnamed, "buyer": "b1", "channel": "web", "waitlist": True, "wait_until": "2030-01-01T00:00:00Z"}
    bodies = [json.dumps(body).encode() for body in (order, unnamed, wordy)]
    return [
        Door("POST catalog", load, goods),
        Door("POST order", place, bodies),
        Door("PUT seller", onboard, [SELLER_FILE, PLAIN_SELLER]),
    ]


def _words(api: Api) -> list[Door]:
    async def search(content: bytes) -> str:
        return await api.send("GET", f"/v1/search?q={quote(content[:_WORD])}", role="operator")

    async def filters(content: bytes) -> str:
        name = ("by", "cursor", "kind", "since")[len(content) % 4]
        return await api.send("GET", f"/v1/audit/deeds?{name}={quote(content[:_WORD])}", role="operator")

    found = [b"ord_1", b"tiktok_7495", b"acme", b"1Z000001", b"MUG", b"ann@example.com", b"W10="]
    return [Door("search", search, found), Door("filters", filters, found)]


def _webhooks(stack: Stack, api: Api) -> list[Door]:
    found = []
    for source, sign in signers(stack).items():
        good = [json.dumps(message).encode() for message in MESSAGES[source]]
        found.append(Door(f"webhook {source}, signed", _hearing(api, source, sign), good))
        found.append(Door(f"webhook {source}, unsigned", _hearing(api, source, _unsigned(sign)), good))
    return found


def _hearing(api: Api, source: str, sign: Callable[[bytes], Headers]) -> Callable[[bytes], Any]:
    async def send(content: bytes) -> str:
        return await api.send("POST", f"/v1/webhooks/{source}", content=content, headers={**JSON, **sign(content)})

    return send


def _unsigned(sign: Callable[[bytes], Headers]) -> Callable[[bytes], Headers]:
    """Headers that cannot be right: the bytes themselves decide which are nonsense, and which are missing."""

    def nonsense(content: bytes) -> Headers:
        kind = hashlib.sha256(content).digest()[0] % 4
        made = sign(b"something else")
        word = base64.b64encode(content[:40]).decode()
        return [{}, made, dict.fromkeys(made, word), {name: value[:-1] for name, value in made.items()}][kind]

    return nonsense
