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
from ordersaga.gateways.easypost import webhooks as easypost_webhooks
from ordersaga.gateways.shipbob import webhooks as shipbob_webhooks
from ordersaga.gateways.stripe import webhooks as stripe_webhooks
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
    pytest.param(b"[" * 3_000, id="deep list"),
    pytest.param(b'{"data":' * 3_000, id="deep object"),
    b'{"id": "evt_1", "description": ["tracker.updated"], "result": {"status": "in_transit"}}',
    pytest.param(
        b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "object": '
        b'"payment_intent", "metadata": {"order_id": "o", "parcel": "' + b"1" * 5_000 + b'"}}}}',
        id="long number",
    ),
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


@pytest.mark.parametrize("details", ["2000", '{"datetime": 1}', '"x"', "[1]", '[{"datetime": 7}]'])
def test_a_tracker_without_scans_is_read(details: str) -> None:
    """Whatever stands where its scans should be: the status counts."""
    body = '{"id": "evt_1", "description": "tracker.updated", "result": {"status": "in_transit", "tracking_details": '
    incoming = read_easypost(f'{body}{details}, "shipment": {{"reference": "ord_1-1-1"}}}}}}'.encode())
    assert incoming.order_id == "ord_1"


@pytest.mark.parametrize("read", [read_stripe, read_shipbob])
def test_an_old_signature_is_refused(read: Callable[[bytes, float], Incoming]) -> None:
    """A message signed more than 300 seconds ago is refused: it may be a replay."""
    read(b"{}", time.time() - 290)
    with pytest.raises(OperatorError) as caught:
        read(b"{}", time.time() - 310)
    assert caught.value.code == "bad_signature"


@pytest.mark.parametrize(
    "topic", ["order.shipped", "order.shipment.tracking.updated", "order.shipment.delivered", "order.shipment.on_hold"]
)
def test_shipbob_is_asked_whatever_a_shipment_says(topic: str) -> None:
    """A body that claims the world moves nothing by itself: the order is looked up."""
    incoming = read_shipbob(b'{"reference_id": "o7-2-3", "status": "Completed"}', topic=topic)
    assert (incoming.order_id, incoming.lookup, incoming.events) == ("o7", "o7-2-3", ())


def test_shipbob_topics_we_do_not_act_on_cost_no_call() -> None:
    """A return is not looked up."""
    assert read_shipbob(b'{"reference_id": "o7-2-3"}', topic="return.created").ignored
