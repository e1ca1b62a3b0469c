"""ShipBob's webhooks: Standard Webhooks (https://developer.shipbob.com/webhooks), out of order, resent on failure.

Each speaks of ONE shipment, and ShipBob may cut an order into several: one shipment must not decide for the parcel.
So a webhook only says that something changed; the order is looked up by our reference, as it stands now.
"""

from collections.abc import Mapping

from standardwebhooks import Webhook

from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.gateways.webhook_parts import header, ignored, parse_object, verifying

SOURCE = "shipbob"
_TOPICS = frozenset(
    {
        "order.shipped",
        "order.shipment.tracking.updated",
        "order.shipment.delivered",
        "order.shipment.exception",
        "order.shipment.on_hold",
        "order.shipment.cancelled",
    }
)


def verify_and_read(headers: Mapping[str, str], body: bytes, secret: str) -> Incoming:
    """Verify `webhook-signature`; answers whose order is to be looked up.

    Raises:
        OperatorError: `bad_signature`.
    """
    with verifying(SOURCE):
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    source_id, topic = header(headers, "webhook-id"), header(headers, "x-webhook-topic")
    reference = parse_parcel_reference(str(parse_object(body).get("reference_id") or ""))
    if topic not in _TOPICS or reference is None:
        return ignored(SOURCE, source_id, body)
    return Incoming(source=SOURCE, source_id=source_id, order_id=reference.order_id, lookup=str(reference))
