"""How many sagas may be on their way to an outcome at once: as many as get there in time."""

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.domain.journal import AttentionItem

FEWEST: Final = 1
"""So many may always be on their way: nobody learns from nothing that things are better again."""
GROWTH: Final = 4.0
"""How much the window grows while as many as it holds get there in time."""
FIRST: Final = 8
"""It begins with this part of the most it may be: a surge is there before anything is learned."""
CUT: Final = 0.7
NO_FASTER: Final = 0.9
"""A cut after which sagas take at least this much of what they took before has helped nobody."""
PATIENCE: Final = 1.5
"""How much longer than now sagas may take once that is known."""
_NEWEST: Final = 0.25
_COUNTED: Final = 32
JUDGED: Final = 8
"""So many outcomes after a cut tell what came of it."""
_SHARES: Final = 4
FEWEST_KEPT: Final = 4
"""Room that sellers without a queue have together at the least, however small the window is."""
FEW: Final = 2
"""So many orders of a seller that wait are a queue of its own, which later ones join; one may be overtaken."""


START_REFUSED: Final = "start_refused"
"""The question about an order whose saga cannot be started, whatever the number of tries."""
NEVER_STARTED: Final = "never_started"
"""The question about an order that had no saga for so long that its units were given back."""
PASSED_OVER: Final = "passed_over"
"""The question about an order that waits in line for its units and cannot be read when its turn comes."""
START_QUESTIONS: Final = (START_REFUSED, NEVER_STARTED, PASSED_OVER)


@dataclass(frozen=True)
class Backlog:
    """Accepted orders on their way to an outcome, at one moment.

    `waiting`: for a starter; `under_way`: being started, or started and without an outcome so far; `oldest`: how long
    the one that got its units first has been without a saga, zero if there is none; `sellers`: of whom `FEW` or more
    are waiting.
    """

    waiting: int = 0
    under_way: int = 0
    oldest: timedelta = timedelta(0)
    sellers: frozenset[str] = frozenset()


class Window:
    """How many sagas may be under way: a little more while they are in time, much fewer once they are late.

    Times are seconds of any one clock.
    """

    def __init__(self, most: int, target: timedelta) -> None:
        """`most`: never more than this many; `target`: in time is who has an outcome within this."""
        self._most = most
        self._fewest = min(FEWEST, most)
        self._target = target.total_seconds()
        self._size = max(self._fewest, most / FIRST)
        self._forget(-math.inf)
        self._took_before: float | None = None
        self._patience = self._target

    @property
    def size(self) -> int:
        """How many may be under way."""
        return int(self._size)

    @property
    def share(self) -> int:
        """A part of them that makes a difference."""
        return self.size // _SHARES

    @property
    def reserve(self) -> int:
        """How many more than those are kept for all sellers without a queue together."""
        return max(FEWEST_KEPT, self.share)

    def room(self, under_way: int) -> int:
        """How many a starter may start now."""
        return max(0, self.size - under_way)

    def is_used(self, under_way: int) -> bool:
        """Whether so many say anything about a larger window."""
        return 2 * under_way >= self.size

    def is_late(self, took: float) -> bool:
        """Whether an outcome after so many seconds is not in time."""
        return took > self._patience

    def saw(self, begun: float, ended: float, *, used: bool) -> None:
        """A saga got to its outcome, or `ended` is now and it has none. Who began before a cut is not counted."""
        if begun < self._cut_at:
            return
        took = ended - begun
        self._took += (took - self._took) * _NEWEST
        self._seen.append(took)
        self._judge_last_cut()
        if self._took > self._patience and self._took_before is None:
            before = self._mean()
            self.cut(ended)
            self._took_before = before
        elif used and not self.is_late(took):
            self._size = min(self._most, self._size + GROWTH / self._size)
        if self._took < self._target / 2:
            self._patience = self._target

    def cut(self, now: float) -> None:
        """Sagas cannot be started: fewer are tried."""
        self._size = max(self._fewest, self._size * CUT)
        self._forget(now)

    def _judge_last_cut(self) -> None:
        """A cut that made nobody faster: sagas do not wait for each other but for somebody else, and time is given."""
        if self._took_before is None or len(self._seen) < JUDGED:
            return
        if self._mean() >= NO_FASTER * self._took_before:
            self._patience = PATIENCE * self._mean()
        self._took_before = None

    def _mean(self) -> float:
        return sum(self._seen) / len(self._seen)

    def _forget(self, now: float) -> None:
        self._cut_at = now
        self._took = self._target / 2
        self._seen: deque[float] = deque(maxlen=_COUNTED)


def start_question(order_id: str, kind: str, text: str) -> AttentionItem:
    """What a person is asked about an order without a saga; it is withdrawn once the saga is started."""
    return AttentionItem(
        item_id=f"{order_id}-{kind}",
        order_id=order_id,
        parcel=0,
        kind=kind,
        question=text,
        choices=("acknowledge",),
        opened_at=datetime.now(UTC),
    )
