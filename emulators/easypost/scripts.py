"""What carriers have been told to do with certain shipments, before or after they are bought."""

from typing import Final

from emulators.common import Store
from emulators.easypost.books import Record

KIND: Final = "_script"
NOTHING: Final[Record] = {"match": "", "stop_at": None, "end": "delivered", "refund": "refunded"}


class Scripts:
    """Scripts by the reference they match; the newest that matches rules a shipment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, script: Record) -> Record:
        """Keep a script."""
        number = self._store.next_number("script")
        self._store.put(KIND, str(number), {**script, "id": number})
        return script

    def for_shipment(self, shipment: Record | None) -> Record:
        """The script that rules a shipment, or one that asks for nothing."""
        reference = (shipment or {}).get("reference") or ""
        for script in self._store.newest(KIND):
            if script["match"] in reference:
                return script
        return NOTHING

    def release(self, match: str) -> None:
        """Drop the stops of the scripts registered for exactly this text."""
        for script in self._store.all(KIND):
            if script["match"] == match:
                self._store.put(KIND, str(script["id"]), {**script, "stop_at": None})
