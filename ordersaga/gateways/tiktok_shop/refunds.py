"""Refunds after dispatch, which a seller asks for by amount (202602), and what became of those anybody asked for."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal
from urllib.parse import quote

from ordersaga.domain.amounts import minor_digits
from ordersaga.domain.channels import RefundRequest
from ordersaga.domain.errors import OperatorError
from ordersaga.gateways.tiktok_shop.calls import Calls
from ordersaga.gateways.tiktok_shop.errors import RefusedByTikTokError, unreadable
from ordersaga.gateways.tiktok_shop.reading import minor, objects
from ordersaga.gateways.webhook_parts import child, text

RETURNS: Final = "/return_refund/202602/returns"
_ELIGIBILITY: Final = "/return_refund/202602/orders/{}/aftersale_eligibility"
_REFUND: Final = "REFUND"
_NAMESPACE: Final = uuid.UUID("2d0f0c51-53a4-4a4e-8a5e-0b1f6f3f6c11")
_BY: Final = {"BUYER": "buyer", "SELLER": "seller"}
_STATUSES: Final[Mapping[str, Literal["succeeded", "failed"]]] = {
    "RETURN_OR_REFUND_REQUEST_COMPLETE": "succeeded",
    "REPLACEMENT_REQUEST_REFUND_SUCCESS": "succeeded",
    "REFUND_OR_RETURN_REQUEST_REJECT": "failed",
    "REJECT_RECEIVE_PACKAGE": "failed",
    "RETURN_OR_REFUND_REQUEST_CANCEL": "failed",
}
"""Every other one is under way."""


class Refunds:
    """One shop's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def ask(self, channel_order_id: str, amount: int, currency: str, key: str) -> RefundRequest:
        """Create Return without a return, under a key that TikTok knows a repeat by.

        Raises OperatorError `refund_refused`, also when the order is open to no refund.
        """
        reason, lines = await self._eligible(channel_order_id)
        body = {
            "order_id": channel_order_id,
            "return_type": _REFUND,
            "return_reason": reason,
            "order_line_list": [{"order_line_item_id": line} for line in lines],
            "refund_total": _decimal(amount, currency),
            "currency": currency,
        }
        try:
            answer = await self._calls.post(RETURNS, body, {"idempotency_key": str(uuid.uuid5(_NAMESPACE, key))})
        except RefusedByTikTokError as error:
            raise OperatorError("refund_refused", error.message) from None
        request_id = text(answer.get("return_id"))
        if request_id is None:
            raise unreadable("a refund without an id")
        return RefundRequest(
            request_id=request_id,
            channel_order_id=channel_order_id,
            by="seller",
            amount=amount,
            currency=currency,
            status="pending",
        )

    async def _eligible(self, channel_order_id: str) -> tuple[str, list[str]]:
        """A reason that TikTok takes for this order today, and the lines it takes it for."""
        path = _ELIGIBILITY.format(quote(channel_order_id, safe=""))
        data = await self._calls.get(path, {"initiate_aftersale_user": "SELLER", "request_types": _REFUND})
        told = [each for sku in objects(data, "sku_eligibility") for each in objects(sku, "line_item_eligibility")]
        found = [(reasons[0], each) for each in told if (reasons := _reasons(each))]
        if not found:
            why = next((text(each.get("ineligible_reason")) for each in told), None)
            raise OperatorError(
                "refund_refused", f"TikTok Shop lets nobody refund the order: {why or 'no reason given'}"
            )
        reason = found[0][0]
        lines = [line for taken, each in found if taken == reason for line in _line_ids(each)]
        return reason, lines


def request_of(raw: Mapping[str, Any]) -> RefundRequest | None:
    """One of Search Returns; None for what asks for no money."""
    refund = child(raw, "refund_amount")
    identity, currency = text(raw.get("return_id")), text(refund.get("currency"))
    amount = minor(refund.get("refund_total"), currency or "")
    if identity is None or currency is None or amount is None:
        return None
    return RefundRequest(
        request_id=identity,
        channel_order_id=str(raw.get("order_id") or ""),
        by=_BY.get(str(raw.get("role")), "platform"),
        amount=amount,
        currency=currency,
        status=_STATUSES.get(str(raw.get("return_status")), "pending"),
    )


def _reasons(told: Mapping[str, Any]) -> list[str]:
    open_to = told.get("request_type") == _REFUND and told.get("eligible") is True
    names = told.get("available_reason_names") if open_to else None
    return [name for name in names if isinstance(name, str) and name] if isinstance(names, list) else []


def _line_ids(told: Mapping[str, Any]) -> list[str]:
    return [line for each in objects(told, "order_line_list") if (line := text(each.get("order_line_item_id")))]


def _decimal(amount: int, currency: str) -> str:
    """As TikTok writes amounts."""
    return str(Decimal(amount).scaleb(-minor_digits(currency)))
