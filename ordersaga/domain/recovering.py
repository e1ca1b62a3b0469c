"""Bringing PostgreSQL and Temporal back into agreement after one of them was restored to an earlier time."""

from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime

from ordersaga.domain.identifiers import parse_return_id
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

    @property
    def order_id(self) -> str:
        """The order it is about; of a stop its own id, which no order has."""
        back = parse_return_id(self.subject)
        return back[0] if back else self.subject


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


def question_of(deed: Deed, recovery_id: str, now: datetime) -> AttentionItem:
    """What a person is asked about an order, or a return of it, that could not be recovered by itself."""
    what = "order" if deed.subject == deed.order_id else f"order's return {deed.subject}"
    return AttentionItem(
        item_id=f"{deed.subject}-{RECOVERY}-{recovery_id}",
        order_id=deed.order_id,
        parcel=0,
        kind=RECOVERY,
        question=f"After a restore this {what} could not be brought into agreement: {deed.detail}. "
        "Compare it with the companies (ordersaga reconcile --order), settle it there, and say so.",
        choices=CHOICES,
        opened_at=now,
    )
