"""Bringing PostgreSQL and Temporal back into agreement after one of them was restored to an earlier time."""

from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime

from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.values import Message

RECOVERY: Final = "recovery"
"""The question about an order that a recovery could not bring into agreement by itself."""
CHOICES: Final = ("settled",)

What = Literal["written_again", "started_again", "told_again", "erased_again", "ended", "asked"]


class Deed(Message):
    """What was done for one order, or would be: `subject` is its id, or that of a return or a stop."""

    subject: str
    what: What
    detail: str


class Recovery(Message):
    """One recovery. `remembered`: what PostgreSQL knew of when it began; `compared`: sagas whose history was read.

    `dry_run`: nothing was done, the deeds are what would be.
    """

    recovery_id: str
    dry_run: bool
    remembered: AwareDatetime
    compared: int = 0
    deeds: tuple[Deed, ...] = ()

    @property
    def agrees(self) -> bool:
        """Nobody is left to be asked; of a dry run: there is nothing to do."""
        return not (self.deeds if self.dry_run else [deed for deed in self.deeds if deed.what == "asked"])


def question_of(order_id: str, recovery_id: str, why: str, now: datetime) -> AttentionItem:
    """What a person is asked about an order that could not be recovered by itself."""
    return AttentionItem(
        item_id=f"{order_id}-{RECOVERY}-{recovery_id}",
        order_id=order_id,
        parcel=0,
        kind=RECOVERY,
        question=f"After a restore this order could not be brought into agreement: {why}. "
        "Compare it with the companies (ordersaga reconcile --order), settle it there, and say so.",
        choices=CHOICES,
        opened_at=now,
    )
