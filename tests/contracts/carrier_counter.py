"""What the Carrier contract needs of a carrier, of whichever kind; one module for each builds its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ordersaga.domain.shipping import LabelState
from ordersaga.ports import Carrier


@dataclass(frozen=True)
class Counter:
    """A carrier, and the hands that lose its answers and scan its parcels.

    `sells`: a carrier whose labels can be asked for. `forgets`: fields of a label that it tells once, when it is
    bought, or only until the first scan. `turns_around`: its labels can be intercepted.
    """

    carrier: Carrier
    lose_answer: Callable[[str], Awaitable[object]]
    scan: Callable[[str], Awaitable[object]]
    sells: str = "fedex"
    forgets: frozenset[str] = frozenset()
    turns_around: bool = False

    def lasting(self, label: LabelState | None) -> LabelState | None:
        """The label without what its carrier forgets."""
        return label and label.model_copy(update=dict.fromkeys(self.forgets))
