"""What a saga missed: its order's record in PostgreSQL goes further than its history in Temporal, or it has none.

Pure: decides what can be told again, and what only a person can settle.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from ordersaga.bootstrap import Answered, MadeEffect
from ordersaga.domain.journal import AttentionItem, OrderRecord, TimelineEntry
from ordersaga.domain.returns import ReturnRecord, ReturnStatus
from ordersaga.domain.statuses import OrderStatus
from workflows.messages import CancelRequest, HoldRequest, Resolution

BY: Final = "ordersaga recover"
KEPT: Final = "recovery"
"""The hold under which a saga that is started again waits until it was told everything."""
NEVER: Final = datetime.fromtimestamp(0, UTC)

_HOLD: Final = re.compile(r"^(.+?) (placed|released) hold ([a-z][a-z0-9_]{0,40}): (.*)$", re.DOTALL)
_PART: Final = re.compile(r" asks to cancel \d+ ")
_WISHES: Final = {"change_requested": "a change was asked for", "goodwill_requested": "goodwill was asked for"}
_PAID_FOR: Final = ("authenticate", "capture", "hand_off")
_STEPS: Final = {
    "update_address": "its address was changed at a provider",
    "refund_part": "part of its price was refunded",
    "intercept": "its parcel was to be turned around",
}


@dataclass(frozen=True)
class Known:
    """What PostgreSQL knows of an order beyond its saga. `story`: the lines since; `untold`: messages since."""

    record: OrderRecord
    since: datetime
    story: Sequence[TimelineEntry]
    effects: Sequence[MadeEffect]
    answered: Sequence[Answered]
    untold: int

    @property
    def order_id(self) -> str:
        """The order."""
        return self.record.order.order_id

    @property
    def handed(self) -> frozenset[int]:
        """Parcels that a provider has, or had."""
        return frozenset(made.parcel for made in self.effects if made.step == "hand_off" and made.status == "done")

    @property
    def paid(self) -> bool:
        """The shopper has done what the bank asked for."""
        return any(
            made.step in ("authenticate", "hand_off", "capture") and made.status == "done" for made in self.effects
        )

    @property
    def cancel(self) -> CancelRequest | None:
        """The cancellation that was under way, if the saga has not heard of it."""
        asked = [line for line in self.story if line.kind == "cancel_requested" and not _PART.search(line.text)]
        if not asked or self.record.status is not OrderStatus.CANCELING:
            return None
        return CancelRequest(by=BY, reason=f"told again: {asked[-1].text}"[:300])

    @property
    def holds(self) -> dict[str, HoldRequest | None]:
        """Holds placed since, by kind; None: released since."""
        found = [match for line in self.story if (match := _HOLD.match(line.text)) and line.kind in ("hold", "release")]
        return {
            kind: HoldRequest(kind=kind, by=by, reason=why[:200] or "not given") if done == "placed" else None
            for by, done, kind, why in (match.groups() for match in found)
            if kind != KEPT
        }

    def answer_to(self, item: AttentionItem) -> Resolution | None:
        """What a person answered to a question that the saga asks (again)."""
        for said in self.answered:
            same = (said.item_id, said.kind, said.parcel) == (item.item_id, item.kind, item.parcel)
            if same and said.resolved in item.choices and said.resolved_by is not None:
                told = "answered before a restore"
                return Resolution(item_id=item.item_id, choice=said.resolved, by=said.resolved_by, reason=told)
        return None

    def beyond_telling(self) -> str | None:
        """Why only a person can say how the order goes on; None where its saga can be told all it missed."""
        return next(iter(self._reasons()), None)

    def started_anew(self) -> str | None:
        """The same for a saga that would begin at its beginning."""
        again = {made.step for made in self.effects if made.generation > 1}
        steps = [why for step, why in _STEPS.items() if any(made.step == step for made in self.effects)]
        if again:
            steps.append(f"{', '.join(sorted(again))} was done more than once")
        return next(iter([*self._reasons(), *steps]), None)

    @property
    def missed(self) -> list[str]:
        """What there is to be told, for people."""
        told = [f"{self.untold} message(s)"] if self.untold else []
        told += ["a cancellation"] if self.cancel else []
        told += [f"hold {kind} {'placed' if hold else 'released'}" for kind, hold in sorted(self.holds.items())]
        return told

    def _reasons(self) -> Iterable[str]:
        for line in self.story:
            if line.kind in _WISHES:
                yield f"{_WISHES[line.kind]} ({line.text})"
            if line.kind == "cancel_requested" and _PART.search(line.text):
                yield f"some of its units were to be canceled ({line.text})"
        for item in self.answered:
            if item.moved_money and item.resolved_at and item.resolved_at > self.since:
                yield f"a person decided about money ({item.kind}: {item.resolved})"


ReturnStanding = Literal["level", "over", "inspected", "late"]


def return_standing(told: Iterable[ReturnRecord], record: ReturnRecord) -> ReturnStanding:
    """How a return's workflow, which has `told` these records, stands to the one that PostgreSQL has.

    `over`: it has ended on record. `inspected`: it does not know what a person found in the parcel. `late`: it has
    missed other news.
    """
    before = [ReturnRecord(case=record.case), *told]
    if any(_marks(record) == _marks(each) for each in before):
        return "level"
    if not record.open:
        return "over"
    knows = record.inspection is None or any(each.inspection is not None for each in before)
    return "late" if knows else "inspected"


def _marks(record: ReturnRecord) -> tuple[ReturnStatus, bool, int]:
    return record.status, record.inspection is not None, record.refunded
