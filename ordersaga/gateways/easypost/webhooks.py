"""EasyPost's webhooks (https://docs.easypost.com/guides/webhooks-guide): HMAC-signed, retried, unordered.

A tracker names EasyPost's shipment, not our reference. When the reference is there it is used; otherwise the message
is answered with a `lookup`, which `EasyPost.resolve` completes.
"""

from collections.abc import Mapping
from typing import Any

from easypost.util import validate_webhook

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.gateways.easypost.states import REFUND_LOOKUP, SOURCE, parcel_event, status_of
from ordersaga.gateways.webhook_parts import child, header, ignored, parse_object, text, verifying

_SIGNATURE = "X-Hmac-Signature"
_KINDS = frozenset({"tracker.created", "tracker.updated"})
_REFUNDS = "refund."


def verify_and_read(headers: Mapping[str, str], body: bytes, secret: str) -> Incoming:
    """Verify `X-Hmac-Signature` as the SDK does and translate.

    Raises:
        OperatorError: `bad_signature`.
    """
    with verifying(SOURCE):
        _verify(header(headers, _SIGNATURE.lower()), body, secret)
    event = parse_object(body)
    source_id, tracker = text(event.get("id")), child(event, "result")
    if source_id is not None and str(event.get("description")).startswith(_REFUNDS):
        return _asking(source_id, tracker, REFUND_LOOKUP) or ignored(SOURCE, source_id, body)
    if source_id is None or text(event.get("description")) not in _KINDS or status_of(tracker) is None:
        return ignored(SOURCE, source_id, body)
    return read_event(source_id, tracker) or ignored(SOURCE, source_id, body)


def _verify(signature: str, body: bytes, secret: str) -> None:
    """The SDK verifies and parses in one go: a body that is signed but no JSON has passed the verification."""
    if not secret:
        raise OperatorError("bad_signature", "no secret is set")
    try:
        validate_webhook(body, {_SIGNATURE: signature}, secret)
    except (ValueError, RecursionError):
        return


def read_event(source_id: str, tracker: Mapping[str, Any]) -> Incoming | None:
    """What a tracker says of an order's label, or the message that has EasyPost asked about it; None when neither."""
    reference = text(tracker.get("reference")) or text(child(tracker, "shipment").get("reference")) or ""
    owner, told = parse_label_reference(reference), parcel_event(tracker, reference, source_id)
    if owner is not None and told is not None:
        return Incoming(source=SOURCE, source_id=source_id, order_id=owner.order_id, events=(told,))
    return _asking(source_id, tracker)


def _asking(source_id: str, told: Mapping[str, Any], about: str = "") -> Incoming | None:
    """The message that has EasyPost asked about its shipment; None when it names none."""
    shipment = text(told.get("shipment_id")) or ""
    return Incoming(source=SOURCE, source_id=source_id, lookup=about + shipment) if _is_shipment(shipment) else None


def _is_shipment(identity: str) -> bool:
    return identity.startswith("shp_")
