"""EasyPost's words, translated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost.states import label_state, parcel_event, refund_decision, status_of


@pytest.mark.parametrize(
    ("status", "detail", "expected"),
    [
        ("pre_transit", "label_created", ParcelStatus.LABELED),
        ("available_for_pickup", "arrived_at_pickup_location", ParcelStatus.IN_TRANSIT),
        ("failure", "lost", ParcelStatus.LOST),
        ("failure", "damaged", ParcelStatus.LOST),
        ("failure", "unable_to_deliver", ParcelStatus.EXCEPTION),
        ("unknown", "unknown", None),
        ("error", None, None),
        ("cancelled", "cancelled", None),
        (None, None, None),
    ],
)
def test_one_table(status: str | None, detail: str | None, expected: ParcelStatus | None) -> None:
    """Each tracker status with its detail has one meaning, and what tells nothing means nothing."""
    assert status_of({"status": status, "status_detail": detail}) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, None),
        ("submitted", CancelDecision.PENDING),
        ("refunded", CancelDecision.CANCELED),
        ("rejected", CancelDecision.REFUSED),
        ("not_applicable", CancelDecision.NOTHING_TO_UNDO),
    ],
)
def test_refunds(status: str | None, expected: CancelDecision | None) -> None:
    """A refund submitted is not a refund; a carrier that bills on scan has nothing to give back."""
    assert refund_decision({"refund_status": status}) is expected


@pytest.mark.parametrize(("rate", "cost"), [("5.57", 557), ("4.1", 410), ("0.00", 0), ("19.995", 2000)])
def test_cost_is_exact(rate: str, cost: int) -> None:
    """Dollars as text become cents without passing through a float."""
    shipment: dict[str, Any] = {"id": "shp_1", "reference": "o-1-1", "selected_rate": {"rate": rate, "carrier": "USPS"}}
    assert label_state(shipment).cost == cost


def test_the_latest_scan_dates_the_event() -> None:
    """The carrier's own time counts, not when EasyPost learned of it; the same state is the same event."""
    tracker = {
        "id": "trk_1",
        "status": "in_transit",
        "status_detail": "arrived_at_facility",
        "updated_at": "2026-03-02T00:00:00Z",
        "tracking_details": [{"datetime": "2026-02-28T00:00:00Z"}, {"datetime": "2026-03-01T00:00:00Z"}],
    }
    event = parcel_event(tracker, "o1-2-3")
    assert event is not None
    assert (event.parcel, event.generation) == (2, 3)
    assert event.occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert event.source_id == "trk_1:in_transit:arrived_at_facility"
    assert parcel_event(tracker, "someone-elses") is None
