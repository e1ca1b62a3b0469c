"""What is sampled, in which unit, and how much an hour each may grow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class Limit:
    """What a series may grow in an hour: the larger of `much` (its unit) and `share` of its mean. None: only told."""

    much: float | None = None
    share: float = 0.0

    def of(self, mean: float) -> float | None:
        """In the unit of the series."""
        return None if self.much is None else max(self.much, self.share * mean)


@dataclass(frozen=True)
class Series:
    """A measured thing. `limit`: what it may grow by."""

    title: str
    unit: str
    limit: Limit


OURS: Final = ("api", "worker", "postgres")
"""Parts whose growth fails the run; Temporal's development server and the emulated companies keep all they heard."""
_MEMORY: Final = Limit(12.0, 0.05)
_HANDLES: Final = Limit(5.0, 0.02)

OF_PARTS: Final[Mapping[str, Series]] = {
    "memory": Series("memory", "MB", _MEMORY),
    "handles": Series("open handles", "", _HANDLES),
}
OF_THE_WHOLE: Final[Mapping[str, Series]] = {
    "open_orders": Series("orders under way", "", Limit(30.0, 0.1)),
    "unheard": Series("messages not delivered", "", Limit(30.0, 0.1)),
    "connections": Series("connections to PostgreSQL", "", Limit(2.0, 0.05)),
    "dead": Series("dead tuples, of all", "%", Limit(5.0)),
    "stored_per_order": Series("stored for an order", "KB", Limit(0.5, 0.1)),
    "rows_per_order": Series("rows for an order", "", Limit(0.5, 0.02)),
    "wal_records_per_order": Series("records in the write-ahead log for an order", "", Limit(20.0, 0.05)),
    "wal_per_order": Series("write-ahead log for an order", "KB", Limit()),
    "wal_kept": Series("write-ahead log kept", "MB", Limit()),
    "history_events_p99": Series("events of a history, 99 of 100", "", Limit(2.0)),
    "history_events_most": Series("events of a history, most", "", Limit(6.0)),
    "history_kb_p99": Series("size of a history, 99 of 100", "KB", Limit(1.0, 0.05)),
    "history_kb_most": Series("size of a history, most", "KB", Limit(4.0, 0.1)),
    "temporal_per_order": Series("Temporal's database for an order", "KB", Limit()),
    "shared_memory": Series("buffers that PostgreSQL's processes share", "MB", Limit()),
    "answer_ms": Series("answer to a checkout, median", "ms", Limit(10.0, 0.25)),
}


def series_of(name: str) -> Series:
    """By its name; those of parts are called `memory api`."""
    kind, _, part = name.partition(" ")
    if not part:
        return OF_THE_WHOLE[kind]
    of_part = OF_PARTS[kind]
    limit = of_part.limit if part.partition("-")[0] in OURS else Limit()
    return Series(f"{of_part.title} of {part}", of_part.unit, limit)
