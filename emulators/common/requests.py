"""The log of vendor requests, for audits: what was really asked and what was answered."""

from datetime import UTC, datetime
from typing import Any

from emulators.common.calls import Call
from emulators.common.store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, idempotency_key TEXT, status INTEGER, fault TEXT, body TEXT NOT NULL);
"""
_ABOUT = "ALTER TABLE requests ADD COLUMN about TEXT NOT NULL DEFAULT ''"
_COLUMNS = "at, method, path, query, idempotency_key, status, fault, substr(body, 1, 500) AS body_excerpt"


class RequestLog:
    """Appends one line per vendor request; `status` is null when the connection was closed unanswered."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        self._db.executescript(_SCHEMA)
        if not any(column["name"] == "about" for column in self._db.execute("PRAGMA table_info(requests)")):
            self._db.execute(_ABOUT)

    def add(self, call: Call, status: int | None, fault: str | None, about: str = "") -> None:
        """Note a request after it was handled; `about`: whose object it names, where its own text does not say."""
        now, body = datetime.now(UTC).isoformat(), call.body.decode("utf-8", "replace")
        self._db.execute(
            "INSERT INTO requests (at, method, path, query, idempotency_key, status, fault, body, about) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (now, call.method, call.path, call.query, call.idempotency_key, status, fault, body, about),
        )

    def find(self, match: str | None, path: str | None) -> list[dict[str, Any]]:
        """Requests with `match` in their path, query, key, body or owner and `path` in their path, oldest first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM requests WHERE instr(path, ?) > 0 "  # noqa: S608 - a constant
            "AND instr(path || '?' || query || char(10) || ifnull(idempotency_key, '') || char(10) || body "
            "|| char(10) || about, ?) > 0 "
            "ORDER BY id",
            (path or "", match or ""),
        )
        return [dict(row) for row in rows]
