"""Amazon's words, translated: every documented one, and those it may add."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.lattices import LATTICES
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import ParcelStatus as P
from ordersaga.gateways.amazon_mcf.states import (
    ORDER_2020,
    ORDER_2026,
    PACKAGE_2020,
    PACKAGE_2026,
    SHIPMENT,
    Package,
    Phase,
    Shipment,
    Standing,
    known,
    provider_order,
    status_of,
)
from ordersaga.gateways.amazon_mcf.version_2020 import Outbound2020, Tracking2020
from ordersaga.gateways.amazon_mcf.version_2026 import Outbound2026

OLD, NEW = Outbound2020("ATVPDKIKX0DER", "Thanks"), Outbound2026()
AT = "2026-03-02T10:00:00Z"


def standing(phase: Phase, *shipments: Shipment, held: bool = False) -> Standing:
    """An order with shipments."""
    return Standing("o-1-1", phase, held, datetime(2026, 3, 2, tzinfo=UTC), shipments)


def shipped(*words: P | None) -> Shipment:
    """A shipment that departed, with a package for each word of tracking."""
    return Shipment(P.LEFT_WAREHOUSE, tuple(Package("UPS", f"1Z{n}", n, word) for n, word in enumerate(words, 1)))


PICKED, CANCELED = Shipment(P.PICKED), Shipment(P.CANCELED)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (standing(Phase.OPEN), P.ACCEPTED),
        (standing(Phase.OPEN, held=True), P.PLANNED),
        (standing(Phase.PICKING), P.PICKED),
        (standing(Phase.PICKING, shipped(P.DELIVERED), PICKED), P.PICKED),
        (standing(Phase.PICKING, CANCELED, PICKED), P.PICKED),
        (standing(Phase.SHIPMENTS_SAY), P.ACCEPTED),
        (standing(Phase.SHIPMENTS_SAY, held=True), P.PLANNED),
        (standing(Phase.SHIPMENTS_SAY, CANCELED), P.ACCEPTED),
        (standing(Phase.SHIPMENTS_SAY, PICKED), P.PICKED),
        (standing(Phase.SHIPMENTS_SAY, shipped(P.IN_TRANSIT)), P.IN_TRANSIT),
        (standing(Phase.LEFT), P.LEFT_WAREHOUSE),
        (standing(Phase.LEFT, shipped()), P.LEFT_WAREHOUSE),
        (standing(Phase.LEFT, shipped(None)), P.LEFT_WAREHOUSE),
        (standing(Phase.LEFT, shipped(P.DELIVERED, None)), P.LEFT_WAREHOUSE),
        (standing(Phase.LEFT, shipped(P.DELIVERED), shipped(P.IN_TRANSIT)), P.IN_TRANSIT),
        (standing(Phase.LEFT, shipped(P.DELIVERED, P.LOST)), P.LOST),
        (standing(Phase.LEFT, shipped(P.RETURNED_TO_SENDER)), P.RETURNED_TO_SENDER),
        (standing(Phase.LEFT, shipped(P.DELIVERED), CANCELED), P.DELIVERED),
        (standing(Phase.CANCELED, held=True), P.CANCELED),
        (standing(Phase.INVALID), P.CANCELED),
        (standing(Phase.UNFULFILLABLE, CANCELED), P.CANCELED),
    ],
)
def test_an_order_is_as_far_as_what_is_least_far_of_it(found: Standing, expected: P) -> None:
    """Never scanned before all is, never delivered before all is; lost and returned are news of all."""
    assert status_of(found) is expected
    assert expected in LATTICES["amazon_mcf"].says


# As the specifications of both versions list them.
ORDERS_2020 = "New Received Planning Processing Cancelled Complete CompletePartialled Unfulfillable Invalid"
SHIPMENTS = "PENDING SHIPPED CANCELLED_BY_FULFILLER CANCELLED_BY_SELLER PROCESSING CANCELLED"
TRACKING_2020 = (
    "IN_TRANSIT DELIVERED RETURNING RETURNED UNDELIVERABLE DELAYED AVAILABLE_FOR_PICKUP CUSTOMER_ACTION UNKNOWN "
    "OUT_FOR_DELIVERY DELIVERY_ATTEMPTED PICKUP_SUCCESSFUL PICKUP_CANCELLED PICKUP_ATTEMPTED PICKUP_SCHEDULED "
    "RETURN_REQUEST_ACCEPTED REFUND_ISSUED RETURN_RECEIVED_IN_FC"
)
ORDERS_2026 = "PROCESSING COMPLETE COMPLETE_PARTIAL CANCELLED UNFULFILLABLE INVALID"
TRACKING_2026 = "PROCESSING IN_TRANSIT DELAYED OUT_FOR_DELIVERY DELIVERED UNDELIVERABLE EXPIRED"


@pytest.mark.parametrize(
    ("table", "documented"),
    [
        (ORDER_2020, ORDERS_2020),
        (ORDER_2026, ORDERS_2026),
        (SHIPMENT, SHIPMENTS),
        (PACKAGE_2020, TRACKING_2020),
        (PACKAGE_2026, TRACKING_2026),
    ],
)
def test_every_documented_word_has_a_meaning_and_no_other(table: dict[str, Any], documented: str) -> None:
    """One that is not documented is an error that quotes it, not a guess."""
    assert set(table) == set(documented.split())
    for word in ("Teleported", "", None, 7):
        with pytest.raises(RetryError) as caught:
            known(table, word, "the status")
        assert (caught.value.code, caught.value.unknown) == ("amazon_mcf_unreadable", True)
        assert repr(word) in caught.value.message


def old_order(**changes: Any) -> dict[str, Any]:
    """A departed order as getFulfillmentOrder tells it."""
    order = {
        "sellerFulfillmentOrderId": "o-1-1",
        "fulfillmentOrderStatus": "CompletePartialled",
        "fulfillmentAction": "Ship",
        "statusUpdatedDate": AT,
    }
    items = [
        {"sellerSku": "A", "quantity": 3, "cancelledQuantity": 1, "unfulfillableQuantity": 1},
        {"sellerSku": "B", "quantity": 1, "cancelledQuantity": 0, "unfulfillableQuantity": 0},
    ]
    package = {"packageNumber": 7, "carrierCode": "UPS", "trackingNumber": "1Z7"}
    shipment = {"fulfillmentShipmentStatus": "SHIPPED", "fulfillmentShipmentPackage": [package]}
    return {
        "fulfillmentOrder": {**order, **changes},
        "fulfillmentOrderItems": items,
        "fulfillmentShipments": [shipment],
    }


def new_order(**changes: Any) -> dict[str, Any]:
    """The same as getOrder tells it."""
    amounts = {"amount": {"value": "3.0"}, "cancelledAmount": {"value": "1.0"}, "unfulfillableAmount": {"value": "1"}}
    lines = [
        {"product": {"productIdentifier": {"amazonSku": "A"}}, **amounts},
        {"product": {"productIdentifier": {"amazonSku": "B"}}, "amount": {"value": "1"}},
    ]
    package = {"status": "PROCESSING", "tracking": {"carrier": {"carrierCode": "UPS", "trackingNumber": "1Z7"}}}
    order = {
        "orderId": "o-1-1",
        "status": "COMPLETE_PARTIAL",
        "statusUpdateTime": AT,
        "lineItems": lines,
        "shipments": [{"status": "SHIPPED", "packages": [package]}],
    }
    return {"order": {**order, **changes}}


@pytest.mark.parametrize("found", [OLD.read(old_order()), NEW.read(new_order())], ids=["2020", "2026"])
def test_both_versions_read_into_the_same(found: Standing) -> None:
    """Reference, time, carrier, tracking number and the units that do not come."""
    order = provider_order(found)
    assert (order.reference, order.status) == ("o-1-1", P.LEFT_WAREHOUSE)
    assert (order.carrier, order.tracking_number) == ("UPS", "1Z7")
    assert (order.partially_canceled, order.canceled_lines) == (True, (LineQuantity(sku="A", quantity=2),))
    assert order.changed_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert found.ordered == {"A": 3, "B": 1}


def test_tracking_dates_what_came_after_the_departure() -> None:
    """The order's own time is that of its departure; a scan has the time of its latest event."""
    events = [{"eventDate": "2026-03-03T08:00:00Z"}, {"eventDate": "2026-03-04T09:00:00Z"}, {"eventDate": None}]
    said = Tracking2020().read({"currentStatus": "OUT_FOR_DELIVERY", "carrierCode": "UPS", "trackingEvents": events})
    order = provider_order(OLD.read(old_order()).tracked({7: said}))
    assert (order.status, order.detail) == (
        P.IN_TRANSIT,
        "Amazon says OUT_FOR_DELIVERY; Amazon does not fulfill all units",
    )
    assert order.changed_at == datetime(2026, 3, 4, 9, tzinfo=UTC)


def test_a_sku_that_is_none_of_ours_names_no_units() -> None:
    """Part of it is missing; which units cannot be said in our words."""
    order = provider_order(replace(standing(Phase.LEFT, shipped(P.DELIVERED)), gone={"not a sku!": 1}))
    assert (order.partially_canceled, order.canceled_lines) == (True, ())
