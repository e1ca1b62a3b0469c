"""How long Newegg takes to decide, in virtual seconds. A setting, like the time scale: it outlives a reset."""

from typing import Final

from emulators.common import Store

FEED_SECONDS: Final = 180.0
CANCEL_SECONDS: Final = 300.0
_NAME: Final = "pace"


class Pace:
    """The two waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        kept = store.value(_NAME) or (FEED_SECONDS, CANCEL_SECONDS)
        self.feed_seconds, self.cancel_seconds = float(kept[0]), float(kept[1])

    def change(self, feed_seconds: float | None = None, cancel_seconds: float | None = None) -> None:
        """Decide faster or slower from now on."""
        self.feed_seconds = self.feed_seconds if feed_seconds is None else feed_seconds
        self.cancel_seconds = self.cancel_seconds if cancel_seconds is None else cancel_seconds
        self._store.set_value(_NAME, (self.feed_seconds, self.cancel_seconds))
