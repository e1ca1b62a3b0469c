"""Webhooks: verified, stored once, answered at once."""

import asyncio
import hashlib
import hmac
import json
import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from ordersaga.settings import Settings
from tests.support.api import Api

Signed = tuple[dict[str, str], bytes]


def stripe(settings: Settings, event_id: str = "evt_1", order_id: str = "web_1") -> Signed:
    """A payment that became capturable."""
    intent = {"object": "payment_intent", "id": "pi_1", "metadata": {"order_id": order_id, "parcel": "1"}}
    event = {"id": event_id, "type": "payment_intent.amount_capturable_updated", "data": {"object": intent}}
    body, at = json.dumps(event).encode(), int(time.time())
    secret = settings.stripe_webhook_secret.get_secret_value().encode()
    mac = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={mac}"}, body


def shipbob(settings: Settings, event_id: str = "msg_1", order_id: str = "web_1") -> Signed:
    """A parcel that was delivered."""
    body = json.dumps({"reference_id": f"{order_id}-1-1", "status": "Completed"})
    at = datetime.now(UTC)
    signature = Webhook(settings.shipbob_webhook_secret.get_secret_value()).sign(event_id, at, body)
    head = {"webhook-id": event_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    return head | {"x-webhook-topic": "order.shipment.delivered"}, body.encode()


def easypost(settings: Settings, event_id: str = "evt_1", order_id: str = "web_1") -> Signed:
    """A tracker that names only EasyPost's own shipment."""
    tracker = {"object": "Tracker", "status": "delivered", "shipment_id": "shp_1"}
    body = json.dumps({"id": event_id, "description": "tracker.updated", "result": tracker}).encode()
    secret = unicodedata.normalize("NFKD", settings.easypost_webhook_secret.get_secret_value()).encode()
    return {"X-Hmac-Signature": f"hmac-sha256-hex={hmac.new(secret, body, hashlib.sha256).hexdigest()}"}, body


SOURCES: dict[str, Callable[..., Signed]] = {"stripe": stripe, "shipbob": shipbob, "easypost": easypost}


async def send(api: Api, source: str, message: Signed, **headers: str) -> httpx.Response:
    """A company's message arrives; it has no API key."""
    return await api.http.post(f"/v1/webhooks/{source}", content=message[1], headers=message[0] | headers)


async def stored(api: Api) -> list[Any]:
    """Messages waiting in the inbox."""
    return await api.services.inbox.claim(50)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_signed_message_is_stored_once(api: Api, source: str) -> None:
    """204 each time it comes; one row; nothing is delivered from the request itself."""
    message = SOURCES[source](api.services.settings)
    assert [(await send(api, source, message)).status_code for _ in range(3)] == [204, 204, 204]
    (row,) = await stored(api)
    assert (row.source, row.order_id) == (source, None if source == "easypost" else "web_1")
    assert api.services.orders.asked == []  # type: ignore[attr-defined]  # the stub


@pytest.mark.parametrize("source", SOURCES)
async def test_copies_at_the_same_moment_are_stored_once(api: Api, source: str) -> None:
    """Companies send twice at once, too."""
    message = SOURCES[source](api.services.settings)
    answers = await asyncio.gather(*(send(api, source, message) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {204}
    assert len(await stored(api)) == 1


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("change", ["body", "signature", "unsigned"])
async def test_a_bad_signature_is_refused_without_an_echo(api: Api, source: str, change: str) -> None:
    """400; nothing is stored; neither body nor signature comes back."""
    headers, body = SOURCES[source](api.services.settings)
    name = {"stripe": "Stripe-Signature", "shipbob": "webhook-signature", "easypost": "X-Hmac-Signature"}[source]
    forged: Signed = {
        "body": (headers, body.replace(b"{", b'{"forged-mark": 1, ', 1)),
        "signature": ({**headers, name: "forged-mark"}, body),
        "unsigned": ({key: value for key, value in headers.items() if key != name}, body),
    }[change]
    answer = await send(api, source, forged)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")
    assert "forged-mark" not in answer.text
    assert "web_1" not in answer.text
    assert await stored(api) == []


async def test_a_message_that_is_not_for_us_is_taken_and_kept(api: Api) -> None:
    """A signed message of another kind answers 204, so that it is not sent again, and delivers nothing."""
    settings = api.services.settings
    body, at = json.dumps({"id": "evt_9", "type": "customer.created"}).encode(), int(time.time())
    secret = settings.stripe_webhook_secret.get_secret_value().encode()
    mac = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert (await send(api, "stripe", ({"Stripe-Signature": f"t={at},v1={mac}"}, body))).status_code == 204
    (row,) = await stored(api)
    assert (row.order_id, row.body["events"]) == (None, [])


async def test_an_unknown_source_is_404(api: Api) -> None:
    """Only companies we know may tell us anything."""
    answer = await send(api, "acme-pay", ({}, b"{}"))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_source")
