"""What UPS has written down: shipments, each with its one package and what was scanned of it."""

from datetime import UTC, datetime
from typing import Any, Final

from emulators.common import Clock, Store

Record = dict[str, Any]
SHIPMENTS: Final = "shipments"


class Books:
    """Reads and writes shipments."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock

    def now(self) -> datetime:
        """Real UTC now."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def shipment(self, number: str) -> Record | None:
        """By its 1Z number."""
        return self.store.get(SHIPMENTS, number)

    def with_reference(self, value: str) -> list[Record]:
        """Shipments with this very reference number, oldest first: references are not unique."""
        return self.store.find(SHIPMENTS, f"reference:{value}")

    def matching(self, match: str) -> list[Record]:
        """Shipments one of whose reference numbers contains the text, oldest first."""
        return [each for each in self.store.all(SHIPMENTS) if any(match in value for value in each["references"])]

    def save(self, shipment: Record) -> None:
        """Keep the shipment as it is now."""
        keys = [f"reference:{value}" for value in shipment["references"]]
        self.store.put(SHIPMENTS, shipment["id"], shipment, keys=keys)
