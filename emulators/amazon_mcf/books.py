"""What Amazon has written down: orders with their shipments."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from emulators.amazon_mcf.stages import Record
from emulators.common import Clock, Store

KIND: Final = "orders"


class Books:
    """Reads and writes orders; the shipments of an order are kept inside it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self._clock = store, clock

    def now(self) -> str:
        """Real UTC now as the API prints it."""
        return datetime.fromtimestamp(self._clock.now(), UTC).isoformat().replace("+00:00", "Z")

    def order(self, order_id: str) -> Record | None:
        """The order, or None."""
        return self.store.get(KIND, order_id)

    def orders(self) -> Iterator[Record]:
        """Every order, oldest first."""
        return iter(self.store.all(KIND))

    def orders_matching(self, match: str) -> list[Record]:
        """Orders whose id or whole body contains the text, oldest first."""
        return [order for order in self.orders() if matches(match, order)]

    def by_package(self, number: int) -> tuple[Record, Record] | None:
        """The order and the shipment of a package, or None."""
        found = self.store.find(KIND, f"package:{number}")
        shipments = found[0]["shipments"] if found else []
        return next(((found[0], each) for each in shipments if each["package_number"] == number), None)

    def save(self, order: Record) -> None:
        """Keep the order as changed now; its shipments follow it."""
        order["updated_at"] = self.now()
        for shipment in order["shipments"]:
            shipment["stage"] = order["stage"]
        keys = [f"package:{shipment['package_number']}" for shipment in order["shipments"]]
        self.store.put(KIND, order["id"], order, keys=keys)

    def forget(self, order: Record) -> None:
        """As if it had never been placed."""
        self.store.delete(KIND, order["id"])


def matches(match: str, order: Record) -> bool:
    """Whether a control's ``match`` is contained in the order's id or anywhere in the order as sent."""
    return match in order["id"] or match in json.dumps(order["body"])
