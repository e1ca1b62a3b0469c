"""What the checks found, as values."""

from enum import StrEnum

from ordersaga.domain.values import Value


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Result(Value):
    """One check: what must be true, how it ended, and why."""

    name: str
    rule: str
    outcome: Outcome
    reason: str = ""


class Report(Value):
    """All of them, in order; `calls` made."""

    url: str
    results: tuple[Result, ...]
    calls: int

    @property
    def good(self) -> bool:
        """Nothing failed, and something passed."""
        outcomes = {result.outcome for result in self.results}
        return Outcome.FAILED not in outcomes and Outcome.PASSED in outcomes

    def count(self, outcome: Outcome) -> int:
        """How many ended so."""
        return sum(result.outcome is outcome for result in self.results)
