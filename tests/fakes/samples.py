"""Small orders and a small catalog, for tests that need some and do not care which."""

from datetime import UTC, datetime
from typing import Any

from ordersaga.domain.books import MoneyTransaction, goods_shipped
from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller
from ordersaga.domain.orders import Address, Order, OrderLine, ParcelPlan, Payment

PLACED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SELLER = "acme"
EAST, WEST = "nj-1", "ca-1"


def address(**changes: Any) -> Address:
    """A shopper's address in New York, unless told otherwise."""
    known = {"name": "Ada Byron", "line1": "1 Main St", "city": "New York", "region": "NY", "postal_code": "10001"}
    return Address(**{"country": "US", **known, **changes})


def order(order_id: str = "o1", *lines: tuple[str, int], **changes: Any) -> Order:
    """An order of (sku, quantity) lines at 1000 minor units each; default: one MUG."""
    bought = tuple(OrderLine(sku=sku, quantity=quantity, unit_price=1000) for sku, quantity in lines or [("MUG", 1)])
    known = {"seller": SELLER, "ship_to": address(), "placed_at": PLACED_AT}
    payment = Payment(payment_method="pm_card_visa")
    return Order(**{"order_id": order_id, "lines": bought, "payment": payment, **known, **changes})


def catalog(*receipts: tuple[str, str, int], provider: str = "shipbob") -> Catalog:
    """Two sellers, a warehouse on each coast, three products, and receipts of (location, sku, quantity)."""
    return Catalog(
        sellers=(Seller(seller=SELLER, name="Acme"), Seller(seller="bolt", name="Bolt")),
        locations=(
            Location(location=EAST, provider=provider, address=address(name="East", city="Newark", region="NJ")),
            Location(location=WEST, provider=provider, address=address(name="West", city="Fresno", region="CA")),
        ),
        products=(
            Product(sku="MUG", seller=SELLER, title="Mug", weight_grams=350),
            Product(sku="TEE", seller=SELLER, title="T-shirt", weight_grams=180),
            Product(sku="LAMP", seller="bolt", title="Lamp", weight_grams=900),
        ),
        receipts=tuple(
            Receipt(receipt_id=f"r{number}", location=location, sku=sku, quantity=quantity)
            for number, (location, sku, quantity) in enumerate(receipts, start=1)
        ),
    )


def sale(order_id: str, plan: ParcelPlan) -> MoneyTransaction:
    """The sale written when a parcel leaves."""
    return MoneyTransaction(
        transaction_id=f"{order_id}/sale/{plan.parcel}/1",
        order_id=order_id,
        parcel=plan.parcel,
        currency="USD",
        memo="goods left",
        postings=goods_shipped(plan.amount),
    )
