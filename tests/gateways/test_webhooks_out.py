"""Our own webhooks: signed as receivers verify them, and never sent where they must not go."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from standardwebhooks.webhooks import WebhookVerificationError

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.gateways.webhooks_out import Resolve, WebhookSender, look_up
from tests.support.certificates import certificate_for
from tests.support.emulators import free_port
from tests.support.receiver import HANG, RESET, Receiver, receiving

NEW, OLD, OTHER = "whsec_bmV3LW5ldy1uZXctbmV3", "whsec_b2xkLW9sZC1vbGQtb2xk", "whsec_b3RoZXItb3RoZXItb3RoZXI="
PRIVATE = (
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1"),
    *("::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff0e::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
)
PAYLOAD = {"type": "order.confirmed", "timestamp": "2026-03-01T12:00:00+00:00", "data": {"order_id": "ö1"}}


def sender(*, allow_loopback: bool = True, seconds: float = 5.0, resolve: Resolve = look_up) -> WebhookSender:
    """A sender that may reach a local receiver."""
    return WebhookSender(allow_loopback=allow_loopback, timeout=timedelta(seconds=seconds), resolve=resolve)


def standing_for(*addresses: str) -> Resolve:
    """Every name stands for these addresses."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as opened:
        yield opened


async def test_receivers_verify_both_secrets_and_no_other(receiver: Receiver) -> None:
    """During a rotation whoever knows the new or the old secret can verify; the body is what was signed."""
    answer = await sender().post(receiver.url, (NEW, OLD), "msg_1", PAYLOAD)

    (got,) = receiver.received
    assert (answer.status, answer.taken) == (204, True)
    assert got.verified(NEW) == got.verified(OLD) == PAYLOAD
    with pytest.raises(WebhookVerificationError):
        got.verified(OTHER)
    assert got.line == "POST /hooks?token=of-the-receiver HTTP/1.1"
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"
    assert json.loads(got.body) == PAYLOAD


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    """It is an answer like any other that is not 2xx."""
    async with receiving() as elsewhere:
        receiver.answers, receiver.location = [status], elsewhere.url
        answer = await sender().post(receiver.url, (NEW,), "msg_1", PAYLOAD)

        assert (answer.status, answer.taken) == (status, False)
        assert elsewhere.received == []


async def test_of_a_refusal_only_the_beginning_is_kept(receiver: Receiver) -> None:
    """At most 200 characters, on one line."""
    receiver.answers, receiver.text = [500], "line\n\0" + "x" * 100_000
    answer = await sender().post(receiver.url, (NEW,), "msg_1", PAYLOAD)
    assert (answer.status, answer.text) == (500, "line  " + "x" * 194)


@pytest.mark.parametrize(("status", "code"), [(HANG, "receiver_no_answer"), (RESET, "receiver_no_answer")])
async def test_no_answer_is_unknown(receiver: Receiver, status: int, code: str) -> None:
    """The receiver may have the message."""
    receiver.answers = [status]
    with pytest.raises(RetryError, match=code) as failed:
        await sender(seconds=0.5).post(receiver.url, (NEW,), "msg_1", PAYLOAD)
    assert failed.value.unknown is True
    assert len(receiver.received) == 1
    assert "token" not in str(failed.value)


async def test_an_answer_in_drops_is_given_up() -> None:
    """The time is that of the whole attempt, not of each byte."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for letter in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            writer.write(bytes([letter]))
            await asyncio.sleep(0.02)

    async with await asyncio.start_server(drip, "127.0.0.1", port := free_port()):
        with pytest.raises(RetryError, match="receiver_no_answer"):
            await asyncio.wait_for(sender(seconds=0.5).post(f"http://127.0.0.1:{port}", (NEW,), "m", PAYLOAD), 5)


async def test_nobody_listening_is_no_message(receiver: Receiver) -> None:
    """A connection that could not be made carried nothing."""
    with pytest.raises(RetryError, match="receiver_unreachable") as failed:
        await sender().post(f"http://127.0.0.1:{free_port()}", (NEW,), "msg_1", PAYLOAD)
    assert failed.value.unknown is False
    with pytest.raises(RetryError, match="cannot be looked up"):
        await sender().post("https://nobody.invalid/", (NEW,), "msg_1", PAYLOAD)


async def test_the_next_address_is_tried(receiver: Receiver) -> None:
    """A host may have addresses that cannot be reached from here."""
    url = receiver.url.replace("127.0.0.1", "localhost")
    await sender(resolve=standing_for("127.0.0.2", "127.0.0.1")).post(url, (NEW,), "msg_1", PAYLOAD)
    assert receiver.ids == ["msg_1"]
    assert receiver.received[0].headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_stands_for_a_private_address_is_refused(receiver: Receiver, address: str) -> None:
    """Also when only one of several addresses is private, and where loopback is allowed."""
    for addresses in ((address,), ("8.8.8.8", address)):
        with pytest.raises(OperatorError, match="receiver_forbidden"):
            await sender(resolve=standing_for(*addresses)).post("https://acme.example/", (NEW,), "m", PAYLOAD)


async def test_loopback_takes_a_setting(receiver: Receiver) -> None:
    """However it is spelled; and without TLS nothing but loopback is spoken to."""
    port = receiver.port
    for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"):
        with pytest.raises((OperatorError, RetryError), match=r"receiver_forbidden|cannot be looked up"):
            await sender(allow_loopback=False).post(f"http://{host}:{port}/", (NEW,), "m", PAYLOAD)
    with pytest.raises(OperatorError, match="receiver_forbidden"):
        await sender(resolve=standing_for("8.8.8.8")).post("http://localhost/", (NEW,), "m", PAYLOAD)
    assert receiver.received == []


async def test_the_certificate_is_of_the_name_not_the_address(tmp_path: Path) -> None:
    """The address was looked up here; who answers there must still prove to be the host."""
    server, trusted = certificate_for(tmp_path, "acme.example")
    async with receiving(server) as receiver:
        trusting = WebhookSender(
            allow_loopback=True, resolve=standing_for("127.0.0.1"), tls=ssl.create_default_context(cafile=trusted)
        )
        answer = await trusting.post(f"https://acme.example:{receiver.port}/", (NEW,), "msg_1", PAYLOAD)
        assert answer.taken
        with pytest.raises(RetryError, match="receiver_unreachable"):
            await trusting.post(f"https://bolt.example:{receiver.port}/", (NEW,), "msg_2", PAYLOAD)
        assert receiver.ids == ["msg_1"]
