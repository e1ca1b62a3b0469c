"""When an order's personal data may be erased: once nobody needs it any more to ship, to take back or to refund.

An erasure destroys the order's key. What was written before there was a key, or while encryption was off, no key has
ever hidden: that is named with the answer, and until when it stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime

from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.domain.values import Message

ROWS: Final = "its rows in PostgreSQL, in the clear"
HISTORIES: Final = "its histories in Temporal, in the clear"
ARCHIVE: Final = "its histories in the archive, in the clear: ordersaga archive drop"
_UNTOLD: Final = f"{HISTORIES}, if it still has any: it did not answer"
_CLEAR: Final = "it was accepted, or went on, while this deployment did not encrypt"


class Verdict(StrEnum):
    """What becomes of an order's personal data when its erasure is asked for."""

    ERASABLE = "erasable"
    PARTLY_ERASABLE = "partly_erasable"
    ERASED = "erased"
    PARTLY_ERASED = "partly_erased"
    ERASED_BEFORE = "erased_before"
    WAITS = "waits"
    NOT_ENCRYPTED = "not_encrypted"


class Remains(Message):
    """What an erasure leaves readable; `until` None: until somebody deletes it."""

    where: str
    until: AwareDatetime | None = None


@dataclass(frozen=True)
class Histories:
    """An order's histories in Temporal: whether any is there, and until when the last stays.

    `clear`: one begins with what everybody may read. `told` False: Temporal did not answer. `archived`: what has ended
    is kept in a folder as well.
    """

    there: bool
    until: datetime | None = None
    clear: bool = False
    told: bool = True
    archived: bool = False


UNTOLD: Final = Histories(there=True, told=False)


@dataclass(frozen=True)
class ErasureFacts:
    """What is looked at. `encrypted`: it has a key; the numbers count what is still open.

    `clear_rows`: it was accepted in the clear; `clear_histories`: so was at least a part of its histories.
    """

    status: OrderStatus
    encrypted: bool
    erased_at: datetime | None = None
    returns: int = 0
    questions: int = 0
    effects: int = 0
    clear_rows: bool = False
    clear_histories: bool = False


@dataclass(frozen=True)
class Ruling:
    """The verdict, and why in one sentence; `erased_at` when it was done; `remains`: what is readable all the same."""

    verdict: Verdict
    why: str
    erased_at: datetime | None = None
    remains: tuple[Remains, ...] = ()

    @property
    def asks_temporal(self) -> bool:
        """Whether what Temporal has of it matters."""
        return self.may_be_erased or self.verdict is Verdict.NOT_ENCRYPTED

    @property
    def may_be_erased(self) -> bool:
        """Whether its key may be destroyed now."""
        return self.verdict in (Verdict.ERASABLE, Verdict.PARTLY_ERASABLE)


def ruling(facts: ErasureFacts, histories: Histories = UNTOLD) -> Ruling:
    """Whether the data can be erased now, and if not, when; and what no erasure reaches."""
    if facts.erased_at is not None:
        return Ruling(Verdict.ERASED_BEFORE, "it was erased before", facts.erased_at)
    if reasons := list(_open(facts)):
        return Ruling(Verdict.WAITS, f"it can be erased once {' and '.join(reasons)}")
    remains = remains_of(facts, histories)
    if not facts.encrypted:
        return Ruling(Verdict.NOT_ENCRYPTED, f"nothing can be erased: it has no key, as {_CLEAR}", remains=remains)
    if remains:
        return Ruling(Verdict.PARTLY_ERASABLE, f"only what its key hides can be erased: {_CLEAR}", remains=remains)
    return Ruling(Verdict.ERASABLE, "it has ended, and nothing about it is open")


def erased(judged: Ruling, at: datetime) -> Ruling:
    """What was ruled, once its key is destroyed."""
    if judged.remains:
        why = f"its key is destroyed, and what that hid is gone; the rest is readable: {_CLEAR}"
        return Ruling(Verdict.PARTLY_ERASED, why, at, judged.remains)
    return Ruling(Verdict.ERASED, "its key is destroyed", at)


def erased_before(judged: Ruling, remained: Iterable[Remains], now: datetime) -> Ruling:
    """What was ruled of an order that was erased, with what remained then and has not ended since."""
    left = tuple(each for each in remained if each.until is None or each.until > now)
    return replace(judged, remains=left)


def remains_of(facts: ErasureFacts, histories: Histories) -> tuple[Remains, ...]:
    """What no erasure of the order reaches."""
    rows = (Remains(where=ROWS),) if facts.clear_rows else ()
    if not (facts.clear_histories or histories.clear):
        return rows
    kept = (Remains(where=ARCHIVE),) if histories.archived else ()
    if not histories.there:
        return (*rows, *kept)
    return (*rows, Remains(where=HISTORIES if histories.told else _UNTOLD, until=histories.until), *kept)


def _open(facts: ErasureFacts) -> list[str]:
    """What has to end first."""
    checks = (
        (facts.status not in FINAL_STATUSES, f"the order has ended (it is {facts.status.value})"),
        (facts.returns > 0, "its return has ended"),
        (facts.questions > 0, "its open question is answered"),
        (facts.effects > 0, "the outcome of its calls to companies is known"),
    )
    return [words for holds, words in checks if holds]
