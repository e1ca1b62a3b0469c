"""When an order's personal data may be erased: once nobody needs it any more to ship, to take back or to refund."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus


class Verdict(StrEnum):
    """What becomes of an order's personal data when its erasure is asked for."""

    ERASABLE = "erasable"
    ERASED = "erased"
    ERASED_BEFORE = "erased_before"
    WAITS = "waits"
    NOT_ENCRYPTED = "not_encrypted"


@dataclass(frozen=True)
class ErasureFacts:
    """What is looked at. `encrypted`: it was accepted when there were keys; the numbers count what is still open."""

    status: OrderStatus
    encrypted: bool
    erased_at: datetime | None = None
    returns: int = 0
    questions: int = 0
    effects: int = 0


@dataclass(frozen=True)
class Ruling:
    """The verdict, and why in one sentence; `erased_at` when it was done."""

    verdict: Verdict
    why: str
    erased_at: datetime | None = None


def ruling(facts: ErasureFacts) -> Ruling:
    """Whether the data can be erased now, and if not, when."""
    if facts.erased_at is not None:
        return Ruling(Verdict.ERASED_BEFORE, "it was erased before", facts.erased_at)
    if reasons := list(_open(facts)):
        return Ruling(Verdict.WAITS, f"it can be erased once {' and '.join(reasons)}")
    if not facts.encrypted:
        why = "it was accepted before this deployment encrypted: delete its rows by hand (docs/privacy.md)"
        return Ruling(Verdict.NOT_ENCRYPTED, why)
    return Ruling(Verdict.ERASABLE, "it has ended, and nothing about it is open")


def _open(facts: ErasureFacts) -> list[str]:
    """What has to end first."""
    checks = (
        (facts.status not in FINAL_STATUSES, f"the order has ended (it is {facts.status.value})"),
        (facts.returns > 0, "its return has ended"),
        (facts.questions > 0, "its open question is answered"),
        (facts.effects > 0, "the outcome of its calls to companies is known"),
    )
    return [words for holds, words in checks if holds]
