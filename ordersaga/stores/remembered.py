"""What was read from the database and is kept in memory until somebody changes it: API keys, a seller's terms, SKUs.

A value that was being read while a change was announced may be the old one: it is answered, and not kept.
"""

import time
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from ordersaga.stores.heard import Ear, Heard

LIFE: Final = 5.0
"""Seconds; a change whose announcement is missed in spite of everything is seen then."""
MOST: Final = 50_000

Name = TypeVar("Name", bound=Hashable)
Kept = TypeVar("Kept")


class Remembered(Generic[Name, Kept]):
    """Values by name, all forgotten at every message on `channel`. Without `heard`, or while it is deaf, keeps none."""

    def __init__(self, heard: Heard | None, channel: str, *, life: float = LIFE) -> None:
        self._heard = heard
        self._life = life
        self._kept: dict[Name, tuple[Kept, float]] = {}
        self._changes = 0
        if heard:
            heard.add(Ear(channel, lambda _: self.forget(), self.forget))

    def get(self, name: Name) -> Kept | None:
        """The value, if it is known and still true."""
        found = self._kept.get(name)
        if found is None or not self._listening() or found[1] < time.monotonic():
            return None
        return found[0]

    def look(self) -> int:
        """To be called before a value is read from the database, and given to `keep` with it."""
        return self._changes if self._listening() else -1

    def keep(self, look: int, name: Name, value: Kept) -> None:
        """Remember what was read since `look`, unless something was changed meanwhile."""
        if look != self._changes:
            return
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[name] = (value, time.monotonic() + self._life)

    def forget(self) -> None:
        """Remember nothing of what was read until now, nor of what is being read."""
        self._changes += 1
        self._kept.clear()

    def _listening(self) -> bool:
        return self._heard is not None and self._heard.alive
