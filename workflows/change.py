"""One thing asked of one parcel: what it is, whether the parcel must be back for it, and what became of it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersaga.domain.orders import LineQuantity
from workflows.messages import ChangeOutcome

if TYPE_CHECKING:
    from workflows.order_state import ParcelState


class ChangeRefusedError(Exception):
    """The change cannot be made; says why, and what can be done instead."""


@dataclass
class Change:
    """A change of a parcel. `takes_back`: only while the parcel is with us, so it is taken back first.

    `by_provider`: it has happened there and is only entered here. `removes`: the units it takes out; `moves`: those
    that leave in a parcel of their own; `planned`: the parcel's plan is without them already. `worth`: what they cost.
    `parcel`: whose change it is, 0 where one answer is about one parcel only. `of_part`: asks the same of a parcel that
    is split off before it was made. `may_be_sent`: what it takes out may leave from elsewhere instead; `recalled`:
    units of that which somebody canceled. `begun`: it is being made.
    `voided` and `refunded`: what the shopper gets back by it. `superseded`: the whole parcel is canceled instead.
    `made_parcel`: the parcel that came of it. Amounts in minor units.
    """

    change_id: str
    what: str
    make: Callable[[], Awaitable[None]]
    takes_back: bool = True
    by_provider: bool = False
    removes: tuple[LineQuantity, ...] = ()
    moves: tuple[LineQuantity, ...] = ()
    planned: bool = False
    worth: int = 0
    outcome: ChangeOutcome = "pending"
    message: str = ""
    voided: int = 0
    refunded: int = 0
    superseded: bool = False
    made_parcel: int = 0
    parcel: int = 0
    of_part: "Callable[[ParcelState], None] | None" = None
    may_be_sent: bool = False
    recalled: Counter[str] = field(default_factory=Counter)
    begun: bool = False

    @property
    def undecided(self) -> bool:
        return self.outcome == "pending"

    @property
    def to_come(self) -> bool:
        """It is wanted, and the parcel's plan is still as it was."""
        return self.undecided and not self.planned

    @property
    def under_way(self) -> Counter[str]:
        """Units that it may yet send from elsewhere, and that nobody cancels."""
        going = self.undecided and self.may_be_sent and not self.made_parcel
        return counted(self.removes) - self.recalled if going else Counter()

    def done(self) -> None:
        """It was made."""
        self.outcome, self.message = "done", self.what

    def refuse(self, why: str) -> None:
        """It was not made."""
        self.outcome, self.message = "refused", why


def counted(lines: Iterable[LineQuantity]) -> Counter[str]:
    """Units by SKU."""
    found = Counter[str]()
    for line in lines:
        found[line.sku] += line.quantity
    return found
