"""Virtual time: simulated life runs `scale` times faster than real time."""

import time

from emulators.common.store import Store

_NAME = "clock"


class Clock:
    """Maps real seconds to virtual ones; the mapping is kept in the store, so downtime counts too."""

    def __init__(self, store: Store, scale: float) -> None:
        self._store = store
        saved = store.value(_NAME)
        self._real: float
        self._virtual: float
        self.scale: float
        self._real, self._virtual, self.scale = saved or (time.time(), 0.0, scale)
        self.set_scale(scale)

    @staticmethod
    def now() -> float:
        """Real UTC now, in seconds since the epoch: what every reported timestamp is made of."""
        return time.time()

    def virtual(self) -> float:
        """Virtual seconds since this company was founded."""
        return self._virtual + (self.now() - self._real) * self.scale

    def real_delay(self, virtual_seconds: float) -> float:
        """How long a virtual duration takes in real seconds."""
        return virtual_seconds / self.scale

    def set_scale(self, scale: float) -> None:
        """Change the pace from now on; moments already scheduled move with it."""
        self._virtual, self._real, self.scale = self.virtual(), self.now(), scale
        self._store.set_value(_NAME, (self._real, self._virtual, self.scale))
