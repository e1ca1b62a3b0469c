"""What the demo came to: how each order ended and how it should have, and what the audit found."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ordersaga.demo.audit import Difference
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus

_ALSO: Final = {"payment_abandoned": "pay_link_expired"}
"""Nobody paid: the company's link may end before the order's own time does."""


@dataclass(frozen=True)
class End:
    """How one order ended. `surprises`: answers on the way other than its scenario says."""

    order_id: str
    scenario: str
    kind: str
    expected: str
    actual: str
    expected_reason: str | None = None
    reason: str | None = None
    surprises: tuple[str, ...] = ()

    @property
    def as_expected(self) -> bool:
        """Whether everything went as the orders file says."""
        return not self.complaints()

    def complaints(self) -> list[str]:
        """What did not, one line each."""
        found = [f"{self.order_id} ({self.scenario}): {surprise}" for surprise in self.surprises]
        if self.actual != self.expected:
            why = f" because {self.reason}" if self.reason else ""
            found.append(f"{self.order_id} ({self.scenario}): ended {self.actual}{why}, not {self.expected}")
        elif self.expected_reason and self.reason not in (self.expected_reason, _ALSO.get(self.expected_reason)):
            text = f"ended {self.actual} because {self.reason}, not {self.expected_reason}"
            found.append(f"{self.order_id} ({self.scenario}): {text}")
        return found


@dataclass(frozen=True)
class Result:
    """The whole demo.

    `disturbed`: parts were killed or restarted on the way. A scenario may then meet a real time limit (the payment
    window) it would not have met; it is told, and only the books and the final statuses decide.
    """

    ends: Sequence[End]
    differences: Sequence[Difference]
    seconds: float
    failures: Sequence[str] = ()
    disturbed: bool = False

    @property
    def unexpected(self) -> list[str]:
        """Every end, answer or strike that was not as it should be."""
        return [*self.failures, *(line for end in self.ends for line in end.complaints())]

    @property
    def open_orders(self) -> list[str]:
        """Orders without a final status."""
        return [end.order_id for end in self.ends if end.actual not in {status.value for status in FINAL_STATUSES}]

    @property
    def good(self) -> bool:
        """Whether the demo may exit with 0."""
        surprised = self.failures if self.disturbed else self.unexpected
        return not (surprised or self.differences or self.open_orders)

    def by_kind(self) -> dict[str, list[End]]:
        """Ends under their kinds, in the order kinds first appear."""
        kinds: dict[str, list[End]] = {}
        for end in self.ends:
            kinds.setdefault(end.kind, []).append(end)
        return kinds

    def summary(self) -> list[str]:
        """The last lines: orders by outcome, the books, whether all are final, the time taken."""
        counts = Counter(end.actual for end in self.ends)
        told = ", ".join(f"{counts[status.value]} {status.value}" for status in OrderStatus if counts[status.value])
        wrong = len(self.unexpected)
        left = self.open_orders
        return [
            f"orders by outcome: {told or 'none'} ({len(self.ends)} in all)",
            f"outcomes: {wrong} unexpected" if wrong else "outcomes: all as expected",
            f"books: {len(self.differences)} differences",
            f"{len(left)} orders not final: {', '.join(left)}" if left else "every order final",
            f"time taken: {self.seconds:.1f} s",
        ]
