"""A private courier's shipments and events, read and translated. The API: docs/openapi/private-delivery.yaml.

Answers hold no addresses, and what is read here leaves out the rest of what is personal: initials, photos, positions.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from ordersaga.domain.identifiers import LabelReference, parse_label_reference
from ordersaga.domain.money import Currency, MinorUnits
from ordersaga.domain.reconciliation import LabelRecord
from ordersaga.domain.shipping import LabelState, ParcelEvent, Quote
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message

SOURCE: Final = "private_delivery"
Identity = Annotated[str, Field(min_length=1)]

STATUS: Mapping[str, ParcelStatus] = {
    "created": ParcelStatus.LABELED,
    "picked_up": ParcelStatus.IN_TRANSIT,
    "in_transit": ParcelStatus.IN_TRANSIT,
    "out_for_delivery": ParcelStatus.IN_TRANSIT,
    "attempt_failed": ParcelStatus.IN_TRANSIT,
    "refused": ParcelStatus.IN_TRANSIT,
    "returning": ParcelStatus.IN_TRANSIT,
    "returned": ParcelStatus.RETURNED_TO_SENDER,
    "delivered": ParcelStatus.DELIVERED,
    "lost": ParcelStatus.LOST,
    "damaged": ParcelStatus.LOST,
}
"""What each status of the API is to us; `voided` is about a label, and any other is no news."""
_VOIDED: Final = "voided"
_UNSCANNED: Final = frozenset({"created", _VOIDED})
_WORDS: Mapping[str, str] = {
    "out_for_delivery": "out for delivery",
    "attempt_failed": "delivery was tried in vain",
    "refused": "refused by its recipient",
    "returning": "on its way back to its sender",
    "lost": "lost",
    "damaged": "damaged",
}
_REASONS: Mapping[str, str] = {
    "nobody_home": "nobody home",
    "address_not_found": "address not found",
    "access_denied": "no access",
    "weather": "weather",
    "undeliverable": "undeliverable",
    "requested": "as requested",
}
_PLACES: Final = frozenset({"door", "porch", "mailbox", "locker", "reception", "garage", "neighbor"})


class Proof(Message):
    """Proof of delivery, as far as it is told on: that there are initials, a photo, a position, not which."""

    name_initials: str | None = None
    left_at: str | None = None
    photo_url: str | None = None
    position: Mapping[str, object] | None = None


class Event(Message):
    """One thing that happened to a shipment."""

    id: Identity
    shipment_id: Identity
    reference: str
    tracking_number: Identity
    sequence: int
    type: str
    occurred_at: AwareDatetime
    reason: str | None = None
    proof: Proof | None = None


class Price(Message):
    """Minor units of a currency."""

    amount: MinorUnits
    currency: Currency


class Shipment(Message):
    """A label, and where its parcel is."""

    id: Identity
    reference: str
    idempotency_key: str
    status: str
    price: Price
    tracking_number: Identity
    label_url: str | None
    can_return: bool
    return_requested: bool
    created_at: AwareDatetime
    last_event: Event


class ShipmentPage(Message):
    """One page of a list."""

    shipments: tuple[Shipment, ...]
    next_cursor: str | None


class CutOff(Message):
    """When it is picked up."""

    at: AwareDatetime


class Offer(Message):
    """A quote of the API."""

    price: Price
    cut_off: CutOff
    deliver_by: AwareDatetime


def quote_of(offer: Offer, carrier: str) -> Quote:
    """An offer in our words."""
    return Quote(
        carrier=carrier,
        cost=offer.price.amount,
        currency=offer.price.currency,
        deliver_by=offer.deliver_by,
        cut_off=offer.cut_off.at,
    )


def label_state(shipment: Shipment, carrier: str) -> LabelState:
    """A shipment as a label."""
    return LabelState(
        label_id=shipment.id,
        reference=shipment.reference,
        carrier=carrier,
        tracking_number=shipment.tracking_number,
        cost=shipment.price.amount,
        currency=shipment.price.currency,
        voided=is_voided(shipment),
        can_intercept=shipment.can_return,
        intercepted=shipment.return_requested,
        url=shipment.label_url,
    )


def label_record(shipment: Shipment, carrier: str) -> LabelRecord:
    """A shipment as it is listed."""
    return LabelRecord(
        label_id=shipment.id,
        reference=shipment.reference if parse_label_reference(shipment.reference) else "",
        carrier=carrier,
        tracking_number=shipment.tracking_number,
        voided=is_voided(shipment),
        scanned=shipment.status not in _UNSCANNED,
        created_at=shipment.created_at,
        tracking=STATUS.get(shipment.status),
    )


def is_voided(shipment: Shipment) -> bool:
    """The label was given back."""
    return shipment.status == _VOIDED


def source_id(carrier: str, message_id: str) -> str:
    """What a message of one courier is known by beside those of others: each counts its own."""
    return f"{carrier}:{message_id}"


def parcel_event(event: Event, carrier: str) -> ParcelEvent | None:
    """What an event says of the parcel under our reference; None when it says nothing we act on.

    A voided label is a notice (`void_settled`): it moves no parcel. `carrier`: what this courier is called.
    """
    owner = parse_label_reference(event.reference)
    if owner is None:
        return None
    if event.type == _VOIDED:
        detail = f"label {event.tracking_number} costs nothing"
        return _told(event, owner, ParcelStatus.PLANNED, carrier, detail, "void_settled")
    status = STATUS.get(event.type)
    return _told(event, owner, status, carrier, _words(event)) if status is not None else None


def _told(
    event: Event,
    owner: LabelReference,
    status: ParcelStatus,
    carrier: str,
    detail: str | None,
    notice: str | None = None,
) -> ParcelEvent:
    return ParcelEvent(
        source=SOURCE,
        source_id=source_id(carrier, event.id),
        parcel=owner.parcel,
        generation=owner.generation,
        status=status,
        occurred_at=event.occurred_at,
        carrier=carrier,
        tracking_number=event.tracking_number,
        detail=detail,
        notice=notice,
        returning=owner.returning,
    )


def _words(event: Event) -> str | None:
    """An event in words. A reason we do not know stays out: nobody knows what a courier writes there."""
    if event.type == "delivered":
        return _proof_words(event.proof or Proof())
    said, why = _WORDS.get(event.type), _REASONS.get(event.reason or "")
    return f"{said}: {why}" if said and why else said


def _proof_words(proof: Proof) -> str:
    """A proof without the person: a place is told, a name is not, nor where a photo of the door is kept."""
    place = proof.left_at if proof.left_at in _PLACES else "another place"
    said = f"left at: {place}" if proof.left_at else "handed over" if proof.name_initials else "delivered"
    kept = [name for name, value in (("photo", proof.photo_url), ("position", proof.position)) if value]
    return f"{said}; the courier keeps {' and '.join(kept)}" if kept else said
