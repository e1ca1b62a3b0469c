"""Sellers, places and goods: what must be known before an order can be taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from ordersaga.domain.dispatch import Dispatch
from ordersaga.domain.identifiers import Code, Sku
from ordersaga.domain.orders import Address, SellerTerms, Text
from ordersaga.domain.values import Value

PROMISE_WITHIN: Final = 14
"""Days, unless the seller says otherwise."""
PerDay = Annotated[int, Field(ge=1, le=10_000_000)]


class Seller(Value):
    """A shop selling through us, with the terms its orders get.

    `daily_orders`: how many can be shipped on a day (UTC), None: any number. `promise_within`: how many days from today
    an order may be promised for when the days before are full.
    """

    seller: Code
    name: Text
    terms: SellerTerms = SellerTerms()
    daily_orders: PerDay | None = None
    promise_within: Annotated[int, Field(ge=0, le=365, description="days")] = PROMISE_WITHIN


class Location(Value):
    """A warehouse: which provider runs it, the address parcels leave from, and how it ships them."""

    location: Code
    provider: Code
    address: Address
    dispatch: Dispatch = Dispatch()


class Product(Value):
    """A SKU of one seller.

    `max_per_buyer`: units one buyer may have, in all orders together; `daily_units`: units that can be shipped on a day
    (UTC); None: any number. `waitlist`: whether shoppers may wait for it when it is sold out.
    """

    sku: Sku
    seller: Code
    title: Text
    weight_grams: Annotated[int, Field(ge=1, le=70_000)]
    max_per_buyer: Annotated[int, Field(ge=1, le=10_000)] | None = None
    daily_units: PerDay | None = None
    waitlist: bool = False


class StockLevel(Value):
    """Units of a SKU at a location: `available` is what can still be promised.

    With what holds for the SKU wherever it lies, as `Product` tells it, and how many orders wait in its line.
    """

    location: Code
    sku: Sku
    on_hand: int
    held: int
    max_per_buyer: int | None = None
    daily_units: int | None = None
    waitlist: bool = False
    waiting: int = 0

    @property
    def available(self) -> int:
        return self.on_hand - self.held


class Receipt(Value):
    """Units that arrived at a location; `receipt_id` makes a repeated upload harmless."""

    receipt_id: Annotated[str, Field(min_length=1, max_length=120)]
    location: Code
    sku: Sku
    quantity: Annotated[int, Field(ge=1, le=10_000_000)]


class Catalog(Value):
    """A whole catalog file: loaded in one transaction or not at all."""

    sellers: tuple[Seller, ...] = ()
    locations: tuple[Location, ...] = ()
    products: tuple[Product, ...] = ()
    receipts: tuple[Receipt, ...] = ()


@dataclass(frozen=True)
class Standing:
    """What the database knows of the names a catalog file uses.

    `skus`: the seller of each; `receipts`: (location, SKU, quantity) by the seller whose goods they were, and their id.
    """

    sellers: frozenset[str]
    locations: frozenset[str]
    skus: Mapping[str, str]
    receipts: Mapping[tuple[str, str], tuple[str, str, int]]
