"""Stripe's webhooks (https://docs.stripe.com/webhooks): unordered, duplicated, resent for three days."""

from collections.abc import Mapping
from typing import Any

import stripe

from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import PaymentEvent
from ordersaga.gateways.webhook_parts import child, header, ignored, parse_object, text, verifying

SOURCE = "stripe"
_TOLERANCE_SECONDS = 300
_DIGITS = 4
"""Of a parcel's number: no order has more parcels."""
_KINDS = {
    "payment_intent.amount_capturable_updated": "authorized",
    "payment_intent.requires_action": "requires_action",
    "payment_intent.processing": "processing",
    "payment_intent.payment_failed": "declined",
    "payment_intent.succeeded": "captured",
    "payment_intent.canceled": "voided",
    "charge.expired": "lapsed",
    "charge.refunded": "refunded",
    "refund.failed": "refund_failed",
    "checkout.session.completed": "link_used",
    "checkout.session.expired": "link_closed",
    "checkout.session.async_payment_succeeded": "captured",
    "checkout.session.async_payment_failed": "declined",
}


def verify_and_read(headers: Mapping[str, str], body: bytes, secret: str) -> Incoming:
    """Verify `Stripe-Signature` (300 s tolerance) and translate.

    Raises:
        OperatorError: `bad_signature`.
    """
    with verifying(SOURCE):
        stripe.WebhookSignature.verify_header(body, header(headers, "stripe-signature"), secret, _TOLERANCE_SECONDS)
    event = parse_object(body)
    subject, kind = child(child(event, "data"), "object"), _KINDS.get(str(event.get("type")))
    source_id, owner, payment_id = text(event.get("id")), _owner(subject), _payment_id(subject)
    if kind is None or source_id is None or owner is None or payment_id is None:
        return ignored(SOURCE, source_id, body)
    order_id, parcel = owner
    told = PaymentEvent(source=SOURCE, source_id=source_id, parcel=parcel, payment_id=payment_id, kind=kind)
    return Incoming(source=SOURCE, source_id=source_id, order_id=order_id, events=(told,))


def _owner(subject: Mapping[str, Any]) -> tuple[str, int] | None:
    """Whose it is: the metadata of the payment, which Stripe copies to its charges; a refund has only our key."""
    metadata = child(subject, "metadata")
    order_id, parcel = metadata.get("order_id"), str(metadata.get("parcel"))
    if not order_id:
        order_id, _, rest = str(metadata.get("effect_key") or "").partition("/")
        parcel = rest.split("/")[1] if rest.count("/") == 2 else ""
    known = order_id and parcel.isascii() and parcel.isdecimal() and len(parcel) <= _DIGITS
    return (str(order_id), int(parcel)) if known else None


def _payment_id(subject: Mapping[str, Any]) -> str | None:
    """Of a page, the payment made there; its own id as long as there is none."""
    if subject.get("object") == "payment_intent":
        return text(subject.get("id"))
    return text(subject.get("payment_intent")) or (text(subject.get("id")) if _is_page(subject) else None)


def _is_page(subject: Mapping[str, Any]) -> bool:
    return subject.get("object") == "checkout.session"
