"""An order as TikTok Shop tells it (Get Order Detail 202507, Get Order List 202309), translated."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ordersaga.domain.channels import (
    ChannelClocks,
    ChannelLine,
    ChannelMoney,
    ChannelOrder,
    ChannelStatus,
)
from ordersaga.gateways.tiktok_shop.errors import unreadable
from ordersaga.gateways.tiktok_shop.places import recipient
from ordersaga.gateways.tiktok_shop.reading import minor, moment, objects
from ordersaga.gateways.webhook_parts import child, text

CHANNEL: Final = "tiktok_shop"
GRACE: Final = timedelta(hours=1)
"""How long after payment a shopper may cancel without asking (ON_HOLD)."""
STATUSES: Final[Mapping[str, ChannelStatus]] = {
    "UNPAID": ChannelStatus.UNPAID,
    "ON_HOLD": ChannelStatus.ON_HOLD,
    "AWAITING_SHIPMENT": ChannelStatus.AWAITING_SHIPMENT,
    "PARTIALLY_SHIPPING": ChannelStatus.PARTIALLY_SHIPPED,
    "AWAITING_COLLECTION": ChannelStatus.AWAITING_COLLECTION,
    "IN_TRANSIT": ChannelStatus.IN_TRANSIT,
    "DELIVERED": ChannelStatus.DELIVERED,
    "COMPLETED": ChannelStatus.COMPLETED,
    "CANCELLED": ChannelStatus.CANCELED,
    "CANCEL": ChannelStatus.CANCELED,
}
"""`CANCEL` is how the webhook spells it."""
_NAMES: Final = """
    id cancellation_initiator shipping_provider shipping_provider_id user_id status rts_time payment recipient_address
    buyer_message create_time tracking_number cancel_reason rts_sla_time paid_time fulfillment_type seller_note
    tts_sla_time cancel_order_sla_time update_time packages delivery_type is_sample_order warehouse_id
    split_or_combine_tag has_updated_recipient_address cpf cpf_name delivery_option_id delivery_option_name
    delivery_option_required_delivery_time delivery_sla_time delivery_due_time delivery_time payment_method_name
    payment_method_code payment_card_type payment_auth_code channel_entity_national_registry_id shipping_due_time
    line_items shipping_type buyer_email buyer_nickname buyer_avatar need_upload_invoice is_cod request_cancel_time
    is_buyer_request_cancel is_on_hold_order collection_time collection_due_time cancel_time is_replacement_order
    replaced_order_id pick_up_cut_off_time fast_dispatch_sla_time fast_rts_sla_time fast_collection_sla_time
    fast_delivery_program commerce_platform order_type release_date handling_duration auto_combine_group_id
    is_exchange_order exchange_source_order_id is_subscription_order is_refundable_sample authentication_required
    consultation_id order_rights fulfillment_priority_level recommended_shipping_time instore_pickup_sla_time
"""
_DOCUMENTED: Final = frozenset(_NAMES.split())
_PERSONAL: Final = ("name", "phone", "mail", "address", "avatar", "recipient", "buyer", "tax_id", "passport")
_HIDDEN: Final = "[personal data]"
_SHORTEST: Final = 3


def channel_order(raw: Mapping[str, Any], shop: str, grace: timedelta = GRACE) -> ChannelOrder:
    """The order, with None for what is missing or unreadable. Raises RetryError for one without an id."""
    identity, told = text(raw.get("id")), str(raw.get("status") or "")
    if identity is None:
        raise unreadable("an order without an id")
    status, paid_at = STATUSES.get(told, ChannelStatus.UNKNOWN), moment(raw.get("paid_time"))
    money = _money(child(raw, "payment"))
    currency = money.currency if money else ""
    return ChannelOrder(
        channel=CHANNEL,
        shop=shop,
        channel_order_id=identity,
        status=status,
        status_told=told,
        buyer=text(raw.get("user_id")),
        money=money,
        lines=tuple(_line(each, currency) for each in objects(raw, "line_items") if text(each.get("id"))),
        recipient=recipient(child(raw, "recipient_address")),
        clocks=ChannelClocks(**{name: moment(raw.get(name)) for name in ChannelClocks.model_fields}),
        grace_until=_grace(raw, status, paid_at, grace),
        placed_at=moment(raw.get("create_time")),
        paid_at=paid_at,
        changed_at=moment(raw.get("update_time")),
        cancel_requested=raw.get("is_buyer_request_cancel") is True,
        fulfillment_type=text(raw.get("fulfillment_type")),
        shipping_type=text(raw.get("shipping_type")),
        delivery_option_id=text(raw.get("delivery_option_id")),
        unknown_fields=_unknown(raw),
    )


def _grace(
    raw: Mapping[str, Any], status: ChannelStatus, paid_at: datetime | None, grace: timedelta
) -> datetime | None:
    """The end of ON_HOLD: so long after payment, or, of what is ordered in advance, its release."""
    if status is not ChannelStatus.ON_HOLD:
        return None
    release = moment(raw.get("release_date"))
    known = [each for each in (paid_at and paid_at + grace, release) if each is not None]
    return max(known) if known else None


def _money(payment: Mapping[str, Any]) -> ChannelMoney | None:
    currency = text(payment.get("currency"))
    if currency is None:
        return None
    return ChannelMoney(
        currency=currency,
        total=minor(payment.get("total_amount"), currency),
        goods=minor(payment.get("sub_total"), currency),
        shipping=minor(payment.get("shipping_fee"), currency),
        tax=minor(payment.get("tax"), currency),
        platform_discount=minor(payment.get("platform_discount"), currency),
        seller_discount=minor(payment.get("seller_discount"), currency),
    )


def _line(raw: Mapping[str, Any], currency: str) -> ChannelLine:
    return ChannelLine(
        line_id=str(raw["id"]),
        sku_id=str(raw.get("sku_id") or ""),
        seller_sku=text(raw.get("seller_sku")),
        price=minor(raw.get("sale_price"), text(raw.get("currency")) or currency),
        package_id=text(raw.get("package_id")),
        carrier=text(raw.get("shipping_provider_name")),
        tracking_number=text(raw.get("tracking_number")),
        canceled=raw.get("display_status") == "CANCELLED",
    )


def _unknown(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What is not documented, without what names the shopper or repeats the address."""
    people = [each.casefold() for each in _values(raw.get("recipient_address")) if len(each) >= _SHORTEST]
    return {name: _plain(name, value, people) for name, value in raw.items() if name not in _DOCUMENTED}


def _plain(name: str, value: Any, people: list[str]) -> Any:
    told = json.dumps(value, ensure_ascii=False).casefold()
    names = " ".join((name, *_names(value))).casefold()
    hides = any(word in names for word in _PERSONAL) or any(person in told for person in people)
    return _HIDDEN if hides else value


def _names(value: object) -> Iterator[str]:
    """Every name inside."""
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _names(each)


def _values(value: object) -> Iterator[str]:
    """Every text inside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _values(each)
    elif isinstance(value, list):
        for each in value:
            yield from _values(each)
