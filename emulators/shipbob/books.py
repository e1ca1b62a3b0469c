"""What ShipBob has written down: orders and their shipments."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from emulators.common import Clock, Store
from emulators.shipbob import stages
from emulators.shipbob.stages import Record

KIND: Final = "orders"


class Books:
    """Reads and writes orders; the shipments of an order are kept inside it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self._clock = store, clock

    def now(self) -> str:
        """Real UTC now as the API prints it."""
        return datetime.fromtimestamp(self._clock.now(), UTC).isoformat()

    def order(self, order_id: int) -> Record | None:
        """The order, or None."""
        return self.store.get(KIND, str(order_id))

    def order_by_reference(self, reference: str) -> Record | None:
        """The one order with this reference_id, or None."""
        return self._first(f"reference:{reference}")

    def orders(self) -> Iterator[Record]:
        """Every order, newest first."""
        return self.store.newest(KIND)

    def orders_matching(self, match: str) -> list[Record]:
        """Orders whose reference_id or whole body contains the text, oldest first."""
        return [order for order in self.store.all(KIND) if matches(match, order["body"])]

    def save_order(self, order: Record) -> None:
        """Keep the order, found by its reference_id and by its shipments, with the statuses it has now."""
        shipments = order["shipments"]
        order["status"] = stages.order_status([stages.status_of(shipment) for shipment in shipments])
        order["updated_at"] = self.now()
        keys = [f"reference:{order['reference_id']}", *(f"shipment:{shipment['id']}" for shipment in shipments)]
        self.store.put(KIND, str(order["id"]), order, keys=keys)

    def forget_order(self, order: Record) -> None:
        """As if it had never been placed."""
        self.store.delete(KIND, str(order["id"]))

    def shipment(self, shipment_id: int) -> Record | None:
        """The shipment, or None."""
        order = self._first(f"shipment:{shipment_id}")
        return next((found for found in order["shipments"] if found["id"] == shipment_id), None) if order else None

    def shipments_matching(self, match: str) -> list[Record]:
        """The shipments of every order that matches."""
        return [shipment for order in self.orders_matching(match) for shipment in order["shipments"]]

    def save_shipment(self, shipment: Record) -> None:
        """Keep the shipment as changed now."""
        order = self.order(shipment["order_id"])
        assert order is not None, "a shipment has an order"
        shipment["updated_at"], shipment["status"] = self.now(), stages.status_of(shipment)
        others = [found for found in order["shipments"] if found["id"] != shipment["id"]]
        order["shipments"] = sorted([*others, shipment], key=lambda each: int(each["id"]))
        self.save_order(order)

    def _first(self, key: str) -> Record | None:
        found = self.store.find(KIND, key)
        return found[0] if found else None

    def write_log(self, shipment: Record, log_type_id: int, name: str, text: str) -> None:
        """Add one line to the shipment's timeline."""
        shipment["log"].append({"log_type_id": log_type_id, "name": name, "text": text, "at": self.now()})


def matches(match: str, body: Record) -> bool:
    """Whether a control's ``match`` is contained in the reference_id or anywhere in the order as sent."""
    return match in str(body.get("reference_id", "")) or match in json.dumps(body)
