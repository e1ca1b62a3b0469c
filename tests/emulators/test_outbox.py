"""The outbox of webhooks, tried without a process around it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulators.common import Clock, Message, Store, Webhooks
from tests.support.emulators import eventually, free_port, receiving


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Webhooks]:
    """A running outbox signing with its subject."""
    store = Store(tmp_path / "outbox.db")
    webhooks = Webhooks(store, Clock(store, 1.0), lambda message: {"signed-for": message.subject})
    task = asyncio.create_task(webhooks.run())
    yield webhooks
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    store.close()


def message(number: int, subject: str, url: str) -> Message:
    """The n-th message about a subject."""
    return Message(f"m{number}", "topic", subject, f'"{number}"', url)


async def test_a_dead_receiver_holds_up_no_other(outbox: Webhooks) -> None:
    """Messages to a receiver that is down wait, those to another one arrive meanwhile."""
    dead = f"http://127.0.0.1:{free_port()}/"
    with receiving() as receiver:
        for number in range(150):
            outbox.emit(message(number, "s", dead))
        outbox.emit(message(200, "s", receiver.url))
        await eventually(lambda: len(receiver.deliveries) == 1, seconds=3)
        assert receiver.deliveries[0].body == '"200"'
        status = outbox.status()
        assert (status["waiting"], status["done"]) == (150, 1)


async def test_an_impossible_url_stops_nothing(outbox: Webhooks) -> None:
    """A URL nobody can call does not end the sender."""
    with receiving() as receiver:
        outbox.emit(message(1, "s", "http://[nowhere/"))
        outbox.emit(message(2, "s", receiver.url))
        await eventually(lambda: len(receiver.deliveries) == 1, seconds=3)
        assert receiver.deliveries[0].headers["signed-for"] == "s"


async def test_one_subject_stays_in_order(outbox: Webhooks) -> None:
    """Subjects go out side by side, each in its own order and once."""
    with receiving() as receiver:
        for number in range(60):
            outbox.emit(message(number, f"s{number % 3}", receiver.url))
        await eventually(lambda: len(receiver.deliveries) == 60)
        for subject in range(3):
            mine = [sent.body for sent in receiver.deliveries if sent.headers["signed-for"] == f"s{subject}"]
            assert mine == [f'"{number}"' for number in range(subject, 60, 3)]


async def test_a_receiver_that_returns_gets_everything_in_order(outbox: Webhooks) -> None:
    """What waited for a receiver arrives once it is back, oldest first."""
    port = free_port()
    for number in range(5):
        outbox.emit(message(number, "s", f"http://127.0.0.1:{port}/webhooks"))
    await asyncio.sleep(0.6)
    with receiving(port, "/webhooks") as receiver:
        await eventually(lambda: len(receiver.deliveries) == 5)
        assert [sent.body for sent in receiver.deliveries] == [f'"{number}"' for number in range(5)]
