"""What sellers and the shop are told about orders: public event types, payloads, e-mails, and when to try again.

Nothing here is about a shopper: the texts are fixed, and whoever may know more asks the API.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from pydantic import AwareDatetime

from ordersaga.domain.values import Value

DeliveryStatus = Literal["pending", "delivered", "failed"]


class EventType(NamedTuple):
    """A public event: its name, and what it means in a sentence.

    `detailed`: the journal's own words go with it; only where these are ours, and say nothing of a person.
    """

    name: str
    text: str
    detailed: bool = False


EVENTS: Final[Mapping[str, EventType]] = {
    "line_left": EventType("order.line_left", "The order got what it waited for, and goes on."),
    "action_required": EventType("order.action_required", "The shopper has one more step to pay."),
    "confirmed": EventType("order.confirmed", "The order is confirmed: stock is held and payment is authorized."),
    "refused": EventType("order.refused", "The order was refused."),
    "hold": EventType("order.held", "A hold was placed: hand-off waits for its release."),
    "release": EventType("order.released", "A hold was released."),
    "cancel_requested": EventType("order.cancel_requested", "Cancellation was asked for."),
    "attention": EventType("order.attention", "A question about the order waits for a person."),
    "reminder": EventType("order.attention_reminder", "A question about the order still waits for a person."),
    "proposal": EventType("order.proposal", "A choice that moves much money waits for a second person."),
    "decision": EventType("order.decision", "A person answered a question about the order."),
    "change_requested": EventType("order.change_requested", "A change was asked for."),
    "change_done": EventType("order.changed", "A change was made."),
    "change_refused": EventType("order.change_refused", "A change was refused."),
    "delay_notice": EventType("order.delay_notice", "The shopper is to be told of a delay.", True),
    "delay_consent_wanted": EventType(
        "order.delay_consent_wanted", "Without the shopper's yes to a delay it is undone.", True
    ),
    "delay_answered": EventType("order.delay_answered", "The shopper answered about a delay."),
    "ship_by_at_risk": EventType("order.ship_by_at_risk", "The order may miss its ship-by date.", True),
    "closed": EventType("order.closed", "The order has ended, and its books balance."),
    "reopened": EventType("order.reopened", "The order was about to end and goes on."),
    "returned": EventType("order.returned", "Goods of the order came back."),
    "payment_needed": EventType("payment.needed", "The shopper has to pay again."),
    "authorized": EventType("payment.authorized", "Funds for the parcel are reserved."),
    "authorization_failed": EventType("payment.authorization_failed", "Funds for the parcel could not be reserved."),
    "captured": EventType("payment.captured", "The parcel was paid."),
    "voided": EventType("payment.voided", "The reservation of funds for the parcel was given back."),
    "refund_pending": EventType("payment.refund_pending", "A refund is on its way."),
    "refunded": EventType("payment.refunded", "The parcel was refunded."),
    "refund_failed": EventType("payment.refund_failed", "A refund failed: the shopper has not got the money."),
    "written_off": EventType("payment.written_off", "The loss of the parcel was accepted."),
    "accepted": EventType("parcel.accepted", "The provider accepted the parcel."),
    "picked": EventType("parcel.picked", "The parcel's goods were picked."),
    "packed": EventType("parcel.packed", "The parcel is packed."),
    "label": EventType("parcel.label_bought", "A label was bought for the parcel."),
    "shipped": EventType("parcel.shipped", "The carrier scanned the parcel for the first time."),
    "in_transit": EventType("parcel.in_transit", "The parcel is on its way."),
    "delivered": EventType("parcel.delivered", "The parcel was delivered."),
    "exception": EventType("parcel.exception", "The carrier reports a problem with the parcel."),
    "lost": EventType("parcel.lost", "The carrier lost the parcel."),
    "goods_lost": EventType("parcel.goods_lost", "The parcel's goods are lost: the shopper is refunded."),
    "returned_to_sender": EventType("parcel.returned_to_sender", "The parcel went back to its sender."),
    "parcel_canceled": EventType("parcel.canceled", "The parcel was undone and will not ship."),
    "units_canceled": EventType("parcel.units_canceled", "The parcel ships with fewer units.", True),
    "short_pick": EventType("parcel.short_pick", "Units its provider did not have ship from elsewhere.", True),
    "taken_back": EventType("parcel.taken_back", "The parcel was taken back from its provider."),
    "reshipped": EventType("parcel.reshipped", "What was lost on the way is sent once more.", True),
    "intercepting": EventType("parcel.intercepting", "The carrier was asked to turn the parcel around."),
    "not_intercepted": EventType("parcel.not_intercepted", "The carrier cannot turn the parcel around."),
    "too_late": EventType("parcel.too_late_to_cancel", "The provider could not stop the parcel: it ships."),
    "return_requested": EventType("return.requested", "A return was asked for."),
    "return_label": EventType("return.label_bought", "A label was bought for the way back."),
    "return_reminder": EventType("return.reminder", "Nothing was sent back yet: the return will expire."),
    "return_cancel_requested": EventType("return.cancel_requested", "The return is to be called off."),
    "return_in_transit": EventType("return.in_transit", "The goods are on their way back."),
    "return_delivered": EventType("return.arrived", "The goods came back."),
    "return_inspected": EventType("return.inspected", "The goods that came back were inspected."),
    "return_lost": EventType("return.lost", "The carrier lost the goods on their way back."),
    "return_restocked": EventType("return.restocked", "Goods that came back are in stock again."),
    "return_written_off": EventType("return.written_off", "Goods that came back were written off."),
    "return_refused": EventType("return.refused", "Goods that came back were refused."),
    "return_refunded": EventType("return.refunded", "Goods that came back were refunded."),
    "goodwill_requested": EventType("return.goodwill_requested", "Part of the price was asked back, the goods kept."),
    "goodwill_given": EventType("return.goodwill_given", "Part of the price was given back, the goods kept."),
    "exchange_placed": EventType("return.exchange_placed", "An order was placed in exchange."),
    "exchange_not_placed": EventType("return.exchange_not_placed", "No order could be placed in exchange."),
    "return_closed": EventType("return.closed", "The return has ended."),
    "return_reopened": EventType("return.reopened", "The return was about to end and goes on."),
}
"""Kinds of journal entries that are public. Every other kind stays in the house."""

TYPES: Final = tuple(event.name for event in EVENTS.values())
"""The names an endpoint can choose from."""

EMAIL_TYPES: Final = ("order.attention", "order.ship_by_at_risk")
"""What an e-mail endpoint hears unless it chose otherwise: what somebody has to act on."""

DETAILED: Final = frozenset(event.name for event in EVENTS.values() if event.detailed)
"""Events that come with the journal's own words."""

_TEXTS: Final = {event.name: event.text for event in EVENTS.values()}

RETRY_DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
"""Waits after the first, second, ... failed attempt; the last one repeats."""
JITTER: Final = 0.2
"""A wait is longer by up to this part of itself, so that what failed together does not come back together."""
GIVE_UP_AFTER: Final = timedelta(days=3)
"""No attempt is made later than this after the notification was queued."""
BOTH_SECRETS_SIGN: Final = timedelta(hours=24)
"""How long the secret before a rotation signs beside the new one."""
KEPT: Final = timedelta(days=30)
"""How long the outcome of a delivery can be looked up."""
LONGEST_ERROR: Final = 200
"""Characters kept of a receiver's answer."""


class Notification(Value):
    """One event for one endpoint. `id` is stable for the two: receivers know a repeat by it.

    `status`: the order's, when the notification was queued. `parcel` 0: the whole order. `detail`: dates and units,
    where the event has any.
    """

    id: str
    type: str
    at: AwareDatetime
    order_id: str
    seller: str
    channel: str
    parcel: int
    status: str
    detail: str | None = None

    @property
    def text(self) -> str:
        """What happened, in a sentence."""
        return _TEXTS.get(self.type, self.type)

    def payload(self) -> dict[str, Any]:
        """The body of the webhook."""
        data = {
            "order_id": self.order_id,
            "seller": self.seller,
            "channel": self.channel,
            "parcel": self.parcel,
            "status": self.status,
            "text": self.text,
            "detail": self.detail,
        }
        return {"type": self.type, "timestamp": self.at.isoformat(), "data": data}


class Email(Value):
    """A plain text e-mail. `id` makes its Message-ID: a repeat can be recognized."""

    id: str
    to: str
    subject: str
    text: str


EMAIL_SUBJECT: Final = "Order {order_id}: {text}"
EMAIL_TEXT: Final = """\
{text}

Order:    {order_id}{parcel}
Seller:   {seller}
Channel:  {channel}
Status:   {status}
Event:    {type}
Time:     {at}

Look at it:             ordersaga order show {order_id}
Answer open questions:  ordersaga attention list
"""


def email_about(notification: Notification, to: str) -> Email:
    """The e-mail that tells of an event."""
    known = {
        **notification.payload()["data"],
        "parcel": f", parcel {notification.parcel}" if notification.parcel else "",
        "type": notification.type,
        "at": notification.at.isoformat(timespec="seconds"),
    }
    subject, text = EMAIL_SUBJECT.format(**known), EMAIL_TEXT.format(**known)
    return Email(id=notification.id, to=to, subject=subject, text=text)


def next_attempt(failures: int, queued_at: datetime, now: datetime, luck: float) -> datetime | None:
    """When to try again after this many failed attempts; None: never.

    Args:
        failures: so far, the last one included; at least 1.
        queued_at: when the notification was queued.
        now: when the attempt failed.
        luck: between 0 and 1, chosen at random; lengthens the wait.
    """
    delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1]
    moment = now + delay * (1 + JITTER * luck)
    return moment if moment <= queued_at + GIVE_UP_AFTER else None
