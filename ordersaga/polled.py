"""What was learned by asking instead of by a webhook, as messages for the inbox.

Their source ids are made of what they say (`poll:{reference}:{status}`), so that asking again stores nothing twice.
"""

from datetime import datetime

from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, ProviderOrder


def from_provider(provider: str, order: ProviderOrder, at: datetime) -> Incoming | None:
    """The message in a provider's order; None for an order that is not ours."""
    reference = parse_parcel_reference(order.reference)
    if reference is None:
        return None
    event = ParcelEvent(
        source=provider,
        source_id=f"poll:{order.reference}:{order.status}",
        parcel=reference.parcel,
        generation=reference.generation,
        status=order.status,
        occurred_at=at,
        carrier=order.carrier,
        tracking_number=order.tracking_number,
        detail=order.detail,
    )
    return from_event(reference.order_id, event)


def from_carrier(reference_text: str, event: ParcelEvent) -> Incoming | None:
    """The message in what a carrier says about a label; None for a label that is not ours."""
    reference = parse_parcel_reference(reference_text)
    if reference is None:
        return None
    told = event.model_copy(update={"source_id": f"poll:{reference_text}:{event.status}"})
    return from_event(reference.order_id, told)


def from_event(order_id: str, event: ParcelEvent) -> Incoming:
    """A message with one event."""
    return Incoming(source=event.source, source_id=event.source_id, order_id=order_id, events=(event,))
