"""A sales channel: a marketplace that sells for our sellers and takes the shopper's money itself.

`ChannelOrder` is an order as the marketplace tells it; what it is to us is in `channel_orders`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime, Field, JsonValue

from ordersaga.domain.identifiers import Code, Sku
from ordersaga.domain.money import MinorUnits
from ordersaga.domain.values import Message, Value

CANCEL_ANSWER_WITHIN: Final = timedelta(hours=24)
"""A buyer's request to cancel that nobody answers is granted by the platform then."""

CHANNEL_QUESTIONS: Final = (
    "channel_order_not_taken",
    "channel_address",
    "channel_canceled_but_ships",
    "cancel_request_open",
)
"""Kinds of questions about a marketplace's orders that no saga asks: they are answered in the journal."""


def our_order_id(channel: str, shop: str, order: str) -> str:
    """Our order id of a marketplace's order: the same one whoever derives it, and whenever."""
    return f"{channel.replace('-', '_')}_{shop}_{order}"


class ChannelAccount(Value):
    """Our account at a marketplace: one shop of one seller. `skus`: our SKU by the marketplace's SKU id or the seller's
    own name of it, where that is another one.
    """

    account: Code
    channel: Code
    seller: Code
    shop: str
    skus: Mapping[str, Sku] = {}


class ChannelStatus(StrEnum):
    """Where an order stands at the marketplace. `UNKNOWN`: it says something we have no word for."""

    UNPAID = "unpaid"
    ON_HOLD = "on_hold"
    AWAITING_SHIPMENT = "awaiting_shipment"
    PARTIALLY_SHIPPED = "partially_shipped"
    AWAITING_COLLECTION = "awaiting_collection"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class ChannelLine(Message):
    """One unit of one SKU; two units are two lines. `price`: what the shopper pays for it, in minor units.

    `seller_sku` is the seller's own name of it, `sku_id` the marketplace's.
    """

    line_id: str
    sku_id: str
    seller_sku: str | None = None
    price: MinorUnits | None = None
    package_id: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    canceled: bool = False


class Recipient(Message):
    """Where to ship, as the marketplace words it."""

    name: str | None = None
    phone: str | None = None
    lines: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class ChannelMoney(Message):
    """What the shopper paid to the platform, in minor units; `goods` and `shipping` after discounts.

    `total` is all of it: goods, shipping, taxes and fees.
    """

    currency: str
    total: MinorUnits | None = None
    goods: MinorUnits | None = None
    shipping: MinorUnits | None = None
    tax: MinorUnits | None = None
    platform_discount: MinorUnits | None = None
    seller_discount: MinorUnits | None = None


class ChannelClocks(Message):
    """The order's own deadlines, under the names TikTok Shop gives them.

    `rts_sla_time`: ship by. `tts_sla_time`: the carrier has it. `collection_due_time`: not in transit by then, the
    platform cancels. `shipping_due_time`, `cancel_order_sla_time`: not shipped by then, it cancels too.
    `delivery_sla_time`: delivered.
    """

    cancel_order_sla_time: AwareDatetime | None = None
    collection_due_time: AwareDatetime | None = None
    delivery_sla_time: AwareDatetime | None = None
    rts_sla_time: AwareDatetime | None = None
    tts_sla_time: AwareDatetime | None = None
    shipping_due_time: AwareDatetime | None = None

    def ship_by(self) -> tuple[str, datetime] | None:
        """The first moment at which a parcel that no carrier has scanned is late, with the clock that says so."""
        told = ("rts_sla_time", "tts_sla_time", "collection_due_time")
        known = [(getattr(self, name), name) for name in told if getattr(self, name) is not None]
        return (min(known)[1], min(known)[0]) if known else None


class ChannelOrder(Message):
    """An order as its marketplace tells it now. `shop` is the seller's shop there, by the marketplace's id.

    `status_told`: its own word for `status`. `recipient`: None while it is not released. `grace_until`: until then the
    shopper cancels freely and nothing may be handed off. `cancel_requested`: the shopper waits for an answer.
    `unknown_fields`: what it sent that is not documented; nothing of the shopper is in it. What could not be read is
    None: an order that nobody can read does not keep the others back.
    """

    channel: Code
    shop: str
    channel_order_id: str
    status: ChannelStatus
    status_told: str = ""
    buyer: str | None = None
    money: ChannelMoney | None = None
    lines: tuple[ChannelLine, ...] = ()
    recipient: Recipient | None = None
    clocks: ChannelClocks = ChannelClocks()
    grace_until: AwareDatetime | None = None
    placed_at: AwareDatetime | None = None
    paid_at: AwareDatetime | None = None
    changed_at: AwareDatetime | None = None
    cancel_requested: bool = False
    fulfillment_type: str | None = None
    shipping_type: str | None = None
    delivery_option_id: str | None = None
    unknown_fields: Mapping[str, JsonValue] = Field(default_factory=dict)

    @property
    def order_id(self) -> str:
        """What it is called with us."""
        return our_order_id(self.channel, self.shop, self.channel_order_id)


class CancelReason(StrEnum):
    """Why a seller cancels, as marketplaces distinguish it."""

    OUT_OF_STOCK = "out_of_stock"
    WRONG_PRICE = "wrong_price"
    CANNOT_DELIVER = "cannot_deliver"
    SHOPPER_ASKED = "shopper_asked"


class RejectReason(StrEnum):
    """Why a shopper's request to cancel is turned down."""

    ALREADY_PACKED = "already_packed"
    AGREED_WITH_SHOPPER = "agreed_with_shopper"
    ON_SCHEDULE = "on_schedule"


class CancellationStatus(StrEnum):
    """How a cancellation stands. `ENDED`: withdrawn or turned down, the order goes on. `COMPLETED`: refunded."""

    PENDING = "pending"
    APPROVED = "approved"
    COMPLETED = "completed"
    ENDED = "ended"
    UNKNOWN = "unknown"


class ChannelCancellation(Message):
    """One cancellation of an order or of lines of it, whoever asked: `by` is `buyer`, `seller` or `platform`.

    `answer_by`: of a shopper's request that waits for the seller. `refund` in minor units of `currency`.
    """

    cancellation_id: str
    channel_order_id: str
    status: CancellationStatus
    by: str
    reason: str = ""
    line_ids: tuple[str, ...] = ()
    refund: MinorUnits | None = None
    currency: str = ""
    asked_at: AwareDatetime | None = None
    changed_at: AwareDatetime | None = None
    answer_by: AwareDatetime | None = None

    @property
    def stands(self) -> bool:
        """True when it is granted: what it names will not be paid for."""
        return self.status in (CancellationStatus.APPROVED, CancellationStatus.COMPLETED)


class CancelRequest(Message):
    """A shopper wants to cancel and waits for the seller's answer until `answer_by`."""

    request_id: str
    channel_order_id: str
    reason: str
    answer_by: AwareDatetime
    line_ids: tuple[str, ...] = ()


class ChannelRefund(Message):
    """Money the platform gave back to a shopper. `because`: `cancellation` or `return`."""

    refund_id: str
    channel_order_id: str
    amount: MinorUnits
    currency: str
    because: str
    refunded_at: AwareDatetime | None = None
    line_ids: tuple[str, ...] = ()


class RefundRequest(Message):
    """A refund that somebody asked the platform for after dispatch. `by`: `seller`, `buyer` or `platform`."""

    request_id: str
    channel_order_id: str
    by: str
    amount: MinorUnits
    currency: str
    status: Literal["pending", "succeeded", "failed"]


class ChannelShipment(Message):
    """A parcel that truly left, told to the marketplace. `line_ids` empty: everything that is not canceled.

    `reference` is our name of the parcel. `carrier` in lower case: `ups`, `usps`, `fedex`, ...
    """

    reference: str
    channel_order_id: str
    carrier: str
    tracking_number: str
    line_ids: tuple[str, ...] = ()


class ChannelPackage(Message):
    """What the marketplace knows as shipped under one tracking number."""

    channel_order_id: str
    tracking_number: str
    carrier: str | None
    line_ids: tuple[str, ...]
    package_ids: tuple[str, ...] = ()


class ChannelTopic(StrEnum):
    """What a message of a marketplace is about. `UNKNOWN`: a kind we do not know; it is kept."""

    ORDER = "order"
    ADDRESS = "address"
    PACKAGE = "package"
    CANCELLATION = "cancellation"
    RETURN = "return"
    REFUND = "refund"
    UNKNOWN = "unknown"


class ChannelNews(Message):
    """Something changed at a marketplace: look at these orders of this shop, as they stand now.

    `about`: the marketplace's id of the cancellation, return or refund. `said`: its own word for what happened.
    """

    shop: str
    topic: ChannelTopic
    channel_order_ids: tuple[str, ...] = ()
    about: str | None = None
    said: str = ""
