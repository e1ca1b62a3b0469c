"""An effect: one call that changes something outside. Intended, then done, refused, or unknown."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from ordersaga.domain.books import MoneyTransaction
from ordersaga.domain.identifiers import effect_key
from ordersaga.domain.values import Message


class EffectStatus(StrEnum):
    """Three-valued outcome, plus the intention before it."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class EffectIntent(Message):
    """What is about to be asked of the outside world, written before it is asked.

    `amount` in minor units of `currency` when the effect moves money. `lease` is how long the writer may be busy with
    the call: another attempt that finds the lease running waits instead of calling a second time.
    `account`: at which of several accounts it is asked (`carriers.on_record`), None for the first.
    `rekeyed` counts keys given up because the other side keeps replaying a failure it stored under them.
    """

    order_id: str
    step: str
    parcel: int
    generation: int = 1
    amount: int | None = None
    currency: str | None = None
    account: str | None = None
    lease: timedelta = timedelta(seconds=8)
    rekeyed: int = 0

    @property
    def key(self) -> str:
        key = effect_key(self.order_id, self.step, self.parcel, self.generation)
        return f"{key}.{self.rekeyed}" if self.rekeyed else key


class EffectRow(Message):
    """An effect as the ledger holds it. `fresh`: this attempt wrote the intention and may call without inquiring."""

    key: str
    order_id: str
    step: str
    parcel: int
    generation: int
    amount: int | None
    currency: str | None
    account: str | None = None
    status: EffectStatus
    external_id: str | None
    answer: dict[str, Any]
    code: str | None
    message: str | None
    attempts: int
    intended_at: AwareDatetime
    fresh: bool = False

    @property
    def intent(self) -> EffectIntent:
        """What was asked, under this very key."""
        asked = {name: getattr(self, name) for name in EffectIntent.model_fields.keys() & EffectRow.model_fields.keys()}
        number = self.key.removeprefix(effect_key(self.order_id, self.step, self.parcel, self.generation))
        return EffectIntent(**asked, rekeyed=int(number.removeprefix(".") or 0))


class EffectOutcome(Message):
    """What an effect came to, with the money it moved: written in one transaction."""

    status: EffectStatus
    external_id: str | None = None
    answer: dict[str, Any] = Field(default_factory=dict)
    code: str | None = None
    message: str | None = None
    transactions: tuple[MoneyTransaction, ...] = ()
