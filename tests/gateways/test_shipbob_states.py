"""ShipBob's words, translated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.shipbob.states import provider_order, status_of


def shipment(status: str, *details: str) -> dict[str, Any]:
    """A shipment with status details."""
    return {"status": status, "status_details": [{"name": name} for name in details], "tracking": None}


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        ("None", (), ParcelStatus.ACCEPTED),
        ("Processing", ("Labeled",), ParcelStatus.LABELED),
        ("Processing", ("Picked", "Packed"), ParcelStatus.PACKED),
        ("Completed", ("Processing",), ParcelStatus.LEFT_WAREHOUSE),
        ("Completed", ("OutForDelivery",), ParcelStatus.IN_TRANSIT),
        ("Completed", ("DeliveryException",), ParcelStatus.IN_TRANSIT),
        ("Completed", ("SomethingNew",), ParcelStatus.LEFT_WAREHOUSE),
        ("Exception", ("OutOfStock",), ParcelStatus.EXCEPTION),
        ("OnHold", ("PaymentDeclined",), ParcelStatus.ACCEPTED),
        ("OnHold", ("Packed", "InvalidAddress"), ParcelStatus.PACKED),
        ("ImportReview", (), ParcelStatus.ACCEPTED),
        ("CleanSweeped", (), ParcelStatus.ACCEPTED),
        ("Teleported", (), None),
    ],
)
def test_one_table(status: str, details: tuple[str, ...], expected: ParcelStatus | None) -> None:
    """Each status with its detail has one meaning; a new detail falls back to its status, a new status to nothing."""
    assert status_of(shipment(status, *details)) is expected


@pytest.mark.parametrize(
    ("shipments", "expected"),
    [
        ([shipment("Completed", "Delivered"), shipment("Completed", "InTransit")], ParcelStatus.IN_TRANSIT),
        ([shipment("Completed", "Delivered"), shipment("Exception")], ParcelStatus.EXCEPTION),
        ([shipment("Cancelled"), shipment("Processing", "Picked")], ParcelStatus.PICKED),
        ([shipment("Cancelled"), shipment("Cancelled")], ParcelStatus.CANCELED),
        ([shipment("Teleported")], ParcelStatus.ACCEPTED),
    ],
)
def test_a_split_order_is_as_far_as_its_last_shipment(shipments: list[dict[str, Any]], expected: ParcelStatus) -> None:
    """Never delivered before all is delivered, never canceled while something lives."""
    order = {"id": 1, "reference_id": "o-1-1", "status": "Processing", "shipments": shipments}
    assert provider_order(order).status is expected


def test_an_order_without_shipments_has_its_own_status() -> None:
    """Before ShipBob made shipments, the order's status counts."""
    assert provider_order({"id": 1, "reference_id": "o-1-1", "status": "Cancelled"}).status is ParcelStatus.CANCELED


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("OnHold", "Payment Failure", "on hold at ShipBob: Payment Failure"),
        ("OnHold", None, "on hold at ShipBob: no reason given"),
        ("ImportReview", "Unknown SKU", "in import review at ShipBob: Unknown SKU"),
    ],
)
def test_a_pause_says_that_it_is_one(status: str, reason: str | None, told: str) -> None:
    """On hold and in review resume at ShipBob: the parcel stays where it was, and people read why it waits."""
    details = [{"name": "PaymentDeclined", "description": reason}] if reason else []
    paused = {"status": status, "status_details": details}
    for order in ({"shipments": [paused]}, paused):
        found = provider_order({"id": 1, "reference_id": "o-1-1", "status": "Exception", **order})
        assert (found.status, found.detail) == (ParcelStatus.ACCEPTED, told)


@pytest.mark.parametrize(
    ("words", "partial"),
    [
        (("Cancelled", "Processing"), True),
        (("Cancelled", "Cancelled"), False),
        (("Processing", "Completed"), False),
        (("Cancelled",), False),
        ((), False),
    ],
)
def test_some_but_not_all_canceled_is_data(words: tuple[str, ...], partial: bool) -> None:
    """What leaves is less than what was sold: said as a field and in words."""
    order = {"id": 1, "reference_id": "o-1-1", "status": "Processing", "shipments": [shipment(word) for word in words]}
    found = provider_order(order)
    assert (found.partially_canceled, found.detail) == (partial, "1 of 2 shipments canceled" if partial else None)


def test_the_latest_change_of_any_shipment_counts() -> None:
    """ShipBob says of each shipment when it changed, not of the order; without a time there is none."""
    shipments = [{**shipment("Processing"), "last_update_at": at} for at in ("2026-03-02T10:00:00", "2026-03-01", None)]
    order = {"id": 1, "reference_id": "o-1-1", "status": "Processing", "shipments": shipments}
    assert provider_order(order).changed_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert provider_order({**order, "shipments": [shipment("Processing")]}).changed_at is None
