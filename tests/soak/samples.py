"""Samples of a running stack: processes, both databases, histories."""

import contextlib
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil

from tests.soak.series import MEGABYTE
from tests.soak.trend import Point
from tests.surge.shop import Shop

HISTORIES: Final = 200
"""So many of those that ended last are looked at."""
_DATABASE: Final = """
SELECT (SELECT count(*) FROM orders) AS orders,
       (SELECT count(*) FROM orders WHERE status <> ALL($1::text[])) AS open_orders,
       (SELECT count(*) FROM webhook_inbox WHERE status IN ('pending', 'failed')) AS unheard,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
       pg_database_size(current_database()) AS stored,
       pg_current_wal_lsn() - '0/0'::pg_lsn AS wal,
       (SELECT wal_records FROM pg_stat_wal) AS wal_records,
       (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()) AS wal_kept,
       (SELECT sum(n_live_tup) FROM pg_stat_user_tables) AS live,
       (SELECT sum(n_dead_tup) FROM pg_stat_user_tables) AS dead
"""
_TABLES: Final = """
SELECT relname, n_live_tup AS live, n_dead_tup AS dead, pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables ORDER BY 4 DESC LIMIT 8
"""


@dataclass(frozen=True)
class TableSize:
    """One table when the run ended."""

    name: str
    live: int
    dead: int
    bytes: int


@dataclass
class Samples:
    """Every series so far, by name. `answers`: milliseconds of the checkouts answered since the last sample."""

    shop: Shop
    final: Sequence[str]
    answers: list[float] = field(default_factory=list)
    series: dict[str, list[Point]] = field(default_factory=lambda: defaultdict(list))
    tables: list[TableSize] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _first: Mapping[str, float] | None = None
    _before: Mapping[str, float] | None = None

    async def take(self) -> None:
        """One sample of everything."""
        at = time.monotonic() - self._began
        for name, value in {**self._processes(), **await self._database(), **await self._histories()}.items():
            self.series[name].append((at, value))
        if self.answers:
            self.series["answer_ms"].append((at, statistics.median(self.answers)))
            self.answers.clear()

    def forget(self) -> None:
        """Begin anew: what came before was warming up."""
        self.series.clear()
        self.answers.clear()
        self._first = self._before = None

    async def look_at_tables(self) -> None:
        """The largest tables, once."""
        self.tables = [
            TableSize(row["relname"], row["live"], row["dead"], row["bytes"]) for row in await self.shop.fetch(_TABLES)
        ]

    def _processes(self) -> dict[str, float]:
        found: Counter[str] = Counter()
        for part, process in _parts(self.shop.stack.pids):
            with contextlib.suppress(psutil.Error, OSError):
                own, shared = _memory(process)
                found[f"memory {part}"] += own / MEGABYTE  # type: ignore[assignment]
                found["shared_memory"] += shared / MEGABYTE if part == "postgres" else 0  # type: ignore[assignment]
                found[f"handles {part}"] += process.num_fds()
        return dict(found)

    async def _database(self) -> dict[str, float]:
        [row] = await self.shop.fetch(_DATABASE, list(self.final))
        now = {name: float(row[name]) for name in row.keys()}  # noqa: SIM118 - a record is no mapping
        now["temporal"] = float(sum(file.stat().st_size for file in self.shop.options.data.glob("temporal.db*")))
        first, before = self._first or now, self._before or now
        self._first, self._before = first, now
        told = {name: now[name] for name in ("open_orders", "unheard", "connections")}
        told["wal_kept"] = now["wal_kept"] / MEGABYTE
        told["dead"] = 100 * now["dead"] / max(1.0, now["live"] + now["dead"])
        return told | _per_order(first, before, now)

    async def _histories(self) -> dict[str, float]:
        """Of orders that ended in the last two minutes."""
        since = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
        query = f"WorkflowType = 'OrderFulfillment' AND CloseTime > '{since}'"
        found = [one async for one in self.shop.temporal.list_workflows(query, limit=HISTORIES)]
        if not found:
            return {}
        events = sorted(float(one.raw_info.history_length) for one in found)
        sizes = sorted(one.raw_info.history_size_bytes / 1000 for one in found)
        return {
            "history_events_p99": _p99(events),
            "history_events_most": events[-1],
            "history_kb_p99": _p99(sizes),
            "history_kb_most": sizes[-1],
        }


def _per_order(first: Mapping[str, float], before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """What is kept for good grows with the orders, and no faster: since the first sample, and since the one before."""
    orders, lately = now["orders"] - first["orders"], now["orders"] - before["orders"]
    if not orders or not lately:
        return {}
    return {
        "stored_per_order": (now["stored"] - first["stored"]) / orders / 1000,
        "rows_per_order": (now["live"] - first["live"]) / orders,
        "temporal_per_order": (now["temporal"] - first["temporal"]) / orders / 1000,
        "wal_per_order": (now["wal"] - before["wal"]) / lately / 1000,
        "wal_records_per_order": (now["wal_records"] - before["wal_records"]) / lately,
    }


def _parts(pids: Mapping[str, int | None]) -> Iterator[tuple[str, psutil.Process]]:
    """Every process of every part."""
    for part, pid in pids.items():
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(pid) if pid else None
            if leader is not None:
                yield part, leader
                yield from ((part, child) for child in leader.children(recursive=True))


def _memory(process: psutil.Process) -> tuple[float, float]:
    """Its own bytes, and its share of memory that processes share on purpose (where the machine tells).

    Pages of programs and libraries count once for all processes that map them.
    """
    with contextlib.suppress(FileNotFoundError):
        told = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        kilobytes = {words[0]: float(words[1]) for line in told[1:] if (words := line.split())}
        return (kilobytes["Pss_Anon:"] + kilobytes["Pss_File:"]) * 1024, kilobytes["Pss_Shmem:"] * 1024
    return float(process.memory_info().rss), 0.0


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
