"""Sellers, places and goods: what must be known before an order can be taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ordersaga.domain.identifiers import Code, Sku
from ordersaga.domain.orders import Address, SellerTerms, Text
from ordersaga.domain.values import Value


class Seller(Value):
    """A shop selling through us, with the terms its orders get."""

    seller: Code
    name: Text
    terms: SellerTerms = SellerTerms()


class Location(Value):
    """A warehouse: which provider runs it, and the address parcels leave from."""

    location: Code
    provider: Code
    address: Address


class Product(Value):
    """A SKU of one seller."""

    sku: Sku
    seller: Code
    title: Text
    weight_grams: Annotated[int, Field(ge=1, le=70_000)]


class StockLevel(Value):
    """Units of a SKU at a location: `available` is what can still be promised."""

    location: Code
    sku: Sku
    on_hand: int
    held: int

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
    """What the database knows of the names a catalog file uses; `receipts`: (location, SKU, quantity) by their id."""

    sellers: frozenset[str]
    locations: frozenset[str]
    skus: frozenset[str]
    receipts: Mapping[str, tuple[str, str, int]]
