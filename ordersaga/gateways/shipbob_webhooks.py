"""ShipBob's webhooks: Standard Webhooks (https://developer.shipbob.com/webhooks), out of order, resent on failure.

ShipBob publishes no payload shapes per topic; they mirror the shipment of its API. The payload's status is taken
when it has one we know, else the least its topic proves.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook

from ordersaga.domain.identifiers import ParcelReference, parse_parcel_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.shipbob_states import detail_of, status_of, tracking_of
from ordersaga.gateways.webhook_parts import from_epoch, header, ignored, moment, parse_object, text, verifying

SOURCE = "shipbob"
_TOPICS: dict[str, ParcelStatus] = {
    "order.shipped": ParcelStatus.LABELED,
    "order.shipment.tracking.updated": ParcelStatus.LABELED,
    "order.shipment.delivered": ParcelStatus.DELIVERED,
    "order.shipment.exception": ParcelStatus.EXCEPTION,
    "order.shipment.on_hold": ParcelStatus.EXCEPTION,
    "order.shipment.cancelled": ParcelStatus.CANCELED,
}


def verify_and_read(headers: Mapping[str, str], body: bytes, secret: str) -> Incoming:
    """Verify `webhook-signature` and translate.

    Raises:
        OperatorError: `bad_signature`.
    """
    with verifying(SOURCE):
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    source_id, topic = header(headers, "webhook-id"), header(headers, "x-webhook-topic")
    shipment = parse_object(body)
    reference = parse_parcel_reference(str(shipment.get("reference_id") or ""))
    if topic not in _TOPICS or reference is None:
        return ignored(SOURCE, source_id, body)
    told = _event(shipment, reference, topic, source_id, from_epoch(header(headers, "webhook-timestamp")))
    return Incoming(source=SOURCE, source_id=source_id, order_id=reference.order_id, events=(told,))


def _event(
    shipment: Mapping[str, Any], reference: ParcelReference, topic: str, source_id: str, sent_at: datetime
) -> ParcelEvent:
    status = status_of(shipment) or _TOPICS[topic]
    carrier, tracking_number = tracking_of([shipment])
    return ParcelEvent(
        source=SOURCE,
        source_id=source_id,
        parcel=reference.parcel,
        generation=reference.generation,
        status=status,
        occurred_at=_occurred_at(shipment, status, sent_at),
        carrier=carrier,
        tracking_number=tracking_number,
        detail=detail_of(shipment),
    )


def _occurred_at(shipment: Mapping[str, Any], status: ParcelStatus, sent_at: datetime) -> datetime:
    if status is ParcelStatus.DELIVERED and text(shipment.get("delivery_date")):
        return moment(shipment["delivery_date"], sent_at)
    return moment(shipment.get("last_update_at"), sent_at)
