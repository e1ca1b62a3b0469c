"""What may go wrong at a boundary, and how the companies are told.

| at a call that changes something | |
|---|---|
| `refused_before` | the company refuses, in its own words, and does nothing |
| `error_after` | it is done, the answer is a 500 |
| `lost_answer` | it is done, the connection breaks |
| `timeout` | it is done, no answer comes |
| `slow` | it is done late, but within our patience |
| `duplicate` | the request is delivered twice |
| `killed_before`, `killed_after` | the worker dies of SIGKILL while the company has not begun, or is done |
| `cancel_in_flight` | somebody cancels while the call is under way |

A call that only reads meets `read_error`, `lost_answer`, `timeout` and `slow`. An await meets `cancel`, `task_fails`
and `worker_dies`. A shape's messages come `twice`, `reordered` or never (`dropped`).
"""

from collections.abc import Mapping
from typing import Any, Final

COMPANIES: Final = ("stripe", "shipbob", "easypost")

SLOW: Final[dict[str, Any]] = {"kind": "latency", "latency_ms": 900}
_REFUSALS: Final[dict[str, dict[str, Any]]] = {
    "stripe": {"kind": "refuse", "code": "card_declined"},
    "shipbob": {"kind": "refuse", "code": "not_possible_now"},
    "easypost": {"kind": "refuse", "code": "SHIPMENT.INVALID_PARAMS"},
}
_TOLD: Final[dict[str, dict[str, Any]]] = {
    "error_after": {"kind": "spoil_answer", "status": 500},
    "read_error": {"kind": "status", "status": 500},
    "lost_answer": {"kind": "lose_answer"},
    "timeout": {"kind": "hang"},
    "slow": SLOW,
    "duplicate": {"kind": "duplicate"},
    "killed_before": {"kind": "hold_before"},
    "killed_after": {"kind": "hang"},
    "cancel_in_flight": SLOW,
}

AT_CHANGES: Final = (
    "refused_before",
    "error_after",
    "lost_answer",
    "timeout",
    "slow",
    "duplicate",
    "killed_before",
    "killed_after",
)
IN_FLIGHT: Final = "cancel_in_flight"
AT_READS: Final = ("read_error", "lost_answer", "timeout", "slow")
AT_AWAITS: Final = ("cancel", "task_fails", "worker_dies")
OF_MESSAGES: Final[dict[str, dict[str, Any]]] = {
    "twice": {"duplicate": 1},
    "reordered": {"reorder": True},
    "dropped": {"drop": True},
}
KILLS: Final = frozenset({"killed_before", "killed_after", "worker_dies"})
"""Faults that end the worker, and with it everything on its stack: such a case has a stack for itself."""


def told(company: str, fault: str) -> Mapping[str, Any]:
    """What the company's control API is told."""
    return _REFUSALS[company] if fault == "refused_before" else _TOLD[fault]
