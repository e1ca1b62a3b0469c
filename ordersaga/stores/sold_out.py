"""SKUs of which nothing is left, kept in memory so that a surge on one is refused without asking the database.

A SKU is marked by a batch of orders that saw its shelves empty, and open again as soon as units of it are announced
(`stock_available`). A batch that began before the announcement may have seen what was before it: it marks nothing.
"""

from collections.abc import Iterable
from typing import Final

from ordersaga.stores.heard import Ear, Heard

CHANNEL: Final = "stock_available"
MOST: Final = 50_000


class EmptyShelves:
    """Which SKUs have no unit left. Without `heard`, or while it is deaf, none is known to."""

    def __init__(self, heard: Heard | None = None) -> None:
        self._heard = heard
        self._empty: set[str] = set()
        self._returned: dict[str, int] = {}
        self._now = 0
        self._deaf_until = 0
        if heard:
            heard.add(Ear(CHANNEL, self._units_of, self._forget))

    def among(self, skus: Iterable[str]) -> tuple[str, ...]:
        """Those of `skus` of which nothing is left."""
        if not self._empty or not self._listening():
            return ()
        return tuple(sku for sku in skus if sku in self._empty)

    def look(self) -> int:
        """To be called before shelves are read, and given to `mark` with what was seen on them."""
        return self._now if self._listening() else -1

    def mark(self, look: int, skus: Iterable[str]) -> None:
        """Nothing is left of `skus`, as a reading after `look` saw; not of those whose units returned meanwhile."""
        if look < self._deaf_until or not self._listening():
            return
        if len(self._empty) >= MOST:
            self._empty.clear()
        self._empty.update(sku for sku in skus if self._returned.get(sku, 0) <= look)

    def _units_of(self, sku: str) -> None:
        self._now += 1
        self._empty.discard(sku)
        if len(self._returned) >= MOST:
            self._forget()
        self._returned[sku] = self._now

    def _forget(self) -> None:
        """Some units may have returned unheard: whatever was read until now marks nothing."""
        self._now += 1
        self._deaf_until = self._now
        self._empty.clear()
        self._returned.clear()

    def _listening(self) -> bool:
        return self._heard is not None and self._heard.alive
