"""What breakers need of the world, and what a call says to its own."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from ordersaga.domain.breakers import Breaker


class CallPassage(Protocol):
    """One call that passed a gate."""

    def answered(self, status: int) -> None:
        """An HTTP answer that raises nothing inside the gate: a 5xx counts as none."""
        ...

    def failed(self, why: str) -> None:
        """Nobody answered."""
        ...


class BreakerStore(Protocol):
    """The breakers of lanes, for every process alike."""

    async def breakers(self) -> Sequence[Breaker]:
        """Every breaker that ever opened or was set."""
        ...

    async def count(self, lane: str, process: UUID, calls: int, failed: int, reason: str) -> bool:
        """What one process counted in its last minute; True when that opened the breaker."""
        ...

    async def take_probe(self, lane: str) -> UUID | None:
        """The right to make the one call that passes now."""
        ...

    async def end_probe(self, lane: str, probe: UUID, failure: str | None) -> None:
        """What it came to: None for an answer."""
        ...

    async def drop_probe(self, lane: str, probe: UUID) -> None:
        """It said nothing."""
        ...
