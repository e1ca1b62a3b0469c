"""The load generator, before servers that are slow, overloaded, or die."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ordersaga.api.shapes import NewOrder
from tests.surge import load
from tests.surge.load import offer
from tests.surge.offer import LoadPlan, Stream, body_of, schedule
from tests.surge.records import FAILED, Record, Told, Try, read, spread, write

Answerer = Callable[["Door", str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Door:
    """A server that answers as told. `asked`: how often each came, `times`: when, `ages`: of their connections then."""

    answerer: Answerer
    asked: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    port: int = 0
    server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        opened = asyncio.get_running_loop().time()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.asked[body["order_id"]] += 1
                self.times.append(asyncio.get_running_loop().time())
                self.ages.append(self.times[-1] - opened)
                self.heads.append(head)
                await self.answerer(self, body["order_id"], writer)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def door(answerer: Answerer) -> AsyncIterator[Door]:
    """A server on a free port."""
    found = Door(answerer)
    found.server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = found.server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        found.server.close()


def say(writer: asyncio.StreamWriter, status: int, code: str = "", *headers: str) -> None:
    """An answer."""
    body = json.dumps({"code": code}).encode()
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}", *headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def take(_door: Door, order_id: str, writer: asyncio.StreamWriter) -> None:
    """Always yes."""
    say(writer, 202, order_id)


def stream(count: int, rate: float, wait: int = 0) -> Stream:
    """Orders of one seller."""
    return Stream("v", "viral", "VIRAL", "osk_checkout_x", count, rate, wait=wait)


async def told(*doors: Door, streams: tuple[Stream, ...], patience: float = 30.0) -> Told:
    """What the generator reports."""
    targets = tuple(f"127.0.0.1:{each.port}" for each in doors)
    return await offer(LoadPlan(targets, streams, patience=patience, lead=0.05))


async def test_a_slow_server_delays_nothing_and_its_time_counts() -> None:
    """Requests are sent when they are due, not when others were answered."""

    async def slow(server: Door, order_id: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.0)
        await take(server, order_id, writer)

    async with door(slow) as server:
        found = await told(server, streams=(stream(100, 100),))
    assert {record.answer for record in found.records} == {"accepted"}
    assert len(found.records) == 100
    assert spread([record.late for record in found.records]).p50 < 300
    assert min(record.latency or 0 for record in found.records) > 0.99
    assert server.times[-1] - server.times[0] < 5, "one after the other would take 100 s"


async def test_late_sending_counts_as_the_requests_time() -> None:
    """No coordinated omission: the time runs from when a request was due, and lateness is told apart."""
    record = Record("v", "v_1", 1, 2.0, "accepted", (Try(2.5, 2.6, 202),))
    assert record.latency == pytest.approx(0.6)
    assert record.late == pytest.approx(0.5)


async def test_503_is_asked_again_after_as_long_as_told_under_the_same_key() -> None:
    """The first answer counts as such; the final one ends it."""

    async def overloaded(server: Door, order_id: str, writer: asyncio.StreamWriter) -> None:
        if server.asked[order_id] == 1:
            say(writer, 503, "overloaded", "Retry-After: 1")
        else:
            say(writer, 409, "sold_out")

    async with door(overloaded) as server:
        found = await told(server, streams=(stream(3, 50),))
    for record in found.records:
        assert (record.answer, record.said, record.answers(503)) == ("refused", "sold_out", 1)
        assert record.first_latency is not None
        assert record.latency is not None
        assert record.first_latency < 1 <= record.latency
    assert set(server.asked.values()) == {2}
    keys = Counter(head.partition("Idempotency-Key: ")[2].partition("\r\n")[0] for head in server.heads)
    assert keys == {f"surge-v_{number:05d}": 2 for number in range(3)}


async def test_a_server_that_dies_is_left_for_the_others() -> None:
    """Resets and refused connections are asked again elsewhere; nothing is lost and nothing counted twice."""

    async def die(server: Door, _order_id: str, writer: asyncio.StreamWriter) -> None:
        assert server.server is not None
        server.server.close()
        writer.transport.abort()

    async with door(die) as dying, door(take) as living:
        found = await told(dying, living, streams=(stream(200, 400),))
    assert Counter(record.answer for record in found.records) == {"accepted": 200}
    assert len({record.order_id for record in found.records}) == 200
    assert sum(record.resets for record in found.records) >= 1
    assert living.asked.keys() == {f"v_{number:05d}" for number in range(200)}
    assert {try_.status for record in found.records for try_ in record.tries} == {202, FAILED}


async def test_patience_is_bounded() -> None:
    """Who is never answered says so in the end, whether a server is silent or always overloaded."""

    async def silent(_door: Door, _order_id: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def never(_door: Door, _order_id: str, writer: asyncio.StreamWriter) -> None:
        say(writer, 503, "overloaded", "Retry-After: 1")

    for answerer in (silent, never):
        async with door(answerer) as server:
            found = await told(server, streams=(stream(5, 50),), patience=1.0)
        assert [record.answer for record in found.records] == ["unanswered"] * 5
        assert [record.latency for record in found.records] == [None] * 5


async def test_what_is_not_foreseen_is_kept_word_for_word() -> None:
    """Neither yes nor no: it must be found in the report."""

    async def puzzling(_door: Door, _order_id: str, writer: asyncio.StreamWriter) -> None:
        say(writer, 422, "no_such_thing")

    async with door(puzzling) as server:
        [record] = (await told(server, streams=(stream(1, 1),))).records
    assert (record.answer, record.status) == ("other", 422)
    assert "no_such_thing" in record.said


async def test_a_yes_to_another_order_is_no_yes() -> None:
    """The answer must name the order that was asked for."""

    async def confused(_door: Door, _order_id: str, writer: asyncio.StreamWriter) -> None:
        say(writer, 202, "somebody_elses")

    async with door(confused) as server:
        [record] = (await told(server, streams=(stream(1, 1),))).records
    assert record.answer == "other"
    assert "somebody_elses" in record.said


async def test_a_connection_that_rested_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers close idle connections: a good client does not race them for it."""
    monkeypatch.setattr(load, "KEPT_FOR", 0.5)
    async with door(take) as server:
        await told(server, streams=(stream(2, 1.0),))
    assert len(server.ages) == 2
    assert server.ages[1] < 1.0, "it stood since the first request, or longer"


def test_every_order_is_one_the_api_understands() -> None:
    """Same plan, same bytes; each shopper is somebody else."""
    bodies = [body_of(stream(50, 1), number, seed=1, buyers=False) for number in range(50)]
    assert bodies == [body_of(stream(50, 1), number, seed=1, buyers=False) for number in range(50)]
    orders = [NewOrder.model_validate(body) for body in bodies]
    assert len({order.order_id for order in orders}) == len({order.ship_to.email for order in orders}) == 50


def test_plans_and_records_survive_their_files(tmp_path: Path) -> None:
    """What is read is what was written."""
    plan = LoadPlan(("127.0.0.1:1",), (stream(3, 10, wait=5), Stream("r", "s", "K", "k", 0, 1, numbers=(4, 2))))
    assert LoadPlan.from_json(plan.to_json()) == plan
    assert [number for _, place, number in schedule(plan.streams) if place == 1] == [4, 2]
    found = Told(100.0, 0.5, (Record("v", "v_00001", 1, 0.1, "accepted", (Try(0.1, 0.2, 503), Try(1.3, 1.4, 201))),))
    write(tmp_path / "told.json", found)
    assert read(tmp_path / "told.json") == found


def test_percentiles_are_of_nearest_rank() -> None:
    """The 99th of a hundred is the 99th."""
    found = spread([number / 1000 for number in range(1, 101)])
    assert (found.count, found.p50, found.p99, found.most) == (100, 50, 99, 100)
    assert spread([None]).count == 0
