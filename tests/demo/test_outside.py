"""The companies' records become facts: who paid what, what left where, which labels live."""

from ordersaga.demo.outside import Label, Payment, ProviderParcel, read_outside
from ordersaga.domain.identifiers import ParcelReference

INTENT = {
    "id": "pi_1",
    "status": "succeeded",
    "amount": 900,
    "amount_received": 900,
    "metadata": {"order_id": "o1", "parcel": "2", "effect_key": "o1/authorize/2/1"},
}


def test_refunds_that_came_to_something_count() -> None:
    """A failed refund gave nothing back; a pending one will."""
    refunds = [
        {"payment_intent": "pi_1", "status": status, "amount": amount, "metadata": {"effect_key": "k"}}
        for status, amount in (("succeeded", 100), ("pending", 50), ("failed", 900))
    ]
    [payment] = read_outside({"payment_intent": [INTENT], "refund": refunds}, {}, {}).payments
    assert payment == Payment(
        "pi_1", "o1", 2, "o1/authorize/2/1", "succeeded", 900, captured=900, refunds=(("k", 100), ("k", 50))
    )
    assert (payment.net, payment.is_open) == (750, False)


def test_funds_that_are_or_may_be_reserved_are_open() -> None:
    """A challenge that can still be passed is as open as an authorization."""
    intents = [{**INTENT, "status": status} for status in ("requires_capture", "requires_action", "canceled")]
    assert [payment.is_open for payment in read_outside({"payment_intent": intents}, {}, {}).payments] == [
        True,
        True,
        False,
    ]


def test_a_provider_order_lives_while_one_shipment_does() -> None:
    """Units count when their shipment left; other systems' references are nobody's parcel."""
    gone = {"cancelled_at": None, "goods_left": True, "products": [{"sku": "SOCK", "quantity": 2}]}
    kept = {"cancelled_at": "2026-01-01", "goods_left": False, "products": [{"sku": "SOCK", "quantity": 5}]}
    orders = [
        {"reference_id": "o1-1-1", "shipments": [gone, kept]},
        {"reference_id": "o2-1-1", "shipments": [kept]},
        {"reference_id": "somebody else's", "shipments": [gone]},
    ]
    assert read_outside({}, {"orders": orders}, {}).provider_parcels == (
        ProviderParcel(ParcelReference("o1", 1, 1), live=True, units={"SOCK": 2}),
        ProviderParcel(ParcelReference("o2", 1, 1), live=False, units={}),
    )


def test_a_label_is_what_was_bought() -> None:
    """A shipment that was only rated is no label; a refund asked for is a voided label."""
    shipment: dict[str, object] = {"reference": "o1-1-1", "postage_label": {}, "refund_status": None}
    shipment["tracker_id"] = "t1"
    shipments = [
        {**shipment, "postage_label": {"id": "pl_1"}},
        {**shipment, "postage_label": {"id": "pl_2"}, "refund_status": "submitted", "tracker_id": "t2"},
        {**shipment, "postage_label": None},
        {**shipment, "postage_label": {"id": "pl_3"}, "tracker_id": "t3"},
    ]
    trackers = [{"id": "t1", "status": "delivered"}, {"id": "t2", "status": "pre_transit"}]
    trackers.append({"id": "t3", "status": "return_to_sender"})
    reference = ParcelReference("o1", 1, 1)
    assert read_outside({}, {}, {"shipments": shipments, "trackers": trackers}).labels == (
        Label(reference, scanned=True),
        Label(reference, voided=True),
        Label(reference, scanned=True, kept=False),
    )
