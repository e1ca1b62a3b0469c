"""What is to become of certain orders, told before or after they are placed."""

import json
from typing import Final

from emulators.common import Store
from emulators.tiktok_shop.books import Record

KIND: Final = "_script"
NOTHING: Final[Record] = {"match": "", "stop_at": None, "cancel": None}


class Scripts:
    """Scripts by the text they match; the newest that matches an order rules it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, script: Record) -> Record:
        """Keep a script."""
        full = {**NOTHING, **script}
        self._store.put(KIND, str(self._store.next_number("script")), full)
        return full

    def for_order(self, order: Record) -> Record:
        """The script that rules an order, or one that asks for nothing."""
        text = json.dumps(order)
        return next((script for script in self._store.newest(KIND) if script["match"] in text), NOTHING)

    def release_for(self, order: Record) -> None:
        """The script that rules an order stops nothing any more."""
        self.add({**self.for_order(order), "match": order["id"], "stop_at": None})
