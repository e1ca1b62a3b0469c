"""A message that somebody recorded and sends again does nothing, whoever signed it."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from ordersaga.domain.errors import OperatorError
from ordersaga.gateways.private_delivery.webhooks import verify_and_read as read_courier
from ordersaga.gateways.shipbob.webhooks import verify_and_read as read_shipbob
from ordersaga.gateways.stripe.webhooks import verify_and_read as read_stripe
from ordersaga.gateways.webhook_parts import parse_object
from tests.api.test_webhooks import SOURCES, send, stored
from tests.support.api import Api

SECRET = "whsec_c2lnbmVkLXdpdGgtdGhpcw=="
BODY = json.dumps({"id": "evt_1", "type": "nothing"}).encode()
TOLERATED = timedelta(minutes=5)


def stripes(at: datetime) -> dict[str, str]:
    """What Stripe would send with the body at that time."""
    second = int(at.timestamp())
    mac = hmac.new(SECRET.encode(), f"{second}.".encode() + BODY, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={second},v1={mac}"}


def standard(at: datetime) -> dict[str, str]:
    """What a sender of Standard Webhooks would send with the body at that time."""
    signature = Webhook(SECRET).sign("msg_1", at, BODY.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


TIMED = {"stripe": (stripes, read_stripe), "shipbob": (standard, read_shipbob), "courier": (standard, read_courier)}


@pytest.mark.parametrize("source", TIMED)
def test_an_old_message_is_refused(source: str) -> None:
    """What signs its time is taken within five minutes of it only; its time cannot be changed without its secret."""
    signed, read = TIMED[source]
    now = datetime.now(UTC)
    read(signed(now), BODY, SECRET)
    read(signed(now - TOLERATED + timedelta(seconds=20)), BODY, SECRET)
    old = signed(now - TOLERATED - timedelta(seconds=20))
    with pytest.raises(OperatorError, match="bad_signature"):
        read(old, BODY, SECRET)
    fresh = {
        name: value.replace(str(int((now - TOLERATED).timestamp()) - 20), str(int(time.time())))
        for name, value in old.items()
    }
    assert fresh != old
    with pytest.raises(OperatorError, match="bad_signature"):
        read(fresh, BODY, SECRET)


@pytest.mark.parametrize("source", ["shipbob", "courier"])
def test_a_message_from_the_future_is_refused(source: str) -> None:
    """One cannot be signed ahead, to be sent when its secret is no longer known."""
    signed, read = TIMED[source]
    with pytest.raises(OperatorError, match="bad_signature"):
        read(signed(datetime.now(UTC) + TOLERATED + timedelta(seconds=20)), BODY, SECRET)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_message_that_was_seen_changes_nothing(api: Api, source: str) -> None:
    """Also once it was delivered: the same id is stored once, whatever else is in the headers."""
    message = SOURCES[source](api.services.settings)
    assert (await send(api, source, message)).status_code == 204
    (first,) = await stored(api)
    await api.services.inbox.mark_delivered(first.id)
    assert (await send(api, source, message, **{"x-again": "1"})).status_code == 204
    assert await stored(api) == []
    assert await api.services.inbox.count_by_status() == {"delivered": 1}


def test_a_body_nested_without_end_is_no_failure() -> None:
    """Signed or not, what cannot be read is nothing to act upon."""
    assert parse_object(b"[" * 200_000) == {}
    assert parse_object(b'{"a":' * 200_000) == {}
