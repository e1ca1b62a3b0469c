"""EasyPost's shipments and trackers, as plain JSON, translated.

Trackers: https://docs.easypost.com/docs/trackers. Refunds: https://docs.easypost.com/docs/shipments/shipping-refund.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.shipping import CancelDecision, LabelState, ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.webhook_parts import child, moment, text

SOURCE = "easypost"
REFUND_LOOKUP = "refund:"
"""Before a shipment's id: what became of its refund is asked about, not where its parcel is."""
_ANY = ""
_STATUS: dict[tuple[str, str], ParcelStatus] = {
    ("pre_transit", _ANY): ParcelStatus.LABELED,
    ("in_transit", _ANY): ParcelStatus.IN_TRANSIT,
    ("out_for_delivery", _ANY): ParcelStatus.IN_TRANSIT,
    ("available_for_pickup", _ANY): ParcelStatus.IN_TRANSIT,
    ("delivered", _ANY): ParcelStatus.DELIVERED,
    ("return_to_sender", _ANY): ParcelStatus.RETURNED_TO_SENDER,
    ("failure", _ANY): ParcelStatus.EXCEPTION,
    ("failure", "lost"): ParcelStatus.LOST,
    ("failure", "damaged"): ParcelStatus.LOST,
}
_UNSCANNED = frozenset({None, "unknown", "pre_transit", "cancelled", "error"})
_REFUND = {
    "submitted": CancelDecision.PENDING,
    "refunded": CancelDecision.CANCELED,
    "rejected": CancelDecision.REFUSED,
    "not_applicable": CancelDecision.NOTHING_TO_UNDO,
}


def is_bought(shipment: Mapping[str, Any]) -> bool:
    """A label exists."""
    return bool(shipment.get("postage_label"))


def label_state(shipment: Mapping[str, Any]) -> LabelState:
    """A bought shipment as a label."""
    rate = child(shipment, "selected_rate")
    return LabelState(
        label_id=shipment["id"],
        reference=shipment["reference"],
        carrier=str(rate.get("carrier") or ""),
        tracking_number=str(shipment.get("tracking_code") or ""),
        cost=int((Decimal(str(rate.get("rate") or "0")) * 100).to_integral_value()),
        voided=shipment.get("refund_status") in {"submitted", "refunded"},
        url=text(child(shipment, "postage_label").get("label_url")),
    )


def refund_decision(shipment: Mapping[str, Any]) -> CancelDecision | None:
    """What a refund came to, None before one was asked for.

    `not_applicable` is how carriers that bill on scan answer: an unused label of theirs costs nothing.
    """
    return _REFUND.get(str(shipment.get("refund_status")))


def is_scanned(shipment: Mapping[str, Any]) -> bool:
    """The carrier has the parcel: a used label is not refunded."""
    return child(shipment, "tracker").get("status") not in _UNSCANNED


def parcel_event(tracker: Mapping[str, Any], reference: str, source_id: str | None = None) -> ParcelEvent | None:
    """What a tracker says about the parcel under our reference; None when it says nothing we act on.

    Without a message's id, the tracker with its status is the id: each status is one event, however often polled.
    """
    owner, status = parse_label_reference(reference), status_of(tracker)
    if owner is None or status is None:
        return None
    return ParcelEvent(
        source=SOURCE,
        source_id=source_id or f"{tracker.get('id')}:{tracker.get('status')}:{tracker.get('status_detail')}",
        parcel=owner.parcel,
        generation=owner.generation,
        status=status,
        occurred_at=_occurred_at(tracker),
        carrier=text(tracker.get("carrier")),
        tracking_number=text(tracker.get("tracking_code")),
        detail=text(tracker.get("status_detail")),
        returning=owner.returning,
    )


def void_event(shipment: Mapping[str, Any], source_id: str | None = None) -> ParcelEvent | None:
    """What became of a label's refund, as a notice; None while it is undecided, or not ours.

    `void_rejected`: the label is paid for and stands. `void_settled`: it costs nothing any more.
    """
    owner, decision = parse_label_reference(str(shipment.get("reference") or "")), refund_decision(shipment)
    if owner is None or decision in {None, CancelDecision.PENDING}:
        return None
    rejected = decision is CancelDecision.REFUSED
    label = f"label {shipment.get('tracking_code')} of {child(shipment, 'selected_rate').get('carrier')}"
    return ParcelEvent(
        source=SOURCE,
        source_id=source_id or f"{shipment.get('id')}:refund:{shipment.get('refund_status')}",
        parcel=owner.parcel,
        generation=owner.generation,
        status=ParcelStatus.PLANNED,
        occurred_at=moment(shipment.get("updated_at"), datetime.now(UTC)),
        detail=f"the refund of {label} was rejected: it is paid for" if rejected else f"{label} costs nothing",
        notice="void_rejected" if rejected else "void_settled",
        returning=owner.returning,
    )


def status_of(tracker: Mapping[str, Any]) -> ParcelStatus | None:
    """The tracker's status; None for one that says nothing (`unknown`, `error`, `cancelled`)."""
    status, detail = str(tracker.get("status")), str(tracker.get("status_detail"))
    return _STATUS.get((status, detail)) or _STATUS.get((status, _ANY))


def _occurred_at(tracker: Mapping[str, Any]) -> datetime:
    """The carrier's time of the latest scan, else when EasyPost learned of it."""
    told = tracker.get("tracking_details")
    scans = [scan for scan in told if isinstance(scan, dict)] if isinstance(told, list) else []
    latest = scans[-1].get("datetime") if scans else None
    return moment(latest or tracker.get("updated_at"), datetime.now(UTC))
