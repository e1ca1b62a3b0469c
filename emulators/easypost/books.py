"""What EasyPost has written down: shipments, trackers and refunds."""

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from emulators.common import Clock, Store

Record = dict[str, Any]
SHIPMENTS: Final = "shipments"
TRACKERS: Final = "trackers"
REFUNDS: Final = "refunds"


class Books:
    """Reads and writes the objects of the API."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock

    def now(self) -> str:
        """Real UTC now as the API prints it."""
        return datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def new(self, prefix: str, name: str) -> Record:
        """The fields every object has; the prefix of the id tells an SDK the class."""
        identity, now = f"{prefix}_{secrets.token_hex(16)}", self.now()
        return {"id": identity, "object": name, "mode": "test", "created_at": now, "updated_at": now}

    def shipment(self, id_or_reference: str) -> Record | None:
        """By id, or the latest one with this reference: references are not unique."""
        by_id = self.store.get(SHIPMENTS, id_or_reference)
        if by_id is not None:
            return by_id
        found = self.store.find(SHIPMENTS, f"reference:{id_or_reference}")
        return found[-1] if found else None

    def shipments_matching(self, match: str) -> list[Record]:
        """Shipments whose reference contains the text, oldest first."""
        return [each for each in self.store.all(SHIPMENTS) if match in (each["reference"] or "")]

    def save_shipment(self, shipment: Record) -> None:
        """Keep the shipment as changed now."""
        shipment["updated_at"] = self.now()
        keys = [f"reference:{shipment['reference']}"] if shipment["reference"] else []
        self.store.put(SHIPMENTS, shipment["id"], shipment, keys=keys)

    def tracker(self, tracker_id: str) -> Record | None:
        """The tracker, or None."""
        return self.store.get(TRACKERS, tracker_id)

    def trackers_of(self, tracking_code: str) -> list[Record]:
        """Trackers of a tracking code, oldest first."""
        return self.store.find(TRACKERS, f"code:{tracking_code}")

    def save_tracker(self, tracker: Record) -> None:
        """Keep the tracker as changed now."""
        tracker["updated_at"] = self.now()
        self.store.put(TRACKERS, tracker["id"], tracker, keys=[f"code:{tracker['tracking_code']}"])

    def refund_of(self, shipment: Record) -> Record | None:
        """The latest refund asked for a shipment, or None."""
        found = self.store.find(REFUNDS, f"shipment:{shipment['id']}")
        return found[-1] if found else None

    def save_refund(self, refund: Record) -> None:
        """Keep the refund as changed now."""
        refund["updated_at"] = self.now()
        self.store.put(REFUNDS, refund["id"], refund, keys=[f"shipment:{refund['shipment_id']}"])
