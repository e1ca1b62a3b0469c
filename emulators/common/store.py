"""Everything one emulated company knows, in a SQLite file that survives `kill -9`."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
    UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS object_keys (
    kind TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (kind, key, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_keys_seq ON object_keys (seq);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Store:
    """Objects by kind and id with lookup keys, named values, sequences and nestable transactions."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.executescript(_SCHEMA)
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or none of it. Must not be held over an `await`. An inner block joins the outer."""
        if self._depth == 0:
            self.db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._leave("ROLLBACK")
            raise
        self._leave("COMMIT")

    def _leave(self, statement: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.db.execute(statement)

    def put(self, kind: str, id_: str, data: Record, keys: Iterable[str] | None = None) -> None:
        """Insert or replace an object; `keys`, when given, replace its lookup keys."""
        with self.transaction():
            row = self.db.execute(
                "INSERT INTO objects (kind, id, data) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data RETURNING seq",
                (kind, id_, json.dumps(data)),
            ).fetchone()
            if keys is not None:
                self._index(kind, row["seq"], set(keys))

    def _index(self, kind: str, seq: int, keys: set[str]) -> None:
        self.db.execute("DELETE FROM object_keys WHERE seq = ?", (seq,))
        self.db.executemany("INSERT INTO object_keys VALUES (?, ?, ?)", [(kind, key, seq) for key in sorted(keys)])

    def get(self, kind: str, id_: str) -> Record | None:
        """The object, or None."""
        row = self.db.execute("SELECT data FROM objects WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
        return None if row is None else json.loads(row["data"])

    def delete(self, kind: str, id_: str | None = None) -> None:
        """Remove one object, or every object of a kind."""
        chosen = "kind = :kind AND (:id IS NULL OR id = :id)"
        with self.transaction():
            values = {"kind": kind, "id": id_}
            seqs = f"SELECT seq FROM objects WHERE {chosen}"  # noqa: S608 - a constant
            self.db.execute(f"DELETE FROM object_keys WHERE seq IN ({seqs})", values)  # noqa: S608 - a constant
            self.db.execute(f"DELETE FROM objects WHERE {chosen}", values)  # noqa: S608 - a constant

    def find(self, kind: str, key: str) -> list[Record]:
        """The objects carrying a lookup key, oldest first."""
        rows = self.db.execute(
            "SELECT data FROM object_keys JOIN objects USING (seq) WHERE object_keys.kind = ? AND key = ? ORDER BY seq",
            (kind, key),
        )
        return [json.loads(row["data"]) for row in rows]

    def all(self, kind: str) -> list[Record]:
        """Every object of a kind, oldest first."""
        rows = self.db.execute("SELECT data FROM objects WHERE kind = ? ORDER BY seq", (kind,))
        return [json.loads(row["data"]) for row in rows]

    def newest(self, kind: str, *, after: str | None = None) -> Iterator[Record]:
        """Objects of a kind, newest first, beginning after the object with id `after`; read lazily."""
        last = "(SELECT seq FROM objects WHERE kind = :kind AND id = :after)" if after else "9223372036854775807"
        query = f"SELECT data FROM objects WHERE kind = :kind AND seq < {last} ORDER BY seq DESC"  # noqa: S608
        for row in self.db.execute(query, {"kind": kind, "after": after}):
            yield json.loads(row["data"])

    def records(self, match: str | None = None, only: str | None = None) -> dict[str, list[Record]]:
        """Every object whose kind does not begin with an underscore, by kind, for audits."""
        found: dict[str, list[Record]] = {}
        rows = self.db.execute(
            "SELECT kind, data FROM objects WHERE substr(kind, 1, 1) <> '_' AND kind = ifnull(?, kind) ORDER BY seq",
            (only,),
        )
        for row in rows:
            if match is None or match in row["data"]:
                found.setdefault(row["kind"], []).append(json.loads(row["data"]))
        return found

    def value(self, name: str) -> Any:
        """A named value, or None."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row["value"])

    def set_value(self, name: str, value: Any) -> None:
        """Set a named value."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def next_number(self, name: str, start: int = 1) -> int:
        """The next number of a named sequence; never given twice."""
        with self.transaction():
            number = self.value(f"sequence:{name}") or start
            self.set_value(f"sequence:{name}", number + 1)
        return int(number)

    def clear(self) -> None:
        """Forget everything, in every table of the file."""
        with self.transaction():
            names = self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for row in names:
                self.db.execute(f"DELETE FROM {row['name']}")  # noqa: S608 - names come from the schema itself

    def close(self) -> None:
        """Close the file."""
        self.db.close()
