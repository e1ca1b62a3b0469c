"""What a check is: a function that returns, or raises FailedError or SkippedError; its docstring is the rule."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ordersaga.courier_check.report import Outcome, Result
from ordersaga.courier_check.site import FailedError, Site, SkippedError

Run = Callable[[Site], Awaitable[None]]


@dataclass(frozen=True)
class Check:
    """One named check."""

    run: Run
    name: str
    rule: str

    @classmethod
    def of(cls, run: Run) -> "Check":
        """Named like its function."""
        return cls(run, run.__name__, (inspect.getdoc(run) or "").splitlines()[0])

    async def on(self, site: Site) -> Result:
        """What it finds at a courier."""
        try:
            await self.run(site)
        except FailedError as failed:
            return self.ended(Outcome.FAILED, str(failed))
        except SkippedError as skipped:
            return self.ended(Outcome.SKIPPED, str(skipped))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # An answer without what the API promises; what it breaks is told by `published_api`.
            return self.ended(Outcome.FAILED, f"an answer cannot be read: {type(error).__name__} {error}")
        return self.ended(Outcome.PASSED)

    def ended(self, outcome: Outcome, reason: str = "") -> Result:
        """The result."""
        return Result(name=self.name, rule=self.rule, outcome=outcome, reason=reason)


def checks(*runs: Run) -> tuple[Check, ...]:
    """Functions as checks."""
    return tuple(Check.of(run) for run in runs)
