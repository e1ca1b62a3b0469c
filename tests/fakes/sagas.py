"""The Sagas port in memory: which sagas run, and where they believe their parcels are."""

from collections.abc import Mapping
from typing import Literal

from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import ParcelStatus
from tests.fakes.script import Scripted


class FakeSagas(Scripted):
    """No saga runs unless told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[str, dict[int, ParcelStatus]] = {}
        self.ended: set[str] = set()

    async def standing(self, order_id: str) -> Literal["running", "ended", "never"]:
        """Whether its saga runs, has ended, or is not known."""
        with self._call("standing", order_id):
            if order_id in self.running:
                return "running"
            return "ended" if order_id in self.ended else "never"

    async def parcels(self, order_id: str) -> Mapping[int, ParcelStatus]:
        """Where the running saga believes the parcels are."""
        with self._call("parcels", order_id):
            return self.running.get(order_id, {})

    async def start(self, order: Order) -> bool:
        """Start it, once."""
        with self._call("start", order.order_id):
            new = order.order_id not in self.running and order.order_id not in self.ended
            if new:
                self.running[order.order_id] = {}
            return new
