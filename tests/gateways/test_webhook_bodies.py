"""Signed nonsense: whatever the body says, the inbox is never killed."""

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import stripe
from standardwebhooks import Webhook

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways import easypost_webhooks, shipbob_webhooks, stripe_webhooks
from tests.gateways.support import EASYPOST_SECRET, SHIPBOB_SECRET, STRIPE_SECRET

BODIES = [
    b"",
    b"not json",
    b"[]",
    b"null",
    b'{"id": 7, "type": "payment_intent.succeeded", "description": "tracker.updated"}',
    b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"metadata": {"order_id": "o"}}}}',
    b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": []}',
    b'{"id": "evt_1", "description": "tracker.updated", "result": {"status": "in_transit", "shipment_id": "x"}}',
    b'{"reference_id": "not-ours", "status": "Completed", "status_details": null}',
]


def read_stripe(body: bytes, at: float | None = None) -> Incoming:
    """Signed as Stripe signs."""
    signature = stripe.WebhookSignature.generate_signature_header(body.decode(), STRIPE_SECRET, int(at or time.time()))
    return stripe_webhooks.verify_and_read({"Stripe-Signature": signature}, body, STRIPE_SECRET)


def read_shipbob(body: bytes, at: float | None = None, topic: str = "order.shipment.delivered") -> Incoming:
    """Signed as ShipBob signs."""
    moment = datetime.fromtimestamp(int(at or time.time()), UTC)
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(moment.timestamp())),
        "Webhook-Signature": Webhook(SHIPBOB_SECRET).sign("msg_1", moment, body.decode()),
        "X-Webhook-Topic": topic,
    }
    return shipbob_webhooks.verify_and_read(headers, body, SHIPBOB_SECRET)


def read_easypost(body: bytes) -> Incoming:
    """Signed as EasyPost signs."""
    digest = hmac.new(EASYPOST_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hmac-Signature": f"hmac-sha256-hex={digest}"}
    return easypost_webhooks.verify_and_read(headers, body, EASYPOST_SECRET)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("read", [read_stripe, read_shipbob, read_easypost])
def test_nonsense_is_ignored(read: Callable[[bytes], Incoming], body: bytes) -> None:
    """Signed nonsense is a message to store and ignore, known by an id of its own."""
    incoming = read(body)
    assert incoming.ignored
    assert incoming.source_id


@pytest.mark.parametrize("read", [read_stripe, read_shipbob])
def test_an_old_signature_is_refused(read: Callable[[bytes, float], Incoming]) -> None:
    """A message signed more than 300 seconds ago is refused: it may be a replay."""
    read(b"{}", time.time() - 290)
    with pytest.raises(OperatorError) as caught:
        read(b"{}", time.time() - 310)
    assert caught.value.code == "bad_signature"


@pytest.mark.parametrize(
    ("topic", "status"),
    [
        ("order.shipped", ParcelStatus.LABELED),
        ("order.shipment.tracking.updated", ParcelStatus.LABELED),
        ("order.shipment.delivered", ParcelStatus.DELIVERED),
        ("order.shipment.cancelled", ParcelStatus.CANCELED),
    ],
)
def test_shipbob_without_a_status_claims_the_least(topic: str, status: ParcelStatus) -> None:
    """A topic alone claims only what it proves: a tracking update without a status is no first scan."""
    incoming = read_shipbob(b'{"reference_id": "o7-2-3"}', topic=topic)
    (event,) = incoming.events
    assert isinstance(event, ParcelEvent)
    assert (incoming.order_id, event.parcel, event.generation, event.status) == ("o7", 2, 3, status)


def test_shipbob_says_when_it_was_delivered() -> None:
    """The moment of delivery is the payload's, read as UTC, not the moment the message was sent."""
    (event,) = read_shipbob(b'{"reference_id": "o7-2-3", "delivery_date": "2026-03-01T10:00:00"}').events
    assert isinstance(event, ParcelEvent)
    assert event.occurred_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
