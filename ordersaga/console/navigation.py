"""The pages, as the bar names them: who sees which, and the key that leads there after `g`."""

from dataclasses import dataclass
from typing import Final

_ALL: Final = frozenset({"viewer", "support", "operator", "admin"})
OVERSEERS: Final = frozenset({"viewer", "operator", "admin"})
"""Who sees what an operator works with."""


@dataclass(frozen=True)
class Entry:
    """One page. `key`: the letter after `g`."""

    name: str
    path: str
    key: str
    roles: frozenset[str] = _ALL


ENTRIES: Final = (
    Entry("Find", "/console/", "f"),
    Entry("Attention", "/console/attention", "a"),
    Entry("Surge", "/console/surge", "u", OVERSEERS),
    Entry("Network", "/console/network", "n", OVERSEERS),
    Entry("Stops", "/console/stops", "s", OVERSEERS),
    Entry("Reconciliation", "/console/reconciliation", "r"),
    Entry("Audit", "/console/audit", "d", OVERSEERS),
    Entry("Sellers", "/console/sellers", "e", OVERSEERS),
    Entry("Sessions", "/console/sessions", "i", frozenset({"admin"})),
)


def entries_for(role: str) -> tuple[Entry, ...]:
    """The pages that a role may read."""
    return tuple(entry for entry in ENTRIES if role in entry.roles)


def current(path: str) -> str:
    """The page that a path belongs to, by its entry's path; an order belongs to Find."""
    inside = [entry.path for entry in ENTRIES if path.startswith(entry.path)]
    return max(inside, key=len, default="")
