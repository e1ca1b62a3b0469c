"""What the shopper bought, and how it was cut into parcels."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from ordersaga.domain.identifiers import Code, OrderId, ParcelReference, Sku
from ordersaga.domain.money import Currency, MinorUnits, apportion
from ordersaga.domain.payment_methods import CAPABILITIES, Capabilities, MethodType
from ordersaga.domain.values import Value

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Quantity = Annotated[int, Field(ge=1, le=10_000, description="whole units")]
Buyer = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]
"""Who buys, by a stable id of the channel's that tells us nothing of the person."""
ReturnUrl = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{1,2000}$")]
"""Where a page of another company sends the shopper back to."""


def not_given(value: object) -> bool:
    """Whether a field that came later has its default: then it is left out, as before there was one."""
    return not value


class Address(Value):
    """Where to ship. `region` is the state or province code, `country` ISO 3166-1 alpha-2."""

    name: Text
    line1: Text
    line2: Text | None = None
    city: Text
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,6}$")]
    postal_code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 \-]{2,12}$")]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    phone: Text | None = None
    email: Text | None = None


AWAITED: Final = Address(
    name="not told yet", line1="not told yet", city="not told yet", region="ZZ", postal_code="00000", country="ZZ"
)
"""In the place of an address that a channel has not told yet (ZZ: no country). Nothing is ever handed off to it."""
ADDRESS_AWAITED: Final = "address_awaited"
"""The hold of an order that goes to `AWAITED`, until its address is told."""


class SoldAt(Value):
    """Who sold it: our account at a marketplace, and the order's id there."""

    account: Code
    order: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]


class OrderLine(Value):
    """One SKU of the order; `unit_price` in minor units of the order's currency."""

    sku: Sku
    quantity: Quantity
    unit_price: MinorUnits

    @property
    def value(self) -> int:
        return self.quantity * self.unit_price


class LineQuantity(Value):
    """Units of one SKU: part of an order's line, or all of it."""

    sku: Sku
    quantity: Quantity


def _is_card(value: object) -> bool:
    return value is MethodType.CARD


class Payment(Value):
    """How the shopper pays, in one of these ways.

    `payment_method`: Stripe's id of one, its `type`, and the `customer` it is saved for, if any. A page of a bank's
    sends the shopper back to `return_url`.
    `collected_by`: paid already, to this channel's platform, which also gives it back.
    `pay_link`: on a page of the payment company's that the shopper opens; it sends them back to `return_url`.
    """

    payment_method: Annotated[str, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,120}$")] | None = Field(
        default=None, exclude_if=not_given
    )
    customer: Annotated[str, StringConstraints(pattern=r"^cus_[A-Za-z0-9_]{1,120}$")] | None = None
    type: MethodType = Field(default=MethodType.CARD, exclude_if=_is_card)
    pay_link: bool = Field(default=False, strict=True, exclude_if=not_given)
    return_url: ReturnUrl | None = Field(default=None, exclude_if=not_given)
    collected_by: Code | None = Field(default=None, exclude_if=not_given)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.payment_method is not None, self.pay_link, self.collected_by is not None)
        if sum(ways) != 1:
            raise ValueError("payment_method: not one way to pay; send it, or else pay_link: true with a return_url")
        if (self.pay_link or self.can.redirects) and self.return_url is None:
            what = "a pay link" if self.pay_link else self.type
            raise ValueError(f"return_url: missing for {what}; send the shop's page to return to")
        if self.collected_by is not None and self != Payment.model_construct(collected_by=self.collected_by):
            raise ValueError("collected_by: the platform has the money already; leave the other members out")
        if self.pay_link and self.type is not MethodType.CARD:
            raise ValueError("type: the shopper chooses on the page; leave it out")
        if self.pay_link and self.customer is not None:
            raise ValueError("customer: a pay link makes its own; leave it out, or send a payment_method of theirs")
        return self

    @property
    def can(self) -> Capabilities:
        """What may be asked of it; Stripe offers on a page only what a card can do as well."""
        return CAPABILITIES[self.type]


class CapturePolicy(StrEnum):
    """When money is taken. Default: at the parcel's first scan by its carrier."""

    AT_FIRST_SCAN = "at_first_scan"
    AT_CONFIRMATION = "at_confirmation"


class LostPolicy(StrEnum):
    """What happens with a parcel that never arrives: a person decides, or one of the two remedies by itself."""

    ASK = "ask"
    REFUND = "refund"
    RESHIP = "reship"


class DelayRule(StrEnum):
    """Which law speaks when ship-by is missed. `ftc`: 16 CFR 435, for addresses in the US."""

    FTC = "ftc"
    NONE = "none"


SLOW_PAYMENT: Final = timedelta(days=5)
"""How long a bank debit is waited for: most are confirmed within four business days."""


def _is_usual_wait(value: object) -> bool:
    return value == SLOW_PAYMENT


class MoveCause(StrEnum):
    """Why a parcel that was not picked yet is sent from another location."""

    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    MISSED_PICK = "missed_pick"
    SHORT_PICK = "short_pick"


class RouteRule(StrEnum):
    """The ranks by which one location goes before another, in their usual order: docs/routing.md."""

    HEALTH = "health"
    BACKLOG = "backlog"
    PROMISE = "promise"
    ZONE = "zone"
    CUT_OFF = "cut_off"
    COST = "cost"


MOVED_FOR: Final = (MoveCause.REFUSED, MoveCause.UNAVAILABLE, MoveCause.SHORT_PICK)
"""For these a parcel moves by itself; for the others a person is asked."""
MOVES_AT_MOST: Final = 2
MOVE_COSTS_AT_MOST: Final = 500


def _usual(usual: object) -> Callable[[object], bool]:
    return lambda value: value == usual


class SellerTerms(Value):
    """What the seller agreed to, resolved when the order is accepted and fixed for its life."""

    capture: CapturePolicy = CapturePolicy.AT_FIRST_SCAN
    ship_within: timedelta = timedelta(days=2)
    deliver_within: timedelta = timedelta(days=6)
    payment_window: timedelta = timedelta(minutes=15)
    slow_payment_window: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=14))] = Field(
        default=SLOW_PAYMENT,
        exclude_if=_is_usual_wait,
        description="how long stock is held for a bank that confirms days later",
    )
    hand_off_delay: timedelta = Field(
        default=timedelta(0), description="waited out before hand-off; a channel's grace period, say"
    )
    early_capture: bool = Field(
        default=False, description="a reservation about to lapse may be taken once the provider has the parcel"
    )
    extended_authorization: bool = Field(
        default=False, description="the payment account may ask banks to hold funds for up to 30 days"
    )
    second_person_above: MinorUnits = Field(
        default=50_000, description="a person's choice that moves more than this needs a second person"
    )
    lost_parcel: LostPolicy = LostPolicy.ASK
    lost_after: timedelta = Field(
        default=timedelta(days=7), description="how long after its delivery was due a parcel counts as lost"
    )
    delay_rule: DelayRule = DelayRule.FTC
    delay_extension: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=30))] = Field(
        default=timedelta(days=10), description="how much later than promised a delay notice promises to ship"
    )
    return_window: timedelta = Field(default=timedelta(days=30), description="after delivery, for asking to return")
    carriers: tuple[Code, ...] = Field(
        default=(), exclude_if=not_given, description="the carrier accounts that may take the parcels; empty: any"
    )
    moved_for: tuple[MoveCause, ...] = Field(
        default=MOVED_FOR,
        exclude_if=_usual(MOVED_FOR),
        description="why a parcel moves to another location by itself; for the other causes a person is asked",
    )
    moves_at_most: Annotated[int, Field(ge=0, le=10)] = Field(
        default=MOVES_AT_MOST, exclude_if=_usual(MOVES_AT_MOST), description="times for each parcel; 0: never"
    )
    move_costs_at_most: MinorUnits = Field(
        default=MOVE_COSTS_AT_MOST,
        exclude_if=_usual(MOVE_COSTS_AT_MOST),
        description="what shipping from farther away may cost more, estimated by distance",
    )
    route_by: tuple[RouteRule, ...] = Field(
        default=(),
        exclude_if=not_given,
        description="the ranks that count first when a location is chosen",
    )
    promised_later: bool = Field(
        default=False, exclude_if=not_given, description="there was no room to ship sooner: `ship_within` is longer"
    )


class Order(Value):
    """An order as accepted: the input of its saga. Amounts are minor units of `currency`."""

    order_id: OrderId
    seller: Code
    channel: Code = "checkout"
    buyer: Buyer | None = Field(default=None, exclude_if=not_given, description="the channel's stable id of who buys")
    currency: Currency = "USD"
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=100)]
    shipping: MinorUnits = 0
    tax: MinorUnits = 0
    ship_to: Address
    payment: Payment
    placed_at: AwareDatetime
    terms: SellerTerms = SellerTerms()
    sold_at: SoldAt | None = Field(default=None, exclude_if=not_given, description="the marketplace that is to be told")
    exchange_of: str | None = Field(default=None, exclude_if=not_given, description="the return it is exchanged for")

    @model_validator(mode="after")
    def _one_line_per_sku(self) -> Self:
        skus = [line.sku for line in self.lines]
        if len(set(skus)) != len(skus):
            raise ValueError("lines: a SKU appears twice; add its quantities up into one line")
        if self.total == 0:
            raise ValueError("lines: the order's total is 0; give at least one line a unit_price")
        known = self.payment.can.currencies
        if known and self.currency not in known:
            paid_in = " or ".join(sorted(known))
            raise ValueError(f"currency: {self.payment.type} is paid in {paid_in}; ask for another way to pay")
        return self

    @property
    def total(self) -> int:
        """What the shopper pays: goods, shipping and tax."""
        return sum(line.value for line in self.lines) + self.shipping + self.tax

    @property
    def address_awaited(self) -> bool:
        """Its channel has not told yet where it goes."""
        return self.ship_to == AWAITED

    @property
    def ship_by(self) -> datetime:
        """Promise: the carrier's first scan happens before this."""
        return self.placed_at + self.terms.ship_within


class ParcelPlan(Value):
    """Lines that leave one location together. `amount` is the parcel's share of the order's total."""

    parcel: Annotated[int, Field(ge=1)]
    location: Code
    provider: Code
    lines: tuple[OrderLine, ...]
    amount: MinorUnits

    def reference(self, order_id: str, generation: int = 1) -> str:
        """What provider and carrier know this parcel by."""
        return str(ParcelReference(order_id, self.parcel, generation))

    def without(self, removed: Sequence[LineQuantity]) -> "ParcelPlan":
        """This parcel when these units are taken out of it; its amount shrinks by their value's share.

        Raises ValueError when it does not contain them.
        """
        gone = {units.sku: units.quantity for units in removed}
        kept = tuple(_reduced(line, gone.pop(line.sku, 0)) for line in self.lines)
        if gone or any(line is None for line in kept):
            raise ValueError(f"parcel {self.parcel} does not contain these units")
        lines = tuple(line for line in kept if line is not None and line.quantity)
        before, after = sum(line.value for line in self.lines), sum(line.value for line in lines)
        amount = apportion(self.amount, [after, before - after])[0] if lines else 0
        return self.model_copy(update={"lines": lines, "amount": amount})

    def part(self, number: int, taken: Sequence[LineQuantity]) -> "ParcelPlan":
        """These units as a parcel of their own, of this number; its amount is what `without` leaves out.

        Raises ValueError when this parcel does not contain them.
        """
        quantities = {units.sku: units.quantity for units in taken}
        lines = (line.model_copy(update={"quantity": quantities.get(line.sku, 0)}) for line in self.lines)
        amount = self.amount - self.without(taken).amount
        kept = tuple(line for line in lines if line.quantity)
        return self.model_copy(update={"parcel": number, "lines": kept, "amount": amount})

    def units(self) -> tuple[LineQuantity, ...]:
        """What is in it."""
        return tuple(LineQuantity(sku=line.sku, quantity=line.quantity) for line in self.lines)


def _reduced(line: OrderLine, by: int) -> OrderLine | None:
    """The line with fewer units, perhaps none; None when it has not that many."""
    left = line.quantity - by
    return line.model_copy(update={"quantity": left}) if left >= 0 else None


def price_parcels(order: Order, shares: list[tuple[OrderLine, ...]]) -> list[int]:
    """Amount of each parcel: its goods and, by their value, its share of shipping and tax; sums to `order.total`."""
    goods = [sum(line.value for line in lines) for lines in shares]
    extras = apportion(order.shipping + order.tax, goods)
    return [value + extra for value, extra in zip(goods, extras, strict=True)]
