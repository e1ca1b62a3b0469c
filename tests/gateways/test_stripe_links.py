"""Pay links over HTTP: what Stripe refuses, and what its webhooks say of a page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ordersaga.domain.payments import PayLink, PaymentState, PaymentStatus
from ordersaga.domain.shipping import PaymentEvent
from ordersaga.gateways.stripe import webhooks as stripe_webhooks
from ordersaga.gateways.stripe.payments import StripePayments
from tests.gateways.support import STRIPE_SECRET, new_order, payment
from tests.gateways.test_webhooks import Company, heard
from tests.support.emulators import EmulatorProcess

HOUR = timedelta(hours=1)


async def paged(gateway: StripePayments, order: str, *, lives: timedelta = HOUR, **changes: Any) -> PaymentState:
    """A page on which 12.34 can be paid."""
    link = PayLink(expires_at=datetime.now(UTC) + lives, return_url="https://shop.example/thanks")
    request = payment(order, payment_method="", link=link, **changes)
    return await gateway.authorize(request, key=f"{order}/authorize/1/1")


async def test_a_page_asked_for_too_late_is_declined(stripe_payments: StripePayments) -> None:
    """It would have to close sooner than Stripe allows: nothing was made, and that is an answer."""
    state = await paged(stripe_payments, new_order(), lives=timedelta(minutes=20))
    assert (state.status, state.code, state.payment_id) == (PaymentStatus.DECLINED, "pay_link_too_late", "")


async def test_a_declined_attempt_on_the_page_is_no_decline(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """The shopper may try again there."""
    page = await paged(stripe_payments, new_order())
    card = {"payment_method": "pm_card_chargeDeclined"}
    await stripe_emulator.request("POST", f"/_control/checkout/sessions/{page.payment_id}/pay", json=card)
    assert await stripe_payments.inquire(page.payment_id) == page


async def test_a_page_whose_time_is_over_is_voided(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """Closed by Stripe itself, with a reason."""
    page = await paged(stripe_payments, new_order())
    await stripe_emulator.post(f"checkout/sessions/{page.payment_id}/lapse")
    state = await stripe_payments.inquire(page.payment_id)
    assert (state.status, state.code, state.next_action) == (PaymentStatus.VOIDED, "pay_link_expired", None)


async def test_webhooks_say_what_became_of_a_page(
    stripe_company: Company, stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """Used and closed arrive as events of the order and parcel the page was made for."""
    used, closed = new_order(), new_order()
    await stripe_emulator.post(f"checkout/sessions/{(await paged(stripe_payments, used)).payment_id}/pay")
    await stripe_payments.void((await paged(stripe_payments, closed)).payment_id, key=f"{closed}/void/1/1")
    for order, kind, type_ in ((used, "link_used", "completed"), (closed, "link_closed", "expired")):
        delivery = await heard(stripe_company, f"checkout.session.{type_}", f'"{order}"')
        incoming = stripe_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), STRIPE_SECRET)
        (event,) = incoming.events
        assert isinstance(event, PaymentEvent)
        assert (incoming.order_id, event.parcel, event.kind) == (order, 1, kind)
        assert event.payment_id.startswith("pi_" if order == used else "cs_")
