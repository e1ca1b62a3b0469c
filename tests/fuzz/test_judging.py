"""What the fuzzer counts as broken, and that it would notice."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fuzz import routes, tally
from tests.fuzz.doors import Api
from tests.fuzz.hostile import MOST, Hostile
from tests.fuzz.readers import Reader, readers
from tests.fuzz.run import Outcome, errors_in
from tests.fuzz.tally import BrokenError, Kept, Tally, shown
from tests.support.emulators import ROOT


def test_the_seed_alone_decides_the_inputs() -> None:
    """The same ones again, others for another seed; most of them are no longer what they were made of."""
    good = [b'{"a": [1, {"b": "c"}]}', b"kind,sku\nstock,MUG\n"]
    first, again, other = (Hostile(seed) for seed in (1, 1, 2))
    made = [first.of(good) for _ in range(300)]
    assert made == [again.of(good) for _ in range(300)]
    assert made != [other.of(good) for _ in range(300)]
    assert sum(each in good for each in made) < 30
    assert len(set(made)) > 200
    assert max(map(len, made)) <= MOST


def test_a_reader_may_raise_what_it_announces() -> None:
    """Anything else is a crash; what it takes is counted as taken."""
    reader = Reader(int, (ValueError,), (b"1",))
    assert [reader.outcome(content) for content in (b"1", b"x")] == ["taken", "refused"]
    with pytest.raises(BrokenError, match="crash: TypeError"):
        Reader(lambda content: content + "x", (ValueError,), ()).outcome(b"1")  # type: ignore[operator]


@pytest.mark.parametrize("name", readers(ROOT / "examples"))
def test_good_files_are_taken(name: str) -> None:
    """What the fuzzer begins with gets past the first line of a reader."""
    reader = readers(ROOT / "examples")[name]
    assert "taken" in {reader.outcome(good) for good in reader.good}


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[Api]:
    """An API that says this, one answer for each connection."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if left else b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        yield Api(http, {"operator": "osk_1"})


def said(status: int, more: str = "") -> bytes:
    """One answer without a body."""
    return f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n".encode()


BUSY = said(503, "Retry-After: 0\r\n")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([said(500)], "5xx: GET /x: 500"),
        ([said(503)], "5xx: GET /x: 503"),
        ([b""], "crash: GET /x: RemoteProtocolError"),
        ([BUSY, said(500)], "5xx: GET /x: 500"),
        ([BUSY] * 9, "5xx: GET /x: 503"),
    ],
)
async def test_what_breaks_a_door(answers: list[bytes], told: str) -> None:
    """A status of 500 or more, a connection that ends, and one who is busy for good."""
    async with answering(*answers) as api:
        with pytest.raises(BrokenError, match=told):
            await api.send("GET", "/x", role="operator")


async def test_who_is_busy_is_asked_again() -> None:
    """What it says then counts."""
    async with answering(BUSY, BUSY, said(404)) as api:
        assert await api.send("GET", "/x") == "404"


async def test_notes_of_requests_are_judged() -> None:
    """Answered, broken, never answered; busy ones are asked again, and each role and operation is counted."""
    again = {"method": "GET", "path": "/x", "role": "operator", "headers": {}, "body": ""}
    asked = {"label": "GET /x", "role": "operator", "asked": {}}
    notes: list[dict[str, Any]] = [
        {**asked, "status": 404},
        {**asked, "status": 500, "said": "oh", "busy": False, "again": again},
        {**asked, "role": ""},
        {**asked, "status": 503, "said": "later", "busy": True, "again": again},
    ]
    async with answering(said(200)) as api:
        found, counted = await routes.judge(api, notes)
    assert (found.tried, found.broken, dict(counted.roles)) == (4, 2, {"operator": 3, "nobody": 1})
    assert found.outcomes == {"404": 1, "5xx": 1, "crash": 1, "503": 1}


def test_what_broke_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each way it broke, with the bytes as they were and the command that sends them again."""
    monkeypatch.setattr(tally, "FOLDER", tmp_path)
    found = Tally("PUT seller")
    for content in (b"\xff\x00", b"other"):
        found.broke(BrokenError("5xx", "PUT /v1/sellers: 500"), content)
    found.add("404", 7)
    (kept,) = found.kept.values()
    command = kept.write()
    (file,) = tmp_path.iterdir()
    assert Kept.read(file) == kept
    assert kept.content == b"\xff\x00"
    assert command == f".venv/bin/python -m tests.fuzz --replay build/fuzz/{file.name}"
    assert "PUT seller                           9         0         7     2        0" in shown([found])
    assert not Outcome([found]).good
    assert not Outcome([Tally("never tried")]).good


def test_errors_in_a_log_are_found(tmp_path: Path) -> None:
    """What nobody foresaw, not what was refused."""
    lines = [
        {"level": "info", "event": "request", "status": 200},
        {"level": "warning", "event": "bad_signature"},
        {"level": "error", "event": "message_failed", "code": "unexpected", "exception": "Traceback\nValueError: x"},
        {"level": "error", "event": "void ended", "exception": "Traceback\nordersaga.domain.errors.RetryError: busy"},
    ]
    log = tmp_path / "api.log"
    log.write_text("\n".join(map(json.dumps, lines)) + "\nTraceback (most recent call last):\n")
    assert errors_in(log) == ["message_failed unexpected ValueError: x", "Traceback (most recent call last):  "]
