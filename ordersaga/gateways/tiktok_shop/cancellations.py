"""Cancellations and returns as TikTok Shop tells them (202602), translated."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ordersaga.domain.channels import (
    CANCEL_ANSWER_WITHIN,
    CancellationStatus,
    CancelReason,
    CancelRequest,
    ChannelCancellation,
    ChannelRefund,
    RejectReason,
)
from ordersaga.gateways.tiktok_shop.errors import unreadable
from ordersaga.gateways.tiktok_shop.reading import minor, moment, objects
from ordersaga.gateways.webhook_parts import child, text

CANCEL_REASONS: Final[Mapping[CancelReason, str]] = {
    CancelReason.OUT_OF_STOCK: "seller_cancel_reason_out_of_stock",
    CancelReason.WRONG_PRICE: "seller_cancel_reason_wrong_price",
    CancelReason.CANNOT_DELIVER: "seller_cancel_paid_reason_address_not_deliver",
    CancelReason.SHOPPER_ASKED: "seller_cancel_paid_reason_buyer_requested_cancellation",
}
REJECT_REASONS: Final[Mapping[RejectReason, str]] = {
    RejectReason.ALREADY_PACKED: "seller_reject_apply_product_has_been_packed",
    RejectReason.AGREED_WITH_SHOPPER: "order_manage_list_action_respond_popup_reject_reason_buyer_agree",
    RejectReason.ON_SCHEDULE: "order_manage_list_action_respond_popup_reject_reason_delivered",
}
STATUSES: Final[Mapping[str, CancellationStatus]] = {
    "CANCELLATION_REQUEST_PENDING": CancellationStatus.PENDING,
    "CANCELLATION_REQUEST_SUCCESS": CancellationStatus.APPROVED,
    "CANCELLATION_REQUEST_COMPLETE": CancellationStatus.COMPLETED,
    "CANCELLATION_REQUEST_CANCEL": CancellationStatus.ENDED,
    "CANCELLATION_REQUEST_CANCELLED": CancellationStatus.ENDED,
}
"""`CANCELLED` is how the webhook spells it."""
_ASKING: Final = {"BUYER": "buyer", "SELLER": "seller"}
_ANSWER: Final = "SELLER_RESPOND_BUYER_CANCEL"
_REFUNDED: Final = frozenset({"RETURN_OR_REFUND_REQUEST_COMPLETE", "REPLACEMENT_REQUEST_REFUND_SUCCESS"})


def cancellation(raw: Mapping[str, Any]) -> ChannelCancellation:
    """One cancellation. Raises RetryError for one without an id."""
    identity, order = text(raw.get("cancel_id")), text(raw.get("order_id"))
    if identity is None or order is None:
        raise unreadable("a cancellation without an id")
    refund = child(raw, "refund_amount")
    currency = text(refund.get("currency")) or ""
    asked_at = moment(raw.get("create_time"))
    status = STATUSES.get(str(raw.get("cancel_status")), CancellationStatus.UNKNOWN)
    waits = status is CancellationStatus.PENDING and raw.get("role") == "BUYER"
    return ChannelCancellation(
        cancellation_id=identity,
        channel_order_id=order,
        status=status,
        by=_ASKING.get(str(raw.get("role")), "platform"),
        reason=text(raw.get("cancel_reason")) or "",
        line_ids=_lines(raw, "cancel_line_items"),
        refund=minor(refund.get("refund_total"), currency),
        currency=currency,
        asked_at=asked_at,
        changed_at=moment(raw.get("update_time")),
        answer_by=_answer_by(raw, asked_at) if waits else None,
    )


def _answer_by(raw: Mapping[str, Any], asked_at: datetime | None) -> datetime | None:
    """The deadline TikTok names; else a day after the shopper asked."""
    actions = objects(raw, "seller_next_action_response")
    told = [moment(each.get("deadline")) for each in actions if each.get("action") == _ANSWER]
    named = next((each for each in told if each is not None), None)
    return named or (asked_at and asked_at + CANCEL_ANSWER_WITHIN)


def _lines(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(found for each in objects(raw, name) if (found := text(each.get("order_line_item_id"))))


def request_of(told: ChannelCancellation) -> CancelRequest | None:
    """The shopper's request that a cancellation is; None when nobody waits for an answer."""
    if told.answer_by is None:
        return None
    return CancelRequest(
        request_id=told.cancellation_id,
        channel_order_id=told.channel_order_id,
        reason=told.reason,
        answer_by=told.answer_by,
        line_ids=told.line_ids,
    )


def refund_of(told: ChannelCancellation) -> ChannelRefund | None:
    """What was given back for a cancellation; None as long as it is not."""
    if told.status is not CancellationStatus.COMPLETED or told.refund is None:
        return None
    return ChannelRefund(
        refund_id=told.cancellation_id,
        channel_order_id=told.channel_order_id,
        amount=told.refund,
        currency=told.currency,
        because="cancellation",
        refunded_at=told.changed_at,
        line_ids=told.line_ids,
    )


def returned(raw: Mapping[str, Any]) -> ChannelRefund | None:
    """What was given back for a return; None as long as it is not, or for a replacement."""
    refund = child(raw, "refund_amount")
    identity, currency = text(raw.get("return_id")), text(refund.get("currency"))
    amount = minor(refund.get("refund_total"), currency or "")
    if raw.get("return_status") not in _REFUNDED or identity is None or currency is None or amount is None:
        return None
    return ChannelRefund(
        refund_id=identity,
        channel_order_id=str(raw.get("order_id") or ""),
        amount=amount,
        currency=currency,
        because="return",
        refunded_at=moment(raw.get("update_time")),
        line_ids=_lines(raw, "return_line_items"),
    )
