"""Findings of reconciliation and what became of them, and the runs that found them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from ordersaga.domain.approvals import same_person
from ordersaga.domain.reconciliation import (
    Claim,
    Finding,
    FindingFilter,
    FindingStatus,
    RepairRecord,
    RunRecord,
    StoredFinding,
)
from ordersaga.stores.pools import Connection, Pool, connection, transaction
from ordersaga.stores.storable import storable

_COLUMNS = """finding, status, first_seen, last_seen, run_id, occurrence, "by", second, reason, outcome, repaired_at"""
# A disagreement seen again keeps what was said about it, except that one whose repair was refused is open again. One
# that had been settled has come about anew: it starts afresh, as its next occurrence. A repair under way is left alone
# for as long as it can take, and so is one made since this run began: the run may have looked before it.
_SAVE = """
INSERT INTO findings AS standing (finding_id, kind, source, order_id, seller, finding, status, first_seen, last_seen,
                                  run_id)
SELECT row.*, 'open', $7, $7, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) AS row
ON CONFLICT (finding_id) DO UPDATE SET
    (finding, source, seller, last_seen, run_id)
        = (excluded.finding, excluded.source, excluded.seller, excluded.last_seen, excluded.run_id),
    (status, "by", second, reason, outcome, first_seen, occurrence, repaired_at) = (
        SELECT CASE WHEN waits THEN 'proposed' ELSE 'open' END, CASE WHEN waits THEN standing."by" END, NULL,
               CASE WHEN waits THEN standing.reason END, CASE WHEN NOT anew THEN standing.outcome END,
               CASE WHEN anew THEN excluded.first_seen ELSE standing.first_seen END, standing.occurrence + anew::int,
               NULL::timestamptz
        FROM (SELECT standing.status = 'proposed' AND standing.finding->'money' = excluded.finding->'money' AS waits,
                     standing.status IN ('repaired', 'gone') AS anew) AS seen)
WHERE (standing.status <> 'repairing' OR standing.last_seen < $7 - interval '1 hour')
  AND (standing.repaired_at IS NULL OR standing.repaired_at < $7)
"""
_BEGIN = """
INSERT INTO reconciliation_runs (run_id, since, requested_by, started_at, seller) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (run_id) DO UPDATE SET seller = coalesce(reconciliation_runs.seller, excluded.seller)
"""
_END = """
UPDATE reconciliation_runs SET ended_at = $2, looked_at = $3, found = $4, failed = $5 WHERE run_id = $1
"""
# A run says nothing of disagreements it did not look at: those of other orders, or from before its time.
_GONE = """
UPDATE findings SET status = 'gone', outcome = 'a later run did not find it any more'
WHERE status IN ('open', 'proposed', 'refused') AND run_id <> $1 AND source = ANY($2::text[])
  AND ($3::text IS NULL OR order_id = $3) AND last_seen < $4
  AND coalesce((finding->>'at')::timestamptz >= $5, true)
"""
_GET = f"SELECT {_COLUMNS} FROM findings WHERE finding_id = $1"  # noqa: S608 - only column names are put in
_LIST = f"""
SELECT {_COLUMNS} FROM findings
WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR seller = $2) AND ($3::text IS NULL OR order_id = $3)
  AND ($4::text IS NULL OR run_id = $4) AND status = ANY($5::text[])
ORDER BY first_seen, finding_id LIMIT $6
"""  # noqa: S608 - only column names are put in
_LIMIT = "SELECT (terms->>'second_person_above')::bigint FROM orders WHERE order_id = $1"
_CLAIM = """
UPDATE findings SET status = $2, "by" = $3, second = $4, reason = $5, outcome = NULL WHERE finding_id = $1
"""
# A repair that is told of twice, because an answer was lost, is one line.
_SETTLE = """
WITH settled AS (
    UPDATE findings
    SET status = $2, outcome = $3, repaired_at = CASE WHEN $2 = 'repaired' THEN $4::timestamptz END
    FROM (SELECT finding_id AS known, status AS was FROM findings WHERE finding_id = $1 FOR UPDATE) AS standing
    WHERE finding_id = known AND ($2 <> 'open' OR was = 'repairing')
    RETURNING findings.*, was)
INSERT INTO repairs (finding_id, occurrence, kind, subject, order_id, seller, "by", second, reason, status, outcome,
                     money, currency, at)
SELECT finding_id, occurrence, kind, finding->>'subject', order_id, seller, "by", second, reason, status, outcome,
       (finding->>'money')::bigint, finding->>'currency', $4
FROM settled WHERE status <> was
"""
_REPAIRS = """
SELECT finding_id, occurrence, kind, subject, order_id, seller, "by", second, reason, status, outcome, money, currency,
       at
FROM repairs WHERE finding_id = $1 ORDER BY seq
"""
_RUNS = """
SELECT * FROM reconciliation_runs WHERE ($1::text IS NULL OR run_id = $1) AND ($3::text IS NULL OR seller = $3)
ORDER BY started_at DESC, run_id DESC LIMIT $2
"""
_COUNTS = """
SELECT kind, count(*) AS findings FROM findings WHERE status IN ('open', 'proposed', 'repairing', 'refused') GROUP BY 1
"""
_UNSETTLED: tuple[FindingStatus, ...] = ("open", "proposed", "repairing", "refused")
_CLAIMABLE = ("open", "proposed", "refused")


class PostgresFindings:
    """The FindingStore port on PostgreSQL, and the lists people page through."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin_run(self, run: RunRecord, seller: str | None = None) -> None:
        """Write that a run began; again is harmless. `seller`: whose one order it looks at."""
        async with connection(self._pool, scoped=False) as work:
            await work.execute(_BEGIN, run.run_id, run.since, storable(run.requested_by), run.started_at, seller)

    async def save(self, run_id: str, findings: Sequence[Finding], now: datetime) -> None:
        """Keep what a run found; a finding that stands is seen again, one that was settled has come about anew."""
        unique = {finding.finding_id: finding for finding in findings}
        if unique:
            rows = [_row(unique[finding_id]) for finding_id in sorted(unique)]
            turned = [list(column) for column in zip(*rows, strict=True)]
            async with transaction(self._pool) as work:
                await work.execute(_SAVE, *turned, now, run_id)

    async def end_run(self, run: RunRecord, order_id: str | None = None) -> None:
        """Write what it came to. Unsettled findings of the sources it finished, not found again, are `gone`."""
        finished = [source for source in run.looked_at if source not in run.failed]
        async with transaction(self._pool) as work:
            await work.execute(_END, run.run_id, run.ended_at, run.looked_at, run.found, storable(run.failed))
            await work.execute(_GONE, run.run_id, finished, order_id, run.started_at, run.since)

    async def get(self, finding_id: str) -> StoredFinding | None:
        """One finding, or None."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_GET, finding_id)
            return _stored(row) if row else None

    async def findings(self, wanted: FindingFilter, *, limit: int = 1000) -> Sequence[StoredFinding]:
        """Findings that match, oldest first; without `statuses` those that are not settled."""
        statuses = list(wanted.statuses or _UNSETTLED)
        filters = (wanted.kind, wanted.seller, wanted.order_id, wanted.run_id)
        async with connection(self._pool) as reader:
            return [_stored(row) for row in await reader.fetch(_LIST, *filters, statuses, limit)]

    async def claim(self, finding_id: str, *, by: str, reason: str) -> Claim:
        """Ask for a repair, in the name of an identity (`domain.approvals`).

        More money than one person may move under the order's terms waits for a second person who asks for the same.
        """
        async with transaction(self._pool) as work:
            claim = await _judge(work, finding_id, by)
            if claim.finding is None or claim.result not in ("claimed", "proposed"):
                return claim
            status = "repairing" if claim.result == "claimed" else "proposed"
            first = claim.finding.by if _agreed(claim) else by
            second = by if _agreed(claim) else None
            await work.execute(_CLAIM, finding_id, status, storable(first), storable(second), storable(reason))
            known = {"status": status, "by": first, "second": second, "reason": reason, "outcome": None}
            return claim.model_copy(update={"finding": claim.finding.model_copy(update=known)})

    async def foretell(self, finding_id: str, *, by: str) -> Claim:
        """What `claim` would answer now; nothing is written."""
        async with transaction(self._pool) as work:
            return await _judge(work, finding_id, by)

    async def settle(self, finding_id: str, status: FindingStatus, outcome: str, now: datetime) -> None:
        """What became of its repair, kept forever beside it; what is settled is not opened by a repair given up."""
        async with connection(self._pool) as work:
            await work.execute(_SETTLE, finding_id, status, storable(outcome), now)

    async def repairs(self, finding_id: str) -> Sequence[RepairRecord]:
        """What became of every repair of a finding that was asked for, oldest first."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_REPAIRS, finding_id)
        return [RepairRecord.model_validate(dict(row)) for row in rows]

    async def runs(self, limit: int = 50) -> Sequence[RunRecord]:
        """The latest runs, newest first."""
        async with connection(self._pool) as reader:
            return [RunRecord.model_validate(dict(row)) for row in await reader.fetch(_RUNS, None, limit, None)]

    async def run(self, run_id: str, seller: str | None = None) -> RunRecord | None:
        """One run, or None; for a seller, one that looked at its order alone."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_RUNS, run_id, 1, seller)
            return RunRecord.model_validate(dict(row)) if row else None

    async def counts(self) -> dict[str, int]:
        """Findings that are not settled, by kind."""
        async with connection(self._pool) as reader:
            return {row["kind"]: row["findings"] for row in await reader.fetch(_COUNTS)}


async def _judge(work: Connection, finding_id: str, by: str) -> Claim:
    row = await work.fetchrow(f"{_GET} FOR UPDATE", finding_id)
    if row is None:
        return Claim(result="not_found")
    standing = _stored(row)
    if standing.status not in _CLAIMABLE:
        return Claim(result="not_open", finding=standing)
    limit = await work.fetchval(_LIMIT, standing.finding.order_id)
    waits = standing.finding.money > (limit or 0) and not _agrees(standing, by)
    return Claim(result="proposed" if waits and standing.finding.money else "claimed", finding=standing)


def _agrees(standing: StoredFinding, by: str) -> bool:
    """Whether this is the second person for what another proposed."""
    return standing.status == "proposed" and not same_person(standing.by or "", by)


def _agreed(claim: Claim) -> bool:
    return claim.result == "claimed" and claim.finding is not None and claim.finding.status == "proposed"


def _row(finding: Finding) -> tuple[Any, ...]:
    head = (finding.finding_id, finding.kind.value, finding.source, finding.order_id, finding.seller)
    return (*head, storable(finding.model_dump(mode="json")))


def _stored(row: asyncpg.Record) -> StoredFinding:
    return StoredFinding.model_validate(dict(row))
