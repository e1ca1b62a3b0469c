"""Webhooks, signed by the emulated companies themselves."""

import json
from collections.abc import Callable, Mapping

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost import webhooks as easypost_webhooks
from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.shipbob import webhooks as shipbob_webhooks
from ordersaga.gateways.shipbob.provider import ShipBob
from ordersaga.gateways.stripe import webhooks as stripe_webhooks
from ordersaga.gateways.stripe.payments import StripePayments
from tests.gateways.support import EASYPOST_SECRET, SHIPBOB_SECRET, STRIPE_SECRET, hand_off, label, new_order, payment
from tests.support.emulators import Delivery, EmulatorProcess, WebhookReceiver, eventually

Read = Callable[[Mapping[str, str], bytes, str], Incoming]
Company = tuple[EmulatorProcess, WebhookReceiver]


async def heard(company: Company, *needles: str) -> Delivery:
    """The first delivery with all needles in its headers or body."""
    receiver = company[1]

    def matching() -> list[Delivery]:
        return [each for each in receiver.deliveries if all(n in f"{each.headers}{each.body}" for n in needles)]

    await eventually(matching)
    return matching()[0]


def refused(read: Read, headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """It is refused as badly signed, and the text quotes neither body nor secret."""
    with pytest.raises(OperatorError) as caught:
        read(headers, body, secret)
    assert caught.value.code == "bad_signature"
    assert secret not in str(caught.value)
    assert body.decode("utf-8", "replace")[:40] not in str(caught.value)


def hardened(read: Read, delivery: Delivery, secret: str, other_secret: str, signature: str) -> None:
    """Tampered body, other secret, no signature, nonsense for a signature: all refused."""
    body = delivery.body.encode()
    refused(read, delivery.headers, body.replace(b"1", b"2", 1), secret)
    refused(read, delivery.headers, body + b" ", secret)
    refused(read, delivery.headers, b"\xff" + body, secret)
    refused(read, delivery.headers, body, other_secret)
    refused(read, {}, body, secret)
    refused(read, {**delivery.headers, signature: "nonsense"}, body, secret)
    refused(read, {**delivery.headers, signature: "é,ü"}, body, secret)


async def test_stripe_tells_each_change_of_a_payment(stripe_company: Company, stripe_payments: StripePayments) -> None:
    """Authorized and captured arrive as events of the order and parcel that were sent with the payment."""
    order = new_order()
    state = await stripe_payments.authorize(payment(order), key=f"{order}/authorize/1/1")
    await stripe_payments.capture(state.payment_id, 1234, key=f"{order}/capture/1/1")
    kinds = {"payment_intent.amount_capturable_updated": "authorized", "payment_intent.succeeded": "captured"}
    for topic, kind in kinds.items():
        delivery = await heard(stripe_company, f'"{topic}"', state.payment_id)
        incoming = stripe_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), STRIPE_SECRET)
        source_id = json.loads(delivery.body)["id"]
        event = PaymentEvent(source="stripe", source_id=source_id, parcel=1, payment_id=state.payment_id, kind=kind)
        assert incoming == Incoming(source="stripe", source_id=source_id, order_id=order, events=(event,))
        assert Incoming.model_validate_json(incoming.model_dump_json()) == incoming


async def test_stripe_kinds_we_ignore(stripe_company: Company, stripe_payments: StripePayments) -> None:
    """A kind we do not act on is verified, named and ignored."""
    order = new_order()
    state = await stripe_payments.authorize(payment(order), key=f"{order}/authorize/1/1")
    delivery = await heard(stripe_company, '"payment_intent.created"', state.payment_id)
    incoming = stripe_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), STRIPE_SECRET)
    assert incoming.ignored
    assert incoming.source_id == json.loads(delivery.body)["id"]


async def test_stripe_tells_a_lapse(stripe_company: Company, stripe_payments: StripePayments) -> None:
    """`charge.expired` announces that an authorization lapsed."""
    order = new_order()
    state = await stripe_payments.authorize(payment(order), key=f"{order}/authorize/1/1")
    await stripe_company[0].post(f"payment_intents/{state.payment_id}/expire")
    delivery = await heard(stripe_company, '"charge.expired"', state.payment_id)
    incoming = stripe_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), STRIPE_SECRET)
    (event,) = incoming.events
    assert isinstance(event, PaymentEvent)
    assert (incoming.order_id, event.payment_id, event.kind) == (order, state.payment_id, "lapsed")


async def test_stripe_tells_a_failed_refund(stripe_company: Company, stripe_payments: StripePayments) -> None:
    """A refund carries only our key, and the order and parcel are read from it."""
    order = new_order()
    request = payment(order, payment_method="pm_card_refundFail")
    state = await stripe_payments.authorize(request, key=f"{order}/authorize/1/1")
    await stripe_payments.capture(state.payment_id, 1234, key=f"{order}/capture/1/1")
    refund = await stripe_payments.refund(state.payment_id, 1234, key=f"{order}/refund/1/1")
    await stripe_company[0].post(f"refunds/{refund.refund_id}/settle", result="fail")
    delivery = await heard(stripe_company, '"refund.failed"', refund.refund_id)
    incoming = stripe_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), STRIPE_SECRET)
    (event,) = incoming.events
    assert isinstance(event, PaymentEvent)
    assert (incoming.order_id, event.parcel, event.kind) == (order, 1, "refund_failed")


async def test_stripe_signatures(stripe_company: Company, stripe_payments: StripePayments) -> None:
    """What Stripe did not sign with our secret is refused."""
    order = new_order()
    state = await stripe_payments.authorize(payment(order), key=f"{order}/authorize/1/1")
    delivery = await heard(stripe_company, state.payment_id)
    hardened(stripe_webhooks.verify_and_read, delivery, STRIPE_SECRET, "whsec_other", "stripe-signature")


async def test_shipbob_says_whose_parcel_changed(shipbob_company: Company, shipbob: ShipBob) -> None:
    """Label printed and delivered ask for a look at the order of the reference; one shipment decides nothing."""
    order = new_order()
    found = await shipbob.submit(hand_off(order))
    await shipbob_company[0].post("advance", match=order, to="Delivered")
    for topic in ("order.shipped", "order.shipment.delivered"):
        delivery = await heard(shipbob_company, f"'{topic}'", found.reference)
        incoming = shipbob_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), SHIPBOB_SECRET)
        source_id = delivery.headers["webhook-id"]
        assert incoming == Incoming(source="shipbob", source_id=source_id, order_id=order, lookup=found.reference)
        assert Incoming.model_validate_json(incoming.model_dump_json()) == incoming


@pytest.mark.parametrize(
    ("name", "topic"), [("OutOfStock", "order.shipment.exception"), ("InvalidAddress", "order.shipment.on_hold")]
)
async def test_shipbob_tells_troubles(shipbob_company: Company, shipbob: ShipBob, name: str, topic: str) -> None:
    """Exception and on hold are reasons to look."""
    order = new_order()
    await shipbob_company[0].post("scripts", match=order, exception={"at": "Processing", "name": name})
    await shipbob.submit(hand_off(order))
    delivery = await heard(shipbob_company, f"'{topic}'", f"{order}-1-1")
    incoming = shipbob_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), SHIPBOB_SECRET)
    assert (incoming.lookup, incoming.ignored) == (f"{order}-1-1", False)


async def test_shipbob_tells_a_cancellation(shipbob_company: Company, shipbob: ShipBob) -> None:
    """A canceled shipment is a reason to look: it may be one of several."""
    order = new_order()
    await shipbob.submit(hand_off(order))
    await shipbob.cancel(f"{order}-1-1")
    delivery = await heard(shipbob_company, "'order.shipment.cancelled'", f"{order}-1-1")
    incoming = shipbob_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), SHIPBOB_SECRET)
    assert incoming.lookup == f"{order}-1-1"


async def test_shipbob_orders_of_others_are_ignored(shipbob_company: Company, shipbob: ShipBob) -> None:
    """A reference that is not ours is verified, named and ignored."""
    reference = f"foreign_{new_order()}"
    await shipbob.submit(hand_off("foreign", reference=reference))
    await shipbob.cancel(reference)
    delivery = await heard(shipbob_company, reference)
    incoming = shipbob_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), SHIPBOB_SECRET)
    assert incoming.ignored
    assert incoming.order_id is None


async def test_shipbob_signatures(shipbob_company: Company, shipbob: ShipBob) -> None:
    """What ShipBob did not sign with our secret is refused."""
    order = new_order()
    await shipbob.submit(hand_off(order))
    await shipbob.cancel(f"{order}-1-1")
    delivery = await heard(shipbob_company, f"{order}-1-1")
    hardened(shipbob_webhooks.verify_and_read, delivery, SHIPBOB_SECRET, "whsec_b3RoZXI=", "webhook-signature")


async def test_easypost_names_its_shipment_and_the_gateway_whose_it_is(
    easypost_company: Company, easypost: EasyPost
) -> None:
    """A tracker event asks for a lookup; resolved, it is an event of our order's parcel, under the message's id."""
    order = new_order()
    bought = await easypost.book(label(order))
    await easypost_company[0].post("advance", match=order, to="in_transit")
    delivery = await heard(easypost_company, '"tracker.updated"', bought.label_id)
    incoming = easypost_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), EASYPOST_SECRET)
    assert (incoming.order_id, incoming.events, incoming.lookup) == (None, (), bought.label_id)
    resolved = await easypost.resolve(incoming)
    (event,) = resolved.events
    assert isinstance(event, ParcelEvent)
    assert (resolved.order_id, resolved.source_id, event.source_id) == (order, incoming.source_id, incoming.source_id)
    assert (event.parcel, event.generation, event.status) == (1, 1, ParcelStatus.IN_TRANSIT)
    assert event.tracking_number == bought.tracking_number


async def test_easypost_labels_of_others_are_ignored(easypost_company: Company, easypost: EasyPost) -> None:
    """A shipment whose reference is not ours resolves to nothing to deliver."""
    reference = f"foreign_{new_order()}"
    bought = await easypost.book(label("foreign", reference=reference))
    delivery = await heard(easypost_company, '"tracker.created"', bought.label_id)
    incoming = easypost_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), EASYPOST_SECRET)
    assert (await easypost.resolve(incoming)).ignored


async def test_easypost_signatures(easypost_company: Company, easypost: EasyPost) -> None:
    """What EasyPost did not sign with our secret is refused."""
    bought = await easypost.book(label(new_order()))
    delivery = await heard(easypost_company, bought.label_id)
    hardened(easypost_webhooks.verify_and_read, delivery, EASYPOST_SECRET, "other", "x-hmac-signature")
    with pytest.raises(OperatorError):
        easypost_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), "")
