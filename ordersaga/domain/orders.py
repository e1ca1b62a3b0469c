"""What the shopper bought, and how it was cut into parcels."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from ordersaga.domain.identifiers import Code, OrderId, ParcelReference, Sku
from ordersaga.domain.money import Currency, MinorUnits, apportion
from ordersaga.domain.values import Value

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Quantity = Annotated[int, Field(ge=1, le=10_000, description="whole units")]


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


class OrderLine(Value):
    """One SKU of the order; `unit_price` in minor units of the order's currency."""

    sku: Sku
    quantity: Quantity
    unit_price: MinorUnits

    @property
    def value(self) -> int:
        return self.quantity * self.unit_price


class Payment(Value):
    """How the shopper pays: Stripe's payment method id, and the customer it is saved for, if any."""

    payment_method: Annotated[str, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,120}$")]
    customer: Annotated[str, StringConstraints(pattern=r"^cus_[A-Za-z0-9_]{1,120}$")] | None = None


class CapturePolicy(StrEnum):
    """When money is taken. Default: at the parcel's first scan by its carrier."""

    AT_FIRST_SCAN = "at_first_scan"
    AT_CONFIRMATION = "at_confirmation"


class SellerTerms(Value):
    """What the seller agreed to, resolved when the order is accepted and fixed for its life."""

    capture: CapturePolicy = CapturePolicy.AT_FIRST_SCAN
    ship_within: timedelta = timedelta(days=2)
    deliver_within: timedelta = timedelta(days=6)
    payment_window: timedelta = timedelta(minutes=15)
    hand_off_delay: timedelta = Field(default=timedelta(0), description="the channel's grace period before hand-off")


class Order(Value):
    """An order as accepted: the input of its saga. Amounts are minor units of `currency`."""

    order_id: OrderId
    seller: Code
    channel: Code = "checkout"
    currency: Currency = "USD"
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=100)]
    shipping: MinorUnits = 0
    tax: MinorUnits = 0
    ship_to: Address
    payment: Payment
    placed_at: AwareDatetime
    terms: SellerTerms = SellerTerms()

    @model_validator(mode="after")
    def _one_line_per_sku(self) -> Self:
        skus = [line.sku for line in self.lines]
        if len(set(skus)) != len(skus):
            raise ValueError("lines: a SKU appears twice; add its quantities up into one line")
        if self.total == 0:
            raise ValueError("lines: the order's total is 0; give at least one line a unit_price")
        return self

    @property
    def total(self) -> int:
        """What the shopper pays: goods, shipping and tax."""
        return sum(line.value for line in self.lines) + self.shipping + self.tax

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


def price_parcels(order: Order, shares: list[tuple[OrderLine, ...]]) -> list[int]:
    """Amount of each parcel: its goods and, by their value, its share of shipping and tax; sums to `order.total`."""
    goods = [sum(line.value for line in lines) for lines in shares]
    extras = apportion(order.shipping + order.tax, goods)
    return [value + extra for value, extra in zip(goods, extras, strict=True)]
