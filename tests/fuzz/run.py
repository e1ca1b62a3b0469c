"""All doors, one after the other, before a stack of its own; then what its processes say of it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
from pydantic import SecretStr

from ordersaga.demo.run import PACE
from ordersaga.embedded import Stack, StackOptions
from ordersaga.settings import Settings
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.pools import close_pool, create_pool
from tests.fuzz import assistant, codec, routes
from tests.fuzz.doors import CSV, PATIENCE, Api, Door, doors_of
from tests.fuzz.guiding import try_reader
from tests.fuzz.hostile import Hostile
from tests.fuzz.readers import readers
from tests.fuzz.routes import Asked
from tests.fuzz.tally import BrokenError, Tally
from tests.privacy.keys import ONE
from tests.support.api import ROLES
from tests.support.emulators import ROOT

SHARES: Final = {"routes": 0.5, "readers": 0.2, "assistant": 0.05, "doors": 0.25}
"""Of the time."""
_FORESEEN: Final = ("ordersaga.", "temporalio.exceptions.", "temporalio.service.")
"""Errors by which our code says who must act, and Temporal's around them."""
SETTLES: Final = 120.0
"""Seconds in which the relay has gone through what came in."""
Tell = Callable[[str], None]


@dataclass
class Outcome:
    """What came of a run."""

    tallies: list[Tally] = field(default_factory=list)
    asked: Asked = field(default_factory=Asked)

    @property
    def good(self) -> bool:
        """Nothing broke, and every door was tried."""
        return all(each.tried and not each.broken for each in self.tallies)


@dataclass
class Ground:
    """The stack that is asked, with its API. `known`: ids of things that there are, by the name of a path's part."""

    stack: Stack
    api: Api
    codec: Api
    known: dict[str, list[str]]

    def doors(self) -> list[Door]:
        """Every door that takes bytes."""
        return [*doors_of(self.stack, self.api), *codec.codec_doors(self.codec)]


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Ground]:
    """A stack that encrypts, with all companies, the example catalog, a few orders, and a key for each role."""
    settings = Settings(_env_file=None).model_copy(update={**PACE, "encryption_keys": SecretStr(ONE)})
    async with Stack(StackOptions(data=data, free_ports=True, all_companies=True), settings) as stack:
        keys = await _keys(stack)
        async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=PATIENCE, trust_env=False) as http:
            api = Api(http, keys)
            for name in ("catalog.csv", "network.csv"):
                content = (ROOT / "examples" / name).read_bytes()
                loaded = await api.send("POST", "/v1/catalog", role="operator", content=content, headers=CSV)
                assert loaded == "200", name
            for number in range(6):
                body = {**json.loads((ROOT / "examples" / "order.json").read_bytes()), "order_id": f"ord_{number}"}
                assert await api.send("POST", "/v1/orders", role="checkout", json=body) in ("201", "202")
            async with codec.codec_server(stack, keys) as codec_api:
                yield Ground(stack, api, codec_api, {**KNOWN, **await _made(api)})


async def _made(api: Api) -> dict[str, list[str]]:
    """One of what can be made by asking for it; its id."""
    headers, made = {"Authorization": f"Bearer {api.keys['operator']}"}, {}
    for part, (path, body, field_name) in MADE.items():
        answer = await api.http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        made[part] = [str(answer.json()[field_name])]
    return made


async def _keys(stack: Stack) -> dict[str, str]:
    pool = await create_pool(stack.settings.database_url.get_secret_value(), application_name="fuzz", max_size=1)
    try:
        return {role: await ApiKeys(pool).issue(role, f"fuzz {role}") for role in ROLES}
    finally:
        await close_pool(pool)


async def fuzz(ground: Ground, minutes: float, seed: int, tell: Tell) -> Outcome:
    """Try every door for its share of the time."""
    outcome, seconds = Outcome(), minutes * 60
    files = readers(ROOT / "examples")
    for name, reader in files.items():
        share = seconds * SHARES["readers"] / len(files)
        outcome.tallies.append(await asyncio.to_thread(try_reader, name, reader, share, seed))
        tell(_line(outcome.tallies[-1]))
    doors = ground.doors()
    for door in doors:
        outcome.tallies.append(await _try(door, seconds * SHARES["doors"] / len(doors), seed))
        tell(_line(outcome.tallies[-1]))
    outcome.tallies.append(await _try_assistant(ground, seconds * SHARES["assistant"], seed))
    tell(_line(outcome.tallies[-1]))
    outcome.tallies.append(await settled(ground))
    share = seconds * SHARES["routes"]
    said, notes = await asyncio.to_thread(routes.try_routes, ground.api, ground.known, share, seed)
    tally, outcome.asked = await routes.judge(ground.api, notes)
    if not notes or said.startswith("ended"):
        tally.broke(BrokenError("crash", f"schemathesis {said}"), b"")
    outcome.tallies.append(tally)
    tell(_line(tally))
    outcome.tallies.append(await aftermath(ground))
    return outcome


KNOWN: Final[Mapping[str, list[str]]] = {
    "order_id": [f"ord_{number}" for number in range(6)],
    "source": ["stripe", "shipbob", "easypost", "courier", "tiktok_shop"],
    "seller": ["sunny-socks", "acme"],
    "lane": ["payments", "provider-shipbob", "carrier", "provider-newegg"],
    "return_id": ["ord_0-r1"],
    "message_id": ["1", "2"],
}
MADE: Final[Mapping[str, tuple[str, dict[str, Any], str]]] = {
    "endpoint_id": ("/v1/webhook-endpoints", {"url": "https://hooks.example.com/orders"}, "id"),
    "stop_id": (
        "/v1/stops",
        {"match": {"sku": "NONE-1"}, "reason": "to be played with", "unlisted": True, "dry_run": False},
        "stop_id",
    ),
    "run_id": ("/v1/reconciliations", {}, "run_id"),
}
"""Where, with what body, and what its id is called in the answer."""


def _line(tally: Tally) -> str:
    return f"{tally.door}: {tally.tried} inputs, {tally.broken} broke it"


async def _try(door: Door, seconds: float, seed: int) -> Tally:
    tally, hostile, ends = Tally(door.name), Hostile(seed), time.monotonic() + seconds
    while time.monotonic() < ends or not tally.tried:
        await _try_once(tally, door.send, hostile.of(door.good))
    return tally


async def _try_assistant(ground: Ground, seconds: float, seed: int) -> Tally:
    tally, hostile = Tally(assistant.DOOR), Hostile(seed)
    url, key = ground.stack.urls["api"], ground.api.keys["operator"]
    while seconds > 0:
        async with assistant.assistant(url, key) as server:
            began = time.monotonic()
            whole = True
            while whole and time.monotonic() < began + seconds:
                whole = await _try_once(tally, server.send, hostile.of(assistant.GOOD))
        seconds -= time.monotonic() - began  # another server goes on where one broke
    return tally


async def _try_once(tally: Tally, send: Callable[[bytes], Any], content: bytes) -> bool:
    """Whether the door is whole afterwards."""
    try:
        tally.add(await send(content))
    except BrokenError as error:
        tally.broke(error, content)
        return False
    return True


async def aftermath(ground: Ground) -> Tally:
    """The processes themselves: none died, none tells of an error, and the relay settled what came in."""
    tally = Tally("processes")
    for name, restarts in ground.stack.restarts.items():
        tally.add("taken")
        if restarts:
            tally.broke(BrokenError("crash", f"{name} died {restarts} times"), name.encode())
    for log in ("api.log", "worker.log", codec.LOG):
        for line in errors_in(ground.stack.data / "logs" / log):
            tally.broke(BrokenError("crash", f"{log}: {line}"), line.encode())
    return tally


def errors_in(log: Path) -> list[str]:
    """Lines of an error that nobody foresaw: with what was raised where."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        told: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            told = json.loads(line) if line.startswith("{") else {}
        last = str(told.get("exception", "")).strip().rpartition("\n")[2]
        if line.startswith("Traceback") or (last and not last.startswith(_FORESEEN)):
            found.append(f"{told.get('event', line)} {told.get('code', '')} {last}"[:300])
    return found


async def settled(ground: Ground) -> Tally:
    """The relay has gone through what came in: every message was tried once, whatever it says."""
    tally = Tally("relay")
    left = await _untried(ground)
    tally.add("taken")
    if left:
        tally.broke(BrokenError("crash", f"messages that nobody tries: {'; '.join(left)}"), b"inbox")
    return tally


_UNTRIED: Final = """
SELECT format('%s %s of %s, %s attempts', source, source_id, order_id, attempts) FROM webhook_inbox
WHERE status = 'pending' AND error IS NULL ORDER BY id LIMIT 10
"""


async def _untried(ground: Ground) -> list[str]:
    """The first of them: what each is called, and how often it was taken up."""
    connection = await asyncpg.connect(ground.stack.settings.database_url.get_secret_value())
    try:
        ends = time.monotonic() + SETTLES
        while left := [row[0] for row in await connection.fetch(_UNTRIED)]:
            if time.monotonic() > ends:
                return left
            await asyncio.sleep(1)
    finally:
        await connection.close()
    return []


async def replay(ground: Ground, door: str, content: bytes) -> str:
    """What comes of a kept input now."""
    if door == assistant.DOOR:
        async with assistant.assistant(ground.stack.urls["api"], ground.api.keys["operator"]) as server:
            return await server.send(content)
    if door == routes.DOOR:
        return await routes.send(ground.api, content)
    found = {each.name: each for each in ground.doors()}
    if door not in found:
        raise BrokenError("crash", "no single input did it: run with the same seed, and look at the logs")
    return str(await found[door].send(content))
