"""ShipBob's words, translated."""

from typing import Any

import pytest

from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.shipbob_states import provider_order, status_of


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
        ("ImportReview", (), ParcelStatus.EXCEPTION),
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
