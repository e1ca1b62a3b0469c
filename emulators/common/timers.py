"""Future moments kept in the store: after a restart they are still due."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

from emulators.common.clock import Clock
from emulators.common.store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS timers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, basis TEXT NOT NULL, due REAL NOT NULL,
    kind TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS timers_due ON timers (basis, due);
CREATE INDEX IF NOT EXISTS timers_key ON timers (key);
"""
_LONGEST_SLEEP = 3600.0
_RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)

Fire = Callable[[str, dict[str, Any]], None]


class Timers:
    """Schedules moments and fires each once, in one transaction with its removal."""

    def __init__(self, store: Store, clock: Clock, fire: Fire) -> None:
        self._store, self._clock, self._fire = store, clock, fire
        self._changed = asyncio.Event()
        store.db.executescript(_SCHEMA)

    def after(self, virtual_seconds: float, kind: str, data: dict[str, Any], *, key: str = "") -> None:
        """Fire after a virtual duration."""
        self._add("virtual", self._clock.virtual() + virtual_seconds, kind, data, key)

    def at(self, real_time: float, kind: str, data: dict[str, Any], *, key: str = "") -> None:
        """Fire at a real moment (epoch seconds), whatever the time scale."""
        self._add("real", real_time, kind, data, key)

    def _add(self, basis: str, due: float, kind: str, data: dict[str, Any], key: str) -> None:
        self._store.db.execute(
            "INSERT INTO timers (basis, due, kind, key, data) VALUES (?, ?, ?, ?, ?)",
            (basis, due, kind, key, json.dumps(data)),
        )
        self._changed.set()

    def cancel(self, key: str) -> None:
        """Forget every moment scheduled under a key."""
        self._store.db.execute("DELETE FROM timers WHERE key = ?", (key,))

    def poke(self) -> None:
        """Look again: the clock's pace or the table has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Fire what is due, forever."""
        while True:
            self._changed.clear()
            pause = self.fire_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    def fire_due(self) -> float:
        """Fire everything due now; answer the real seconds until the next moment."""
        while (delay := self._next_delay()) <= 0:
            try:
                self._fire_next()
            except Exception:
                _log.exception("a timer failed and will be tried again")
                return _RETRY_SECONDS
        return min(delay, _LONGEST_SLEEP)

    def _next_delay(self) -> float:
        row = self._next()
        return _LONGEST_SLEEP if row is None else row[1]

    def _next(self) -> tuple[int, float] | None:
        """Id and real delay of the earliest moment."""
        virtual, real = self._clock.virtual(), self._clock.now()
        found: list[tuple[float, int]] = []
        for basis, now, pace in (("virtual", virtual, self._clock.scale), ("real", real, 1.0)):
            query = "SELECT id, due FROM timers WHERE basis = ? ORDER BY due, id LIMIT 1"
            row = self._store.db.execute(query, (basis,)).fetchone()
            if row is not None:
                found.append(((row["due"] - now) / pace, row["id"]))
        return (min(found)[1], min(found)[0]) if found else None

    def _fire_next(self) -> None:
        following = self._next()
        if following is None:
            return
        with self._store.transaction():
            row = self._store.db.execute(
                "DELETE FROM timers WHERE id = ? RETURNING kind, data", (following[0],)
            ).fetchone()
            self._fire(row["kind"], json.loads(row["data"]))
