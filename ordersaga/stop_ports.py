"""What a stop needs of our own side: its record, the orders it goes through, and their sagas.

As in `ports`: every method may raise RetryError when it got no final answer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ordersaga.domain.journal import AttentionItem, OrderRecord, UnreadOrder
from ordersaga.domain.stop_decisions import Decision, SeenOrder
from ordersaga.domain.stops import Answer, StopRecord, StopResult, StopRule, Told


class StopStore(Protocol):
    """Stops, and what became of each order."""

    async def get(self, stop_id: str) -> StopRecord | None:
        """A stop as it stands."""
        ...

    async def page(
        self, rule: StopRule, after: tuple[datetime, str], limit: int
    ) -> Sequence[OrderRecord | UnreadOrder]:
        """Open orders that may match and were not treated, oldest first, behind (acceptance, order id)."""
        ...

    async def record(self, stop_id: str, result: StopResult) -> int:
        """Write what became of an order; returns how often it was tried."""
        ...

    async def held(self, stop_id: str, after: str, limit: int) -> Sequence[str]:
        """Orders it holds, or may hold, by id, behind `after`."""
        ...

    async def settle(self, stop_id: str, order_id: str, answer: Answer, detail: str) -> None:
        """Write what became of an order in the end."""
        ...

    async def ask(self, item: AttentionItem) -> None:
        """Ask a person about an order that could not be treated."""
        ...

    async def looked(self, stop_id: str, looks: int) -> None:
        """All orders were gone through; `looks`: how often before."""
        ...

    async def lifted(self, stop_id: str) -> bool:
        """Whether its door is open again."""
        ...

    async def lift(self, stop_id: str, *, by: str, reason: str) -> bool:
        """Open the door; False: it was lifted before."""
        ...

    async def end(self, stop_id: str) -> None:
        """Nothing of it goes on."""
        ...


class StandingStops(Protocol):
    """The stops that are not lifted."""

    async def standing(self) -> Sequence[StopRule]:
        """Their rules, those that take effect later among them."""
        ...


class Queue(Protocol):
    """Orders that wait in line."""

    async def cancel(self, order_id: str, *, by: str, reason: str) -> bool:
        """End a waiting order; False when it does not wait any more."""
        ...


class StopSagas(Protocol):
    """The sagas of orders. A message to one that was not started starts it, and comes before everything else."""

    async def look(self, record: OrderRecord) -> SeenOrder | None:
        """The order as its saga sees it; None: the saga has ended."""
        ...

    async def hold(self, record: OrderRecord, kind: str, by: str, reason: str) -> Told:
        """Place a typed hold: `held`, or `too_late` when the hand-off has begun."""
        ...

    async def release(self, order_id: str, kind: str, by: str, reason: str) -> Told:
        """Release it: `released`, also when it was not in force any more."""
        ...

    async def cancel(self, record: OrderRecord, wanted: Decision, request_id: str, by: str, reason: str) -> Told:
        """Ask to cancel what is wanted, and hear the saga's answer; `pending` when it takes long."""
        ...
