"""What Stripe has on record since a moment, whoever caused it, the account's owner and other systems included.

Lists, not searches: a list does not lag (https://docs.stripe.com/search). A list knows when a payment was made, not
when it changed: refunds are listed by themselves, captures and cancellations as events, which Stripe keeps for 30 days
(https://docs.stripe.com/api/events/list).
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.params import RefundListParams

from ordersaga.domain.errors import RetryError
from ordersaga.domain.reconciliation import PaymentRecord, RefundRecord
from ordersaga.gateways.personal_data import unquoted
from ordersaga.gateways.stripe.errors import translated
from ordersaga.gateways.stripe.states import payment_status, refund_state

Json = dict[str, Any]
Refunds = dict[str, tuple[RefundRecord, ...]]

_ENDINGS = ["payment_intent.succeeded", "payment_intent.canceled"]


class StripeHistory:
    """PaymentHistory port over Stripe.

    Args:
        client: of the account.
        page_size: objects per call; Stripe allows 100.
    """

    def __init__(self, client: stripe.StripeClient, page_size: int) -> None:
        self._client, self._page_size = client.v1, page_size

    async def payments_since(self, since: datetime) -> AsyncIterator[PaymentRecord]:
        """Every payment made since then, newest first; then older ones captured, canceled or refunded since then.

        Refunds are read first: each that belongs to no payment listed after it belongs to an older one.
        """
        moment = int(since.timestamp())
        refunds = await self._refunds({"created": {"gte": moment}})
        made = self._client.payment_intents.list_async({"created": {"gte": moment}, "limit": self._page_size})
        async for intent in _every(made):
            yield payment_record(intent, refunds.pop(intent["id"], ()))
        async for intent in self._ended(moment):
            yield payment_record(intent, refunds.pop(intent["id"], ()))
        for payment_id in refunds:
            yield await self._read(payment_id)

    async def _refunds(self, wanted: RefundListParams) -> Refunds:
        """By payment, oldest first; a refund of a charge without a payment intent is none of ours."""
        found: Refunds = {}
        async for refund in _every(self._client.refunds.list_async({**wanted, "limit": self._page_size})):
            if refund.get("payment_intent"):
                payment_id = refund["payment_intent"]
                found[payment_id] = (refund_record(refund), *found.get(payment_id, ()))
        return found

    async def _ended(self, moment: int) -> AsyncIterator[Json]:
        """Older payments that were captured or canceled since: what they are then, they stay, refunds apart."""
        events = self._client.events.list_async(
            {"types": _ENDINGS, "created": {"gte": moment}, "limit": self._page_size}
        )
        async for event in _every(events):
            intent: Json = event["data"]["object"]
            if intent["created"] < moment:
                yield intent

    async def _read(self, payment_id: str) -> PaymentRecord:
        """An older payment, with the refunds it had before."""
        with unquoted(), translated():
            intent = await self._client.payment_intents.retrieve_async(payment_id)
        refunds = await self._refunds({"payment_intent": payment_id})
        return payment_record(intent.to_dict(), refunds.get(payment_id, ()))


async def _every(listed: Awaitable[stripe.ListObject[Any]]) -> AsyncIterator[Json]:
    """Every object of a list, page after page."""
    with unquoted(), translated():
        page = await listed
        if not isinstance(page, stripe.ListObject):
            raise RetryError("stripe_no_answer", "Stripe answered something that is no list", unknown=True)
        async for found in page.auto_paging_iter():
            yield found.to_dict()


def payment_record(intent: Mapping[str, Any], refunds: tuple[RefundRecord, ...]) -> PaymentRecord:
    """A PaymentIntent with its refunds."""
    order_id, parcel, key = _ours(intent.get("metadata") or {})
    return PaymentRecord(
        payment_id=intent["id"],
        order_id=order_id,
        parcel=parcel,
        key=key,
        status=payment_status(intent),
        amount=intent["amount"],
        captured=intent.get("amount_received") or 0,
        currency=intent["currency"].upper(),
        created_at=datetime.fromtimestamp(intent["created"], UTC),
        refunds=refunds,
    )


def refund_record(refund: Mapping[str, Any]) -> RefundRecord:
    """A Refund with the key we gave it."""
    state = refund_state(refund, str(refund.get("payment_intent")))
    key = str((refund.get("metadata") or {}).get("effect_key") or "")
    return RefundRecord(refund_id=state.refund_id, key=key, amount=state.amount, status=state.status)


def _ours(metadata: Mapping[str, Any]) -> tuple[str, int, str]:
    """Order, parcel and key. An order id without a key of that order is another system's: shops like that name."""
    order_id, parcel, key = (str(metadata.get(name) or "") for name in ("order_id", "parcel", "effect_key"))
    if not order_id or not key.startswith(f"{order_id}/"):
        return "", 0, ""
    return order_id, int(parcel) if parcel.isdecimal() else 0, key
