"""What the marketplace has written down: its orders, what their shoppers paid, got back, and were sent."""

from collections.abc import Iterator
from typing import Any, Final

from emulators.common import Store

Record = dict[str, Any]
ORDERS: Final = "orders"
OVER: Final = frozenset({"completed", "canceled"})
_SELLER: Final = "seller"


class Books:
    """Reads and writes orders, and who their seller is to us."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def place(self, wanted: Record) -> Record:
        """An order, paid; asked for again under its id, the same one."""
        standing = self.order(wanted["id"])
        if standing is not None:
            return standing
        goods = sum(line["quantity"] * line["unit_price"] for line in wanted["lines"])
        order = {
            **wanted,
            "status": "paid",
            "total": goods + wanted["shipping"] + wanted["tax"],
            "refunded": 0,
            "reason": None,
            "shipments": [],
            "cancellation": None,
        }
        self.save(order)
        return order

    def order(self, order_id: str) -> Record | None:
        """By its id."""
        return self.store.get(ORDERS, order_id)

    def save(self, order: Record) -> None:
        """Keep an order."""
        self.store.put(ORDERS, order["id"], order)

    def matching(self, match: str) -> list[Record]:
        """Orders whose id contains the text, oldest first."""
        return [each for each in self.store.all(ORDERS) if match in each["id"]]

    def under_way(self) -> Iterator[str]:
        """Ids of the orders that are not over."""
        return (each["id"] for each in self.store.all(ORDERS) if each["status"] not in OVER)

    @property
    def seller(self) -> Record | None:
        """Where the seller's API is, and our key there."""
        found: Record | None = self.store.value(_SELLER)
        return found

    def meet(self, seller: Record) -> None:
        """From now on orders go there."""
        self.store.set_value(_SELLER, seller)
