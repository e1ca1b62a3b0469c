"""What a company has been told to do with certain orders or parcels, before or after they come."""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, Generic, TypeVar

from emulators.common.store import Record, Store

KIND: Final = "_script"
Ruled = TypeVar("Ruled")
"""What a company's scripts rule: an order, a shipment, a reference."""


class Scripts(ABC, Generic[Ruled]):
    """Scripts by the text they match; the newest that matches rules. `nothing`: the one that asks for nothing."""

    nothing: ClassVar[Record]

    def __init__(self, store: Store) -> None:
        self._store = store

    @abstractmethod
    def matches(self, match: str, ruled: Ruled) -> bool:
        """Whether a script for this text rules it."""

    def freed(self, script: Record) -> Record:
        """The fields of a script that its release changes, as they are then."""
        return {"stop_at": None}

    def add(self, script: Record) -> Record:
        """Keep a script; answers it with every field."""
        full = {**self.nothing, **script}
        number = self._store.next_number("script")
        self._store.put(KIND, str(number), {**full, "id": number})
        return full

    def of(self, ruled: Ruled) -> Record:
        """The script that rules, or the one that asks for nothing."""
        return next((each for each in self._store.newest(KIND) if self.matches(each["match"], ruled)), self.nothing)

    def release(self, match: str) -> None:
        """Drop what the scripts registered for exactly this text hold up."""
        for script in self._store.all(KIND):
            if script["match"] == match:
                self._store.put(KIND, str(script["id"]), {**script, **self.freed(script)})
