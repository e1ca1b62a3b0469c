"""The bodies of the HTTP API. Amounts are integer minor units of the order's currency; times are RFC 3339.

Requests refuse unknown fields; answers may grow fields, which older readers ignore.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, field_validator, model_validator

from ordersaga.domain.exchanges import EXCHANGE_CHANNEL
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.journal import OrderRecord, ParcelAddress, TimelineEntry
from ordersaga.domain.money import MinorUnits, OrderCurrency
from ordersaga.domain.orders import Address, Buyer, Order, OrderLine, ParcelPlan, Payment, Quantity, not_given
from ordersaga.domain.payments import NextAction
from ordersaga.domain.shipping import ShippingService
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from ordersaga.domain.values import Message, Value
from workflows.messages import HoldRequest, OrderView, Word

_NUL: Final = "\\x00"
"""How NUL stands in a representation: what has none in it is not looked through text by text."""


class Request(Value):
    """A body sent to us. No text in it may contain NUL: nothing that stores or prints text takes it well."""

    @model_validator(mode="before")
    @classmethod
    def _no_nul(cls, data: Any) -> Any:
        if _NUL not in repr(data):
            return data
        for name, text in _texts(data, ""):
            if "\0" in text:
                raise ValueError(f"{name or 'body'}: the text contains a NUL character; remove it")
        return data


class Filter(Request):
    """Which of many; every member that is given must hold, and at least one must be given."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("the filter is empty; name at least one of " + ", ".join(type(self).model_fields))
        return self


def _texts(data: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the top-level member it stands in."""
    if isinstance(data, str):
        yield name, data
    elif isinstance(data, list):
        for item in data:
            yield from _texts(item, name)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield name, str(key)
            yield from _texts(value, name or str(key))


Whole = Field(strict=True)


class NewLine(OrderLine):
    """A line to order. Numbers are taken as they are: neither `"2"` nor `2.0`, and never `45.00` for 4500."""

    quantity: Annotated[Quantity, Whole]
    unit_price: Annotated[MinorUnits, Whole]


class NewOrder(Request):
    """An order to take. Without an `order_id` one is made up; with it, sending the order twice is harmless.

    `buyer`: the channel's stable id of who buys, nothing about the person; needed for SKUs of which a buyer may have
    only so many. `waitlist`: the shopper agrees to wait in line for what is sold out or cannot be shipped soon, until
    `wait_until` at the latest.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "order_id": "web_1001",
                    "seller": "sunny-socks",
                    "lines": [{"sku": "SOCK-RED-M", "quantity": 1, "unit_price": 1500}],
                    "ship_to": {
                        "name": "Ada Lovelace",
                        "line1": "1 Main St",
                        "city": "Oakland",
                        "region": "CA",
                        "postal_code": "94601",
                        "country": "US",
                    },
                    "payment": {"payment_method": "pm_card_visa"},
                    "buyer": "shopper_8842",
                    "waitlist": True,
                    "wait_until": "2027-01-31T12:00:00Z",
                }
            ]
        }
    )

    order_id: OrderId | None = None
    seller: Code
    channel: Code = "checkout"
    buyer: Buyer | None = Field(default=None, exclude_if=not_given)
    waitlist: bool = Field(default=False, exclude_if=not_given)
    wait_until: AwareDatetime | None = Field(default=None, exclude_if=not_given)
    currency: OrderCurrency = "USD"
    lines: Annotated[tuple[NewLine, ...], Field(min_length=1, max_length=100)]
    shipping: Annotated[MinorUnits, Whole] = 0
    tax: Annotated[MinorUnits, Whole] = 0
    ship_to: Address
    payment: Payment

    @field_validator("channel")
    @classmethod
    def _is_no_word_of_ours(cls, channel: str) -> str:
        if channel == EXCHANGE_CHANNEL:
            raise ValueError("is where our own exchanges come from; name where the shopper ordered, such as checkout")
        return channel

    @model_validator(mode="after")
    def _waits_or_not(self) -> Self:
        if self.wait_until is not None and not self.waitlist:
            raise ValueError("wait_until: the order does not wait; send waitlist: true with it, or leave it out")
        return self


class WaitingPlace(Message):
    """A place in line: 1 is next, in the longest line the order stands in. `lacking`: what it waits for, SKUs or its
    seller's room to ship; it waits until `until` at the latest."""

    place: int
    lacking: tuple[str, ...]
    until: AwareDatetime


Promised = Literal["in_time", "later"]
"""Whether the order ships as soon as its seller usually promises; later, when the days until then are full."""


def promised(order: Order) -> Promised:
    """What was promised for an order."""
    return "later" if order.terms.promised_later else "in_time"


class PlacedOrder(Message):
    """The answer to a placed order. `outcome` is None while it is not known yet: look again at `Location`.

    `next_action_missing`: why `next_action` comes without what the shopper needs to take it. `waiting`: its place in
    line, while its status is `waitlisted`; it has no `ship_by` then.
    """

    order_id: str
    status: OrderStatus
    outcome: ConfirmOutcome | None = None
    reason: str | None = None
    next_action: NextAction | None = None
    next_action_missing: str | None = None
    parcels: int = 0
    total: int
    currency: str
    ship_by: AwareDatetime | None = None
    promised: Promised | None = None
    waiting: WaitingPlace | None = None


class OrderSummary(Message):
    """An order in a list. `waiting`: its place in line, while its status is `waitlisted`."""

    order_id: str
    seller: str
    channel: str
    status: OrderStatus
    outcome: ConfirmOutcome | None
    reason: str | None
    total: int
    currency: str
    accepted_at: AwareDatetime
    updated_at: AwareDatetime
    ship_by: AwareDatetime
    promised: Promised = "in_time"
    waiting: WaitingPlace | None = None

    @classmethod
    def of(cls, record: OrderRecord, waiting: WaitingPlace | None = None) -> Self:
        """The summary of a record."""
        return cls(**_summary(record), waiting=waiting)


class ParcelPlace(Message):
    """Where a parcel goes, that goes elsewhere than its order."""

    parcel: int
    city: str
    region: str
    country: str

    @classmethod
    def of(cls, address: ParcelAddress) -> Self:
        """The place, without the person."""
        to = address.ship_to
        return cls(parcel=address.parcel, city=to.city, region=to.region, country=to.country)


class OrderDocument(OrderSummary):
    """An order in full, without how it is paid. `started`: its saga runs. `live`: what the saga says, on request.

    `elsewhere`: parcels that go to another address than `ship_to`, or went.
    """

    lines: tuple[OrderLine, ...]
    shipping: int
    tax: int
    ship_to: Address
    parcels: tuple[ParcelPlan, ...]
    elsewhere: tuple[ParcelPlace, ...] = ()
    started: bool
    live: OrderView | None = None

    @classmethod
    def of(cls, record: OrderRecord, waiting: WaitingPlace | None = None, *, live: OrderView | None = None) -> Self:
        """The document of a record."""
        order = record.order
        return cls(
            **_summary(record),
            waiting=waiting,
            lines=order.lines,
            shipping=order.shipping,
            tax=order.tax,
            ship_to=order.ship_to,
            parcels=record.parcels,
            elsewhere=tuple(map(ParcelPlace.of, record.elsewhere)),
            started=record.started,
            live=live,
        )


def _summary(record: OrderRecord) -> dict[str, Any]:
    order = record.order
    return {
        "order_id": order.order_id,
        "seller": order.seller,
        "channel": order.channel,
        "status": record.status,
        "outcome": record.outcome,
        "reason": record.reason,
        "total": order.total,
        "currency": order.currency,
        "accepted_at": record.accepted_at,
        "updated_at": record.updated_at,
        "ship_by": order.ship_by,
        "promised": promised(order),
    }


class OrderPage(Message):
    """Orders, newest first. `next_cursor` fetches the page after this one; None on the last."""

    orders: tuple[OrderSummary, ...]
    next_cursor: str | None = None


class Timeline(Message):
    """An order's story."""

    order_id: str
    entries: tuple[TimelineEntry, ...]


class Obstacle(Message):
    """What outside the order keeps it. `name`: of the lane or the stop; `parcels`: which it keeps, none for all of it.

    `until`: when it ends, or is tried again; None: when somebody ends it. `remedy`: what can be done about it.
    """

    kind: Literal["breaker", "pause", "stop"]
    name: str
    parcels: tuple[int, ...] = ()
    since: AwareDatetime
    until: AwareDatetime | None
    text: str
    remedy: str


class Explanation(Message):
    """Why an order is where it is. `live` is False when the saga could not be asked and the journal answers.

    `obstacles`: what outside the order keeps it; `details`: why its parcels ship from where they do; `text` tells of
    both, too.
    """

    order_id: str
    status: OrderStatus
    text: str
    live: bool
    obstacles: tuple[Obstacle, ...] = ()
    details: tuple[str, ...] = ()


class HoldBody(Request):
    """A hold to place: hand-off waits until it is released."""

    kind: Annotated[str, Field(pattern=HoldRequest.model_fields["kind"].metadata[0].pattern)]
    by: Word | None = None
    reason: Word = "not given"


class Arrival(Message):
    """A parcel that a person says has arrived: its order hears of it next."""

    order_id: str
    parcel: int
    status: ParcelStatus


class MessageRow(Message):
    """A message of an outside company that was given up on, and why."""

    id: int
    source: str
    source_id: str
    order_id: str | None
    attempts: int
    received_at: AwareDatetime
    error: str | None


class MessageList(Message):
    """Messages given up on, newest first."""

    messages: tuple[MessageRow, ...]


class Ticket(Message):
    """Units to pack for a shopper, and by when the carrier must have them."""

    reference: str
    order_id: str
    seller: str
    location: str
    lines: tuple[OrderLine, ...]
    ship_to: Address
    ship_by: AwareDatetime
    service: ShippingService
    status: ParcelStatus
    created_at: AwareDatetime


class TicketList(Message):
    """Tickets to work off, the most urgent first."""

    tickets: tuple[Ticket, ...]


class TicketMoved(Message):
    """Where a ticket stands now."""

    reference: str
    status: ParcelStatus
