"""What was learned by asking, as messages: for the inbox, or as the answer to a webhook's lookup.

The source ids of polls are made of what they say (`poll:{reference}:{status}`), so that asking again stores nothing
twice. Before the goods leave, a status may come again (an exception, mended, then another): there the time of the
change belongs to the id. Afterwards it does not, or every scan on the way would be a message.
"""

from datetime import datetime
from hashlib import sha256

from ordersaga.domain.identifiers import parse_label_reference, parse_parcel_reference
from ordersaga.domain.lattices import goods_left
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus


def from_provider(
    provider: str, order: ProviderOrder, at: datetime, *, source_id: str | None = None
) -> Incoming | None:
    """The message in a provider's order, asked for `at`; None for an order that is not ours, or is only set aside.

    `source_id`: of the webhook that made us ask, if one did.
    """
    reference = parse_parcel_reference(order.reference)
    if reference is None or order.status is ParcelStatus.PLANNED:
        return None
    event = ParcelEvent(
        source=provider,
        source_id=source_id or _poll_id(order.reference, order.status, order.changed_at, partial=_partial_id(order)),
        parcel=reference.parcel,
        generation=reference.generation,
        status=order.status,
        occurred_at=order.changed_at or at,
        carrier=order.carrier,
        tracking_number=order.tracking_number,
        detail=order.detail,
        partial=order.partially_canceled,
        canceled_lines=order.canceled_lines,
    )
    return from_event(reference.order_id, event)


def from_carrier(reference_text: str, event: ParcelEvent) -> Incoming | None:
    """The message in what a carrier says about a label; None for a label that is not ours."""
    reference = parse_label_reference(reference_text)
    if reference is None:
        return None
    source_id = _poll_id(reference_text, event.status, event.occurred_at)
    return from_event(reference.order_id, event.model_copy(update={"source_id": source_id}))


def _poll_id(reference: str, status: ParcelStatus, changed_at: datetime | None, *, partial: str = "") -> str:
    said = f"poll:{reference}:{status}{partial}"
    return said if changed_at is None or goods_left(status) else f"{said}:{changed_at.isoformat()}"


def _partial_id(order: ProviderOrder) -> str:
    """Each further shipment canceled is news, also after goods have left: the units belong to the id."""
    if not order.partially_canceled:
        return ""
    units = "+".join(f"{line.quantity}x{line.sku}" for line in order.canceled_lines)
    return ":partial" + (f":{sha256(units.encode()).hexdigest()[:12]}" if units else "")


def from_event(order_id: str, event: ParcelEvent) -> Incoming:
    """A message with one event."""
    return Incoming(source=event.source, source_id=event.source_id, order_id=order_id, events=(event,))
