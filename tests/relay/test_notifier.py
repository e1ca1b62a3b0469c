"""Notifications reach their endpoints: signed, in spite of failures, never lost, and known by their ids."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

from ordersaga.bootstrap import Delivery, Services
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.notifications import RETRY_DELAYS
from ordersaga.domain.statuses import OrderStatus
from ordersaga.embedded.environment import as_environment
from ordersaga.gateways.webhooks_out import WebhookSender
from tests.fakes.notifier import FakeNotifier
from tests.fakes.samples import order
from tests.support.receiver import HANG, Receiver, receiving
from workers.relay import notify
from workers.relay_notifier import Notifier

ROOT = Path(__file__).parents[2]
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as opened:
        yield opened


@pytest_asyncio.fixture
async def local(services: Services) -> AsyncIterator[Services]:
    """The services with orders o1 and o2, and a sender that may reach a local receiver and has little patience."""
    for order_id in ("o1", "o2"):
        assert await services.stock.confirm_hold(order(order_id))
    sender = WebhookSender(allow_loopback=True, timeout=timedelta(seconds=0.5))
    yield replace(services, webhook_sender=sender)
    await sender.aclose()


async def happened(services: Services, order_id: str, *kinds: str, number: int = 1) -> None:
    """The saga records entries."""
    entries = [
        JournalEntry(entry_id=f"{order_id}-e{place}", at=datetime.now(UTC), kind=kind, text="Ada Byron", parcel=1)
        for place, kind in enumerate(kinds, start=number)
    ]
    update = JournalUpdate(order_id=order_id, status=OrderStatus.FULFILLING, entries=tuple(entries))
    await services.journal.record(update)


async def run_once(services: Services) -> None:
    """Deliver everything that is due."""
    notifier = Notifier(services)
    while await notifier.step():
        pass


async def make_due(services: Services) -> None:
    """Every wait is over."""
    await services.pool.execute("UPDATE notifications SET next_attempt_at = now() WHERE status = 'pending'")


async def deliveries(services: Services) -> list[Delivery]:
    """Of every endpoint, oldest event first."""
    found = [await services.outbox.deliveries(each.id, None, 999) for each in await services.endpoints.list()]
    return sorted((each for part in found for each in part), key=lambda each: (each.at, each.id))


async def test_a_receiver_can_verify_what_it_gets(local: Services, receiver: Receiver) -> None:
    """With the library of Standard Webhooks and the secret it was shown; nothing is about a shopper."""
    _, secret = await local.endpoints.add("http", receiver.url, seller="acme")
    await happened(local, "o1", "confirmed", "held", "shipped")
    await run_once(local)

    bodies = sorted((got.verified(secret) for got in receiver.received), key=lambda body: body["timestamp"])
    assert [body["type"] for body in bodies] == ["order.confirmed", "parcel.shipped"]
    assert bodies[1]["data"] == {
        "order_id": "o1",
        "seller": "acme",
        "channel": "checkout",
        "parcel": 1,
        "status": "fulfilling",
        "text": "The carrier scanned the parcel for the first time.",
        "detail": None,
    }
    assert "Ada" not in "".join(got.body for got in receiver.received)
    assert [(each.status, each.attempts, each.last_error) for each in await deliveries(local)] == [
        ("delivered", 1, None)
    ] * 2


async def test_a_failure_is_tried_again_under_the_same_id(local: Services, receiver: Receiver) -> None:
    """After a 500, and after no answer; each wait as the schedule says, and no attempt before it is over."""
    await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers, receiver.text = [500, HANG], "x" * 999
    await happened(local, "o1", "confirmed")
    told = []
    for wait in RETRY_DELAYS[:2]:
        await run_once(local)
        (each,) = await deliveries(local)
        told.append(each.last_error)
        assert wait * 0.9 < each.next_attempt_at - datetime.now(UTC) <= wait * 1.2
        await run_once(local)
        await make_due(local)
    assert len(receiver.received) == 2
    await run_once(local)

    assert told == ["HTTP 500: " + "x" * 200, "receiver_no_answer: receiver was asked and did not answer"]
    assert len(receiver.received) == 3
    assert len(set(receiver.ids)) == 1
    assert [(each.status, each.attempts) for each in await deliveries(local)] == [("delivered", 3)]


async def test_after_three_days_it_is_given_up(local: Services, receiver: Receiver) -> None:
    """It stays as failed, to be replayed; nobody is bothered with it again."""
    endpoint, _ = await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers = [503]
    await happened(local, "o1", "confirmed")
    await local.pool.execute("UPDATE notifications SET queued_at = now() - interval '71 hours', attempts = 12")
    await run_once(local)
    await make_due(local)
    await run_once(local)
    assert [(each.status, each.last_error) for each in await deliveries(local)] == [("failed", "HTTP 503: no")]
    assert len(receiver.received) == 1

    await local.outbox.replay(endpoint.id, *EVER)
    await run_once(local)
    assert receiver.ids == [receiver.ids[0]] * 2
    assert [each.status for each in await deliveries(local)] == ["delivered"]


async def test_gone_disables_the_endpoint(local: Services, receiver: Receiver) -> None:
    """410: it gets nothing more, neither what waits nor what comes; others go on."""
    gone, _ = await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers = [410]
    await happened(local, "o1", "confirmed")
    await run_once(local)
    async with receiving() as other:
        await local.endpoints.add("http", other.url, seller=None)
        await happened(local, "o1", "shipped", number=2)
        await make_due(local)
        await run_once(local)
        assert len(other.received) == 1

    assert len(receiver.received) == 1
    found = await local.endpoints.get(gone.id)
    assert found is not None
    assert found.disabled_reason == "answered 410"
    assert [(each.type, each.status) for each in await local.outbox.deliveries(gone.id, None, 9)] == [
        ("order.confirmed", "failed")
    ]


async def test_one_that_never_answers_holds_up_nobody(local: Services, receiver: Receiver) -> None:
    """At most four at a time wait for it; the other endpoint has everything before the first of them is given up."""
    await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers = [HANG] * 20
    slow = WebhookSender(allow_loopback=True, timeout=timedelta(seconds=3))
    async with receiving() as other:
        await local.endpoints.add("http", other.url, seller=None)
        await happened(local, "o1", *["captured"] * 20)
        stop = asyncio.Event()
        running = asyncio.create_task(notify(replace(local, webhook_sender=slow), stop))
        await other.until(20, seconds=2.5)
        assert len(receiver.received) == 4
        stop.set()
        await asyncio.wait_for(running, 10)
    assert len(set(other.ids)) == 20


async def test_new_notifications_are_delivered_at_once(local: Services, receiver: Receiver) -> None:
    """NOTIFY wakes the relay; it ends when told to."""
    await local.endpoints.add("http", receiver.url, seller="acme")
    stop = asyncio.Event()
    running = asyncio.create_task(notify(local, stop))
    await happened(local, "o1", "confirmed")
    await receiver.until(1, seconds=5)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert [each.status for each in await deliveries(local)] == ["delivered"]


async def test_nothing_is_lost_among_writers_and_relays(local: Services, receiver: Receiver) -> None:
    """Two relays deliver while sagas write and the receiver fails now and then: every event arrives, under one id."""
    _, secret = await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers = [500, 204, 204] * 15
    kinds = ("confirmed", "accepted", "shipped", "captured", "delivered", "closed")
    stop = asyncio.Event()
    relays = [asyncio.create_task(notify(local, stop)) for _ in range(2)]

    async def saga(order_id: str) -> None:
        assert await local.stock.confirm_hold(order(order_id))
        for number, kind in enumerate(kinds):
            await happened(local, order_id, kind, number=number)

    orders = [f"w{number}" for number in range(15)]
    await asyncio.gather(*map(saga, orders))
    async with asyncio.timeout(30):
        while await local.pool.fetchval("SELECT count(*) FROM notifications WHERE status <> 'delivered'"):
            await local.pool.execute(
                "UPDATE notifications SET next_attempt_at = now() WHERE status = 'pending' AND last_error IS NOT NULL"
            )
            await asyncio.sleep(0.2)
    stop.set()
    await asyncio.gather(*relays)

    told = [(got.verified(secret)["data"]["order_id"], got.verified(secret)["type"]) for got in receiver.received]
    assert len(set(told)) == len(set(receiver.ids)) == len(orders) * len(kinds)
    attempts = await local.pool.fetchval("SELECT sum(attempts) FROM notifications")
    assert len(set(told)) + 15 <= len(told) <= attempts  # more where the machine let the receiver answer too late


async def test_a_relay_killed_before_it_could_note_delivers_again(local: Services, receiver: Receiver) -> None:
    """The receiver has it twice, and knows it by its id."""
    _, secret = await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers = [HANG]
    await happened(local, "o1", "confirmed")
    process = await started(local)
    await receiver.until(1)
    process.kill()
    await process.communicate()
    await run_once(local)
    assert len(receiver.received) == 1
    assert [each.status for each in await deliveries(local)] == ["pending"]
    await make_due(local)

    await run_once(local)

    assert len(receiver.received) == 2
    assert len(set(receiver.ids)) == 1
    assert receiver.received[0].verified(secret) == receiver.received[1].verified(secret)
    assert [(each.status, each.attempts) for each in await deliveries(local)] == [("delivered", 2)]


async def test_logs_hold_no_secrets(local: Services, receiver: Receiver) -> None:
    """Neither the signing secret, nor the URL, nor what the receiver said; but which endpoint, and that it failed."""
    endpoint, secret = await local.endpoints.add("http", receiver.url, seller="acme")
    receiver.answers, receiver.text = [500, 410], "words-of-the-receiver"
    await happened(local, "o1", "confirmed", "shipped")
    process = await started(local, log_level="DEBUG")
    await receiver.until(2)
    await asyncio.sleep(0.5)
    process.terminate()
    logs = "".join(part.decode() for part in await process.communicate() if part)

    assert "notification_not_delivered" in logs
    assert '"order_id": "o1"' in logs
    assert "endpoint_disabled" in logs
    assert endpoint.id in logs
    for private in (secret, secret.removeprefix("whsec_"), "of-the-receiver", "words-of-the-receiver", "Ada"):
        assert private not in logs


async def test_a_private_target_is_refused_when_it_is_delivered(local: Services, receiver: Receiver) -> None:
    """Whatever its name stood for when it was added. The refusal is told, the address is not."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["169.254.169.254"]

    await local.endpoints.add("http", "https://hooks.acme.example/", seller="acme")
    await happened(local, "o1", "confirmed")
    await run_once(replace(local, webhook_sender=WebhookSender(resolve=resolve)))

    (each,) = await deliveries(local)
    assert each.status == "pending"
    assert each.last_error is not None
    assert each.last_error.startswith("receiver_forbidden: ")
    assert "169.254" not in each.last_error


async def test_email_endpoints_get_email(local: Services) -> None:
    """With the event in the subject and nothing about the shopper; a refusal is tried again like any failure."""
    mail = FakeNotifier()
    await local.endpoints.add("email", "mailto:ops@acme.example", seller="acme", types=["order.attention"])
    mail.fail_next("send", OperatorError("smtp_refused", "the SMTP server answered 550"))
    await happened(local, "o1", "confirmed", "attention")
    await run_once(replace(local, notifier=mail))
    assert [each.last_error for each in await deliveries(local)] == ["smtp_refused: the SMTP server answered 550"]
    assert mail.sent == {}
    await make_due(local)
    await run_once(replace(local, notifier=mail))

    (sent,) = mail.sent.values()
    (each,) = await deliveries(local)
    assert (sent.id, sent.to) == (each.id, "ops@acme.example")
    assert sent.subject == "Order o1: A question about the order waits for a person."
    assert "Order:    o1, parcel 1\nSeller:   acme\n" in sent.text
    assert "Ada" not in sent.text
    assert each.status == "delivered"


async def test_email_without_a_server_waits(local: Services) -> None:
    """The server was taken out of the settings: what waits says what to do."""
    await local.endpoints.add("email", "mailto:ops@acme.example", seller="acme")
    await happened(local, "o1", "attention")
    await run_once(local)
    (each,) = await deliveries(local)
    assert each.status == "pending"
    assert each.last_error == "smtp_not_set: no SMTP server is set; set ORDERSAGA_SMTP_HOST and ORDERSAGA_SMTP_FROM"


async def started(services: Services, **changes: object) -> asyncio.subprocess.Process:
    """The notifier as a process on the same database, ready when it is claiming."""
    settings = services.settings.model_copy(update={"notify_loopback": True, **changes})
    environment = {**os.environ, **as_environment(settings), "PYTHONUNBUFFERED": "1"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.notifier_process"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
