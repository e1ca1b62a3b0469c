"""What a run came to, judged from evidence: pure, so that a test can show it wrong things."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ordersaga.demo.audit import Difference
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from tests.chaos.load import REFUSALS, Shopper
from tests.chaos.progress import Recovery

_SENT: Final = FINAL_STATUSES - {OrderStatus.REJECTED, OrderStatus.CANCELED}
_BREAKS: Final[Mapping[str, Collection[OrderStatus]]] = {
    **dict.fromkeys(REFUSALS, _SENT),
    "confirmed": {OrderStatus.REJECTED},
}
"""Ends that make a lie of an answer."""
_SPOKEN: Final = frozenset({*REFUSALS, "confirmed", "pending", "action_required", "canceled"})


@dataclass(frozen=True)
class Verdict:
    """A whole run. `statuses`: final status of every order known; `unfinished`: parts of the run that did not end."""

    seed: int
    minutes: float
    shoppers: Sequence[Shopper]
    statuses: Mapping[str, OrderStatus]
    differences: Sequence[Difference]
    recoveries: Sequence[Recovery]
    asked: Counter[str]
    chosen: Counter[str]
    missed: Sequence[str] = ()
    unfinished: Sequence[str] = ()
    restarts: Mapping[str, int] | None = None
    quiet_after: float = 0.0

    @property
    def good(self) -> bool:
        """Orders met faults; no difference, no lost order, every fault carried out, everything at rest."""
        return not (self.hollow or self.differences or self.unfinished or self.missed or self.never_recovered)

    @property
    def hollow(self) -> list[str]:
        """Why the run shows nothing, if so."""
        told = {"no order was placed": self.shoppers, "no fault was injected": self.recoveries}
        return [what for what, there in told.items() if not there]

    @property
    def never_recovered(self) -> list[Recovery]:
        """Faults after which nothing ever advanced."""
        return [each for each in self.recoveries if each.seconds is None]

    @property
    def longest(self) -> Recovery | None:
        """The fault after which it took longest until anything advanced."""
        return max(self.recoveries, key=lambda each: each.seconds or 0.0, default=None)

    @property
    def longest_confirmed(self) -> Recovery | None:
        """The fault after which it took longest until a new order was confirmed."""
        known = [each for each in self.recoveries if each.confirmed is not None]
        return max(known, key=lambda each: each.confirmed or 0.0, default=None)

    @property
    def ends(self) -> Counter[str]:
        """Orders by status."""
        return Counter(status.value for status in self.statuses.values())

    @property
    def command(self) -> str:
        """How to do the same again."""
        return f"make chaos SEED={self.seed} MINUTES={self.minutes:g}"


def counted_on(shoppers: Iterable[Shopper], known: Mapping[str, OrderStatus]) -> list[str]:
    """Orders the audit must find: those answered "accepted", and all others that our books know."""
    return [each.order_id for each in shoppers if each.accepted or each.order_id in known]


def answers_kept(shoppers: Iterable[Shopper], known: Mapping[str, OrderStatus]) -> Iterator[Difference]:
    """I6: what the shopper was told is what became of the order."""
    for each in shoppers:
        status = known.get(each.order_id)
        if each.answer is not None and each.answer not in _SPOKEN:
            yield Difference(each.order_id, "I6", "answer", each.answer, "an outcome")
        elif status is not None and status in _BREAKS.get(each.answer or "", ()):
            yield Difference(each.order_id, "I6", "answer", each.answer, status.value)


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The report as a document."""
    faults = [each.strike.fault for each in verdict.recoveries]
    return {
        "command": verdict.command,
        "good": verdict.good,
        "orders": {
            "placed": len(verdict.shoppers),
            "answers": dict(Counter(each.answer or "no answer" for each in verdict.shoppers)),
            "tries": sum(each.tries for each in verdict.shoppers),
            "by_status": dict(verdict.ends),
        },
        "faults": {
            "injected": len(faults),
            "by_kind": dict(Counter(fault.kind for fault in faults)),
            "by_target": dict(Counter(fault.target for fault in faults)),
            "missed": list(verdict.missed),
        },
        "restarts": dict(verdict.restarts or {}),
        "questions": {"asked": dict(verdict.asked), "answers": dict(verdict.chosen)},
        "quiet_after_seconds": verdict.quiet_after,
        "unfinished": [*verdict.hollow, *verdict.unfinished],
        "differences": [str(difference) for difference in verdict.differences],
        "recovery": [
            {**each.strike.fault.as_json(), "advanced": each.advanced, "confirmed": each.confirmed}
            for each in verdict.recoveries
        ],
    }
