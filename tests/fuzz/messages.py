"""What the companies usually say, and how each of them signs the bytes of a message, be they text or not."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import stripe

from ordersaga.embedded import Stack
from ordersaga.embedded.network import APP_KEY, SHOP, webhook_secret

Headers = Mapping[str, str]

NOW: Final = "2026-11-20T12:00:00Z"
OURS: Final = {"order_id": "ord_1", "parcel": "1"}
PAID: Final = {"metadata": OURS, "id": "pi_1", "object": "payment_intent", "amount": 100}
REFUND: Final = {"payment_intent": "pi_1", "metadata": {"effect_key": "ord_1/refund/1/1"}}
TRACKER: Final = {
    **{"id": "trk_1", "status": "in_transit", "tracking_code": "1Z1", "updated_at": NOW},
    "shipment": {"reference": "ord_1-1-1"},
    "tracking_details": [{"status": "in_transit", "datetime": NOW, "message": "scan"}],
}
MOVED: Final = {
    **{"id": "evt_1", "type": "in_transit", "reference": "ord_1-1-1", "shipment_id": "shp_1", "sequence": 2},
    **{"occurred_at": NOW, "tracking_number": "PD1", "reason": "weather", "proof": {"left_at": "porch"}},
}
ORDERED: Final = {"order_id": "576461413038785752", "order_status": "ON_HOLD", "update_time": 1}
PACKED: Final = {"package_list": [{"package_id": "1", "order_id_list": ["5", "6"]}], "sc_type": "SPLIT"}
CANCELED: Final = {
    "order_id": "5",
    "cancel_id": "4",
    "cancel_status": "REQUEST",
    "line_items": [{"main_order_id": "5"}],
}


def _stripe_event(kind: str, subject: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": f"evt_{kind}", "type": kind, "data": {"object": subject}}


def _of_shop(kind: int, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "tts_notification_id": str(kind), "shop_id": SHOP, "timestamp": 1, "data": data}


MESSAGES: Final[Mapping[str, Sequence[Any]]] = {
    "stripe": (
        _stripe_event("payment_intent.succeeded", PAID),
        _stripe_event("refund.failed", REFUND),
        _stripe_event("checkout.session.completed", {**PAID, "object": "checkout.session"}),
    ),
    "shipbob": ({"reference_id": "ord_1-1-1", "id": 7, "status": "Completed", "status_details": []},),
    "easypost": (
        {"id": "evt_1", "description": "tracker.updated", "result": TRACKER},
        {"id": "evt_2", "description": "refund.successful", "result": {"shipment_id": "shp_1"}},
    ),
    "courier": ({"type": "shipment.in_transit", "timestamp": NOW, "data": MOVED},),
    "tiktok_shop": (_of_shop(1, ORDERED), _of_shop(4, PACKED), _of_shop(11, CANCELED)),
}
"""By source."""


def signers(stack: Stack) -> dict[str, Callable[[bytes], Headers]]:
    """How each company of a stack signs, by source."""
    settings = stack.settings
    return signing(
        {
            "stripe": settings.stripe_webhook_secret.get_secret_value(),
            "shipbob": settings.shipbob_webhook_secret.get_secret_value(),
            "easypost": settings.easypost_webhook_secret.get_secret_value(),
            "courier": webhook_secret(stack.data, "courier"),
            "tiktok_shop": webhook_secret(stack.data, "tiktok_shop"),
        }
    )


def signing(secrets: Mapping[str, str]) -> dict[str, Callable[[bytes], Headers]]:
    """How each company signs with its secret, by source."""
    shop = secrets["tiktok_shop"]
    return {
        "stripe": lambda content: _stripe(content, secrets["stripe"]),
        "shipbob": _standard(secrets["shipbob"], {"X-Webhook-Topic": "order.shipped"}),
        "easypost": lambda content: {"X-Hmac-Signature": f"hmac-sha256-hex={_hex(secrets['easypost'], content)}"},
        "courier": _standard(secrets["courier"], {}),
        "tiktok_shop": lambda content: {"Authorization": _hex(shop, APP_KEY.encode() + content)},
    }


def _hex(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _stripe(content: bytes, secret: str) -> Headers:
    now = int(time.time())
    scheme = stripe.WebhookSignature.EXPECTED_SCHEME
    return {"Stripe-Signature": f"t={now},{scheme}={_hex(secret, f'{now}.'.encode() + content)}"}


def _standard(secret: str, more: Headers) -> Callable[[bytes], Headers]:
    """As Standard Webhooks signs: id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))

    def sign(content: bytes) -> Headers:
        name, now = f"msg_{hashlib.sha256(content).hexdigest()[:12]}", int(time.time())
        digest = hmac.new(key, f"{name}.{now}.".encode() + content, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"Webhook-Id": name, "Webhook-Timestamp": str(now), "Webhook-Signature": signature, **more}

    return sign
