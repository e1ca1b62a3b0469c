"""Stripe's Checkout Sessions (https://docs.stripe.com/payments/checkout): pages on which a shopper pays.

Stripe shows there whatever way to pay can be reserved first and captured later (`capture_method=manual`) and, where
the method is wanted again, can be saved. The payment is made when the shopper pays; until then only the page exists.
"""

from collections.abc import Mapping
from typing import Any, Final

import stripe
from stripe.params.checkout import SessionCreateParams

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payments import NextAction, PayLink, PaymentRequest, PaymentState, PaymentStatus
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.stripe.errors import body_of, message_of, translated
from ordersaga.gateways.stripe.states import payment_state

_EXPAND: Final = "payment_intent.latest_charge"
_TOO_LATE: Final = "pay_link_too_late"


def is_link(payment_id: str) -> bool:
    """Whether an id names a page, not a payment."""
    return payment_id.startswith("cs_")


class StripeLinks:
    """Makes, reads and closes the pages of one account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._sessions = client.v1.checkout.sessions

    async def open(self, request: PaymentRequest, link: PayLink, *, key: str) -> PaymentState:
        """A page on which the shopper pays; one that would have to close at once is not made: declined."""
        with translated():
            try:
                made = await self._sessions.create_async(_creation(request, link), {"idempotency_key": key})
            except stripe.InvalidRequestError as error:
                if body_of(error).get("param") != "expires_at":
                    raise
                return _too_late(request, message_of(error))
        return _waiting(made.to_dict())

    async def inquire(self, link_id: str) -> PaymentState:
        """The payment made on the page, or the page while nobody has paid there."""
        with translated():
            found = await self._sessions.retrieve_async(link_id, {"expand": [_EXPAND]})
        session = found.to_dict()
        intent = session.get("payment_intent")
        if session["status"] == "complete" and isinstance(intent, Mapping):
            return payment_state(intent)
        return _waiting(session)

    async def close(self, link_id: str, *, key: str) -> PaymentState:
        """Nobody can pay there any more; where somebody has, the answer is the payment, as it is."""
        with translated():
            try:
                session = await self._sessions.expire_async(link_id, {}, {"idempotency_key": key})
            except stripe.InvalidRequestError as error:
                return await self._not_closed(link_id, error)
        return _waiting(session.to_dict())

    async def _not_closed(self, link_id: str, error: stripe.InvalidRequestError) -> PaymentState:
        with already_asked():
            state = await self.inquire(link_id)
        if state.status is PaymentStatus.REQUIRES_ACTION and is_link(state.payment_id):
            raise OperatorError("stripe_refused", message_of(error)) from error
        if state.status is PaymentStatus.PROCESSING:
            raise RetryError("payment_busy", f"{state.payment_id} is {state.status} and cannot be canceled now")
        return state


def _creation(request: PaymentRequest, link: PayLink) -> SessionCreateParams:
    """One line with the amount; our key stands on the page and on the payment it makes."""
    marks = {"order_id": request.order_id, "parcel": str(request.parcel), "effect_key": request.reference}
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": request.currency.lower(),
                    "unit_amount": request.amount,
                    "product_data": {"name": f"Order {request.order_id}"},
                },
                "quantity": 1,
            }
        ],
        "payment_intent_data": {"capture_method": "manual", "metadata": marks, "description": request.description},
        "metadata": marks,
        "client_reference_id": request.order_id,
        "success_url": link.return_url,
        "cancel_url": link.return_url,
        "expires_at": int(link.expires_at.timestamp()),
    }
    if request.save_for_later:
        params["customer_creation"] = "always"
        params["payment_intent_data"]["setup_future_usage"] = "off_session"
    if request.extended:
        params["payment_method_options"] = {"card": {"request_extended_authorization": "if_available"}}
    return params


def _waiting(session: Mapping[str, Any]) -> PaymentState:
    """A page on which nobody has paid: open for the shopper, or closed."""
    is_open = session["status"] == "open"
    action = NextAction(kind="redirect", payment_id=session["id"], url=session.get("url")) if is_open else None
    return PaymentState(
        payment_id=session["id"],
        status=PaymentStatus.REQUIRES_ACTION if is_open else _CLOSED.get(session["status"], PaymentStatus.PROCESSING),
        amount=session.get("amount_total") or 0,
        currency=str(session.get("currency") or "usd").upper(),
        next_action=action,
        code=None if is_open else f"pay_link_{session['status']}",
    )


_CLOSED: Final = {"expired": PaymentStatus.VOIDED}


def _too_late(request: PaymentRequest, message: str) -> PaymentState:
    return PaymentState(
        payment_id="",
        status=PaymentStatus.DECLINED,
        amount=request.amount,
        currency=request.currency,
        code=_TOO_LATE,
        message=message,
    )
