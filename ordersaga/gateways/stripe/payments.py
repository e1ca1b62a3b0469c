"""Stripe, as a payment gateway: manual capture, one capture per payment, every write under our own key.

Protocol: the `stripe` SDK's async StripeClient, API version pinned by the SDK, no retries of its own: the caller
decides, because a repeat after an unknown outcome needs an inquiry first.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal

import stripe
from stripe.params import (
    PaymentIntentCancelParams,
    PaymentIntentCaptureParams,
    PaymentIntentCreateParams,
    RefundCreateParams,
)

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.payment_methods import MethodType
from ordersaga.domain.payments import PaymentRequest, PaymentState, PaymentStatus, RefundState
from ordersaga.domain.reconciliation import PaymentRecord
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.stripe.calls import GatedClient
from ordersaga.gateways.stripe.errors import (
    body_of,
    code_of,
    decline_code,
    is_unexpected_state,
    is_used_up,
    message_of,
    translate,
    translated,
)
from ordersaga.gateways.stripe.history import StripeHistory
from ordersaga.gateways.stripe.links import StripeLinks, is_link
from ordersaga.gateways.stripe.methods import other_method
from ordersaga.gateways.stripe.states import declined, likeliest, payment_state, refund_state
from ordersaga.ports import LaneGate

_LAPSED = "charge_expired_for_capture"
_PAGE = 100
_USED_UP = "the payment method was used once and not saved: pay with a new one"


class StripePayments:
    """PaymentGateway and PaymentHistory ports over Stripe.

    Args:
        api_key: secret key of the account.
        base_url: `https://api.stripe.com`, or an emulator's URL.
        timeout: of one call.
        return_url: where 3-D Secure sends the shopper back; without it the shop's form handles the challenge.
        page_size: objects per call when listing; Stripe allows 100.
        gate: every call passes it.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str,
        timeout: timedelta,
        return_url: str | None = None,
        page_size: int = _PAGE,
        gate: LaneGate = OPEN,
    ) -> None:
        self._http = GatedClient(gate, timeout)
        addresses: Any = {"api": base_url.rstrip("/")}
        client = stripe.StripeClient(api_key, base_addresses=addresses, http_client=self._http, max_network_retries=0)
        self._client, self._return_url = client.v1, return_url
        self._history = StripeHistory(client, page_size)
        self._links = StripeLinks(client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def authorize(self, request: PaymentRequest, *, key: str) -> PaymentState:
        """Reserve funds, off-session or for a shopper who may answer a challenge; a decline is an answer.

        With a link: make the page on which the shopper will.
        """
        if request.link is not None:
            return await self._links.open(request, request.link, key=key)
        if request.save_for_later and request.customer is None:
            request = request.model_copy(update={"customer": await self._create_customer(request, key)})
        with translated():
            try:
                intent = await self._client.payment_intents.create_async(
                    self._creation(request), {"idempotency_key": key}
                )
            except stripe.CardError as error:
                return declined(body_of(error), decline_code(error), message_of(error), request)
            except stripe.InvalidRequestError as error:
                if not is_used_up(error):
                    raise
                return declined(body_of(error), "payment_method_used", _USED_UP, request)
        return payment_state(intent.to_dict())

    async def _create_customer(self, request: PaymentRequest, key: str) -> str:
        """A payment method can be charged again only for a customer it is saved to."""
        with translated():
            customer = await self._client.customers.create_async(
                {"metadata": {"order_id": request.order_id, "effect_key": request.reference}},
                {"idempotency_key": f"{key}/customer"},
            )
        return customer.id

    def _creation(self, request: PaymentRequest) -> PaymentIntentCreateParams:
        """Without a page to return to, Stripe confirms only methods that never redirect (`allow_redirects`)."""
        if request.method_type is not MethodType.CARD:
            return other_method(self._common(request), request, self._return_url)
        back = None if request.off_session else request.return_url or self._return_url
        redirects: Literal["always", "never"] = "always" if back else "never"
        params = self._common(request)
        params["capture_method"] = "manual"
        params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": redirects}
        if request.extended:
            params["payment_method_options"] = {"card": {"request_extended_authorization": "if_available"}}
        if back:
            params["return_url"] = back
        return params

    @staticmethod
    def _common(request: PaymentRequest) -> PaymentIntentCreateParams:
        params: PaymentIntentCreateParams = {
            "amount": request.amount,
            "currency": request.currency.lower(),
            "payment_method": request.payment_method,
            "confirm": True,
            "metadata": {
                "order_id": request.order_id,
                "parcel": str(request.parcel),
                "effect_key": request.reference,
            },
            "expand": ["latest_charge"],
        }
        if request.customer:
            params["customer"] = request.customer
        if request.save_for_later:
            params["setup_future_usage"] = "off_session"
        if request.description:
            params["description"] = request.description
        if request.off_session:
            params["off_session"] = True
        return params

    async def find(self, reference: str) -> PaymentState | None:
        """Search by our effect key; the index lags (https://docs.stripe.com/search), so None proves nothing."""
        quoted = reference.replace("\\", "\\\\").replace("'", "\\'")
        with translated():
            found = await self._client.payment_intents.search_async(
                {"query": f"metadata['effect_key']:'{quoted}'", "expand": ["data.latest_charge"]}
            )
        return likeliest(payment_state(intent.to_dict()) for intent in found.data)

    async def inquire(self, payment_id: str) -> PaymentState:
        """Read a payment, or the page for one; reads are never stale."""
        if is_link(payment_id):
            return await self._links.inquire(payment_id)
        with translated():
            intent = await self._client.payment_intents.retrieve_async(payment_id, {"expand": ["latest_charge"]})
        return payment_state(intent.to_dict())

    async def capture(self, payment_id: str, amount: int, *, key: str) -> PaymentState:
        """Take the money once; capturing less releases the rest (no multicapture)."""
        params: PaymentIntentCaptureParams = {"amount_to_capture": amount, "expand": ["latest_charge"]}
        with translated():
            try:
                intent = await self._client.payment_intents.capture_async(payment_id, params, {"idempotency_key": key})
            except stripe.InvalidRequestError as error:
                return await self._not_captured(payment_id, amount, error)
        return payment_state(intent.to_dict())

    async def _not_captured(self, payment_id: str, amount: int, error: stripe.InvalidRequestError) -> PaymentState:
        """Lapsed or voided is final; already captured with this amount is the answer we wanted."""
        if code_of(error) == _LAPSED:
            raise CustomerError("authorization_lapsed", message_of(error)) from error
        if not is_unexpected_state(error):
            raise translate(error) from error
        with already_asked():
            state = await self.inquire(payment_id)
        if state.status is PaymentStatus.VOIDED:
            raise CustomerError("authorization_lapsed", message_of(error)) from error
        if state.status is PaymentStatus.CAPTURED and state.captured == amount:
            return state
        raise OperatorError("payment_not_capturable", f"{payment_id} is {state.status}, {state.captured} captured")

    async def void(self, payment_id: str, *, key: str) -> PaymentState:
        """Cancel; a payment already canceled or captured answers its state (the caller refunds a captured one).

        A page is closed; a payment that was made there in the last moment is canceled.
        """
        if is_link(payment_id):
            made = await self._links.close(payment_id, key=key)
            if is_link(made.payment_id):
                return made
            payment_id, key = made.payment_id, f"{key}/payment"
        params: PaymentIntentCancelParams = {"expand": ["latest_charge"]}
        with translated():
            try:
                intent = await self._client.payment_intents.cancel_async(payment_id, params, {"idempotency_key": key})
            except stripe.InvalidRequestError as error:
                return await self._not_voided(payment_id, error)
        return payment_state(intent.to_dict())

    async def _not_voided(self, payment_id: str, error: stripe.InvalidRequestError) -> PaymentState:
        if not is_unexpected_state(error):
            raise translate(error) from error
        with already_asked():
            state = await self.inquire(payment_id)
        if state.status in {PaymentStatus.VOIDED, PaymentStatus.CAPTURED}:
            return state
        raise RetryError("payment_busy", f"{payment_id} is {state.status} and cannot be canceled now")

    async def refund(self, payment_id: str, amount: int, *, key: str) -> RefundState:
        """Give money back under our key; refused because it was given back already, find that refund and answer it."""
        params: RefundCreateParams = {"payment_intent": payment_id, "amount": amount, "metadata": {"effect_key": key}}
        with translated():
            try:
                refund = await self._client.refunds.create_async(params, {"idempotency_key": key})
            except stripe.InvalidRequestError as error:
                with already_asked():
                    found = await self.find_refund(payment_id, key)
                if found is None:
                    raise translate(error) from error
                return found
        return refund_state(refund.to_dict(), payment_id)

    async def find_refund(self, payment_id: str, reference: str) -> RefundState | None:
        """List the payment's refunds (a list is not an index and does not lag) for the one under our key."""
        with translated():
            page = await self._client.refunds.list_async({"payment_intent": payment_id, "limit": _PAGE})
            async for refund in page.auto_paging_iter():
                found = refund.to_dict()
                if (found.get("metadata") or {}).get("effect_key") == reference:
                    return refund_state(found, payment_id)
        return None

    def payments_since(self, since: datetime) -> AsyncIterator[PaymentRecord]:
        """Every payment made, captured, canceled or refunded since then, whoever did it."""
        return self._history.payments_since(since)
