"""The companies' records become facts: who paid what, what left where, which labels live."""

import pytest

from ordersaga.demo.outside import Label, Page, Payment, ProviderParcel, Sale
from ordersaga.demo.records import read_outside
from ordersaga.domain.identifiers import ParcelReference, shortened
from ordersaga.domain.ledgers import EffectEntry, Ledgers

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
    [payment] = read_outside({"stripe": {"payment_intent": [INTENT], "refund": refunds}}).payments
    assert payment == Payment(
        "pi_1", "o1", 2, "o1/authorize/2/1", "succeeded", 900, captured=900, refunds=(("k", 100), ("k", 50))
    )
    assert (payment.net, payment.is_open) == (750, False)


def test_funds_that_are_or_may_be_reserved_are_open() -> None:
    """A challenge that can still be passed is as open as an authorization."""
    intents = [{**INTENT, "status": status} for status in ("requires_capture", "requires_action", "canceled")]
    assert [payment.is_open for payment in read_outside({"stripe": {"payment_intent": intents}}).payments] == [
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
    assert read_outside({"shipbob": {"orders": orders}}).provider_parcels == (
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
    assert read_outside({"easypost": {"shipments": shipments, "trackers": trackers}}).labels == (
        Label(reference, scanned=True),
        Label(reference, voided=True),
        Label(reference, scanned=True, kept=False),
    )


def test_a_page_on_which_nobody_paid_is_open_until_it_is_closed() -> None:
    """It is the order's by its metadata, as its payment is."""
    known = {"metadata": {"order_id": "o1", "effect_key": "o1/authorize/1/1"}}
    sessions = [{"id": f"cs_{status}", "status": status, **known} for status in ("open", "complete", "expired")]
    assert read_outside({"stripe": {"checkout.session": sessions}}).pages == tuple(
        Page(f"cs_{status}", "o1", status == "open", "o1/authorize/1/1") for status in ("open", "complete", "expired")
    )


@pytest.mark.parametrize("provider", ["newegg", "amazon_mcf"])
def test_other_providers_orders_are_read_likewise(provider: str) -> None:
    """Each is told apart by its name; what Amazon's carrier brought back is not the shopper's."""
    gone = {"cancelled_at": None, "goods_left": True, "products": [{"sku": "HAT", "quantity": 2}]}
    order = {"reference_id": "o1-1-1", "shipments": [gone, gone], "stage": "Delivered", "tracking": "RETURNED"}
    kept = provider == "newegg"
    assert read_outside({provider: {"orders": [order]}}).provider_parcels == (
        ProviderParcel(ParcelReference("o1", 1, 1), live=True, units={"HAT": 4}, provider=provider, kept=kept),
    )


def test_what_a_marketplace_without_a_gateway_sold_is_read_as_it_wrote_it_down() -> None:
    """What its shopper paid and got back, and the units it was told left: of all parcels, none without a number."""
    left = {"tracking_number": "1Z9", "lines": [{"sku": "HAT", "quantity": 2}]}
    sold = {"id": "stall_1", "total": 900, "refunded": 150, "status": "completed", "shipments": [left, left]}
    off = {"id": "stall_2", "total": 900, "refunded": 900, "status": "canceled"}
    off["shipments"] = [{**left, "tracking_number": None}]
    assert read_outside({"stall": {"orders": [sold, off]}}).sales == (
        Sale("stall_1", 900, refunded=150, told={"HAT": 4}),
        Sale("stall_2", 900, refunded=900, canceled=True, told={}),
    )


def test_labels_of_ups_and_the_courier_are_read_by_their_own_words() -> None:
    """Not scanned, scanned, voided, lost; the way back of a return is no parcel's label."""
    ups = [
        {"references": ["o1-1-1"], "label": "bought", "stage": "label"},
        {"references": ["o2-1-1"], "label": "bought", "stage": "returned"},
        {"references": ["o3-1-1"], "label": "voided", "stage": "voided"},
        {"references": ["o4-r1-1"], "label": "bought", "stage": "delivered"},
    ]
    courier = [
        {"reference": "o5-1-2", "label": "bought", "status": "picked_up"},
        {"reference": "o6-1-1", "label": "bought", "status": "lost"},
        {"reference": "o7-1-1", "label": "voided", "status": "voided"},
    ]
    assert read_outside({"ups": {"shipments": ups}, "courier": {"shipments": courier}}).labels == (
        Label(ParcelReference("o1", 1, 1), account="ups"),
        Label(ParcelReference("o2", 1, 1), scanned=True, kept=False, account="ups"),
        Label(ParcelReference("o3", 1, 1), voided=True, account="ups"),
        Label(ParcelReference("o5", 1, 2), scanned=True, account="courier"),
        Label(ParcelReference("o6", 1, 1), scanned=True, kept=False, account="courier"),
        Label(ParcelReference("o7", 1, 1), voided=True, account="courier"),
    )


def test_a_reference_that_was_too_long_for_ups_is_read_in_full() -> None:
    """By what our ledger asked for; a way back is no parcel's; nobody's stands by itself, to be found."""
    order_id = "o" * 40
    asked = [f"{order_id}-1-2", f"{order_id}-r1-1"]
    nobody = shortened("x" * 50, 35)
    shipments = [
        {"references": [number], "label": "bought", "stage": "label"}
        for number in (*(shortened(each, 35) for each in asked), nobody)
    ]
    effects = (
        EffectEntry(f"{order_id}/book_label/1/2.1", order_id, "book_label", 1, "done"),
        EffectEntry(f"{order_id}/book_return_label/1/1", order_id, "book_return_label", 1, "done"),
        EffectEntry(f"{order_id}/hand_off/1/1", order_id, "hand_off", 1, "done"),
    )
    known = tuple(Ledgers(effects=effects).label_references())
    assert known == tuple(asked)
    assert read_outside({"ups": {"shipments": shipments}}, known).labels == (
        Label(ParcelReference(order_id, 1, 2), account="ups"),
        Label(ParcelReference(nobody, 0, 0), account="ups"),
    )
