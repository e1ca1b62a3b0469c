"""Findings of reconciliation and what became of them, and the runs that found them."""

from collections.abc import Sequence
from datetime import datetime

from ordersaga.domain.reconciliation import (
    Claim,
    Finding,
    FindingFilter,
    FindingStatus,
    RunRecord,
    StoredFinding,
)
from ordersaga.stores.pools import Pool


class PostgresFindings:
    """The FindingStore port on PostgreSQL, and the lists people page through."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin_run(self, run: RunRecord) -> None:
        """Write that a run began; again is harmless."""
        raise NotImplementedError

    async def save(self, run_id: str, findings: Sequence[Finding], now: datetime) -> None:
        """Keep what a run found."""
        raise NotImplementedError

    async def end_run(self, run: RunRecord, order_id: str | None = None) -> None:
        """Write what a run came to."""
        raise NotImplementedError

    async def get(self, finding_id: str) -> StoredFinding | None:
        """One finding."""
        raise NotImplementedError

    async def open_findings(self, wanted: FindingFilter, *, limit: int = 1000) -> Sequence[StoredFinding]:
        """Findings that match, oldest first."""
        raise NotImplementedError

    async def claim(self, finding_id: str, *, by: str, reason: str, now: datetime) -> Claim:
        """Ask for a repair."""
        raise NotImplementedError

    async def foretell(self, finding_id: str, *, by: str) -> Claim:
        """What `claim` would answer; nothing is written."""
        raise NotImplementedError

    async def settle(self, finding_id: str, status: FindingStatus, outcome: str, now: datetime) -> None:
        """What became of its repair."""
        raise NotImplementedError

    async def runs(self, limit: int = 50) -> Sequence[RunRecord]:
        """The latest runs, newest first."""
        raise NotImplementedError

    async def run(self, run_id: str) -> RunRecord | None:
        """One run."""
        raise NotImplementedError

    async def counts(self) -> dict[str, int]:
        """Open findings by kind."""
        raise NotImplementedError
