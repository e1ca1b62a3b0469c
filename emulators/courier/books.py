"""What the courier has written down: shipments, and everything that happened to them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from emulators.common import Clock, Store

Record = dict[str, Any]
SHIPMENTS: Final = "shipments"
EVENTS: Final = "events"
PRIVATE: Final = {"label", "number", "paused", "sequence", "pickup_seconds", "line_haul_seconds", "initials", "body"}


class Books:
    """Reads and writes the objects of the API. Shipments and events are numbered without a gap."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock

    def now(self) -> str:
        """Real UTC now as the API prints it."""
        return datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="milliseconds")

    def next_number(self, kind: str) -> int:
        """For the next object of a kind."""
        return self.store.next_number(kind)

    def shipment(self, shipment_id: str) -> Record | None:
        """By the courier's id."""
        return self.store.get(SHIPMENTS, shipment_id)

    def under_key(self, key: str) -> Record | None:
        """The shipment that was made under an idempotency key."""
        return next(iter(self.store.find(SHIPMENTS, f"key:{key}")), None)

    def under_reference(self, reference: str) -> list[Record]:
        """Shipments with exactly this reference, oldest first."""
        return self.store.find(SHIPMENTS, f"reference:{reference}")

    def matching(self, match: str) -> list[Record]:
        """Shipments whose reference contains the text, oldest first."""
        return [each for each in self.store.all(SHIPMENTS) if match in each["reference"]]

    def save(self, shipment: Record) -> None:
        """Keep a shipment."""
        keys = [f"key:{shipment['idempotency_key']}", f"reference:{shipment['reference']}"]
        self.store.put(SHIPMENTS, shipment["id"], shipment, keys=keys)

    def shipments_after(self, number: int) -> Iterator[Record]:
        """Shipments beyond a number, oldest first."""
        while (found := self.store.get(SHIPMENTS, shipment_id(number := number + 1))) is not None:
            yield found

    def events_after(self, number: int) -> Iterator[Record]:
        """Events beyond a number, in the order of their recording."""
        while (found := self.store.get(EVENTS, event_id(number := number + 1))) is not None:
            yield found

    def events_of(self, shipment: Record) -> list[Record]:
        """Everything that happened to one shipment, oldest first."""
        return self.store.find(EVENTS, f"shipment:{shipment['id']}")

    def add_event(self, event: Record) -> None:
        """Keep an event."""
        self.store.put(EVENTS, event["id"], event, keys=[f"shipment:{event['shipment_id']}"])


def shipment_id(number: int) -> str:
    """The id of the shipment with a number."""
    return f"pds_{number:08}"


def event_id(number: int) -> str:
    """The id of the event with a number."""
    return f"pde_{number:08}"


def view(shipment: Record) -> Record:
    """The shipment as the API prints it."""
    return {name: value for name, value in shipment.items() if name not in PRIVATE}
