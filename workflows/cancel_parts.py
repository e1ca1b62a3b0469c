"""What a cancellation asks of each parcel: which units of it, and what became of that."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ordersaga.domain.lattices import reached
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import InterceptDecision
from ordersaga.domain.statuses import ParcelStatus
from workflows.change import Change, counted
from workflows.messages import CanceledPart, CancelOutcome, CancelRequest
from workflows.order_state import OrderState, ParcelState
from workflows.removals import nothing, removal, taken_from


@dataclass
class Part:
    """What one request asks of one parcel. `change`: the removal of some units; None: the whole parcel.

    `sent`: the change by which the units may leave from elsewhere; until that is decided, nobody knows where they are.
    `voided` and `refunded`: what the parcel had given back already when the request came, in minor units; `claims`:
    units that others had asked to take out of it by then, whose money is told to them; `before`: how many changes of
    the parcel there were.
    """

    parcel: ParcelState
    lines: tuple[LineQuantity, ...]
    change: Change | None = None
    voided: int = 0
    refunded: int = 0
    claims: tuple[Change, ...] = ()
    before: int = 0
    sent: Change | None = None

    @property
    def outcome(self) -> CancelOutcome:
        """Where it stands now."""
        if self.change is not None and not self.change.superseded:
            decided: dict[str, CancelOutcome] = {"done": "canceled", "refused": "too_late"}
            return decided.get(self.change.outcome, "pending")
        if self.parcel.undone:
            return "canceled"
        if self.parcel.status is ParcelStatus.RETURNED_TO_SENDER:
            return "pending" if self.parcel.paid else "canceled"
        if not self.parcel.cancel_decided:
            return "pending"
        turned = self.parcel.intercept is InterceptDecision.ACCEPTED and not self.parcel.ended
        late: CancelOutcome = "partly_canceled" if self._by_provider() else "too_late"
        return "intercepting" if turned else late

    def _by_provider(self) -> list[Change]:
        """What the provider could still stop of a parcel that it could not stop as a whole."""
        return [
            change
            for change in self.parcel.changes[self.before :]
            if change.by_provider and change.removes and change.voided + change.refunded
        ]

    def foreseen(self) -> CancelOutcome:
        """What asking now would come to, as far as one can know without asking."""
        parcel = self.parcel
        if self.sent is not None:
            return "pending"
        if parcel.scanned or parcel.too_late:
            return "intercepting" if self.change is None and parcel.interception_open else "too_late"
        if parcel.point_of_no_return is not None and reached(parcel.status, parcel.point_of_no_return):
            return "too_late"
        return "pending" if parcel.handed_off else "canceled"

    def answer(self, outcome: CancelOutcome) -> CanceledPart:
        """The part as the asker is told it: done, or still to come."""
        voided, refunded = (0, 0) if outcome == "too_late" else self._money(outcome)
        return CanceledPart(
            parcel=self.parcel.plan.parcel, outcome=outcome, lines=self.lines, voided=voided, refunded=refunded
        )

    def _money(self, outcome: CancelOutcome) -> tuple[int, int]:
        parcel, change = self.parcel, self.change
        if outcome == "partly_canceled":
            stopped = self._by_provider()
            return sum(one.voided for one in stopped), sum(one.refunded for one in stopped)
        if change is not None:
            return (change.voided, change.refunded) if change.outcome == "done" else self._as_paid(change.worth)
        if outcome == "canceled" and parcel.ended:
            voided, refunded = parcel.voided - self.voided, parcel.refunded - self.refunded
        else:
            voided, refunded = self._as_paid(parcel.captured - parcel.refunded if parcel.paid else parcel.plan.amount)
        told = sum(claim.worth for claim in self.claims if claim.outcome != "refused" or claim.superseded)
        return max(voided - told, 0), max(refunded - told, 0)

    def _as_paid(self, amount: int) -> tuple[int, int]:
        """An amount as it comes back: refunded where the money was taken, otherwise released."""
        parcel = self.parcel
        if parcel.paid or parcel.refunded > self.refunded:
            return 0, amount
        return (amount if parcel.authorized or parcel.voided > self.voided else 0), 0


def whole_part(parcel: ParcelState, *, fresh: bool = False) -> Part:
    """All of a parcel. `fresh`: the request came before the parcel had moved any money."""
    voided, refunded = (0, 0) if fresh else (parcel.voided, parcel.refunded)
    claims = tuple(change for change in parcel.changes if change.undecided and change.removes)
    return Part(parcel, parcel.planned_without().units(), None, voided, refunded, claims, len(parcel.changes))


def units_left(state: OrderState) -> Counter[str]:
    """Units by SKU that a request for some lines may name."""
    if not state.parcels:
        return Counter({line.sku: line.quantity for line in state.order.lines})
    left: Counter[str] = Counter()
    for parcel in _standing(state):
        left.update({line.sku: line.quantity for line in parcel.staying().lines})
        for change in parcel.changes:
            left.update(change.under_way)
    return left


def _standing(state: OrderState) -> list[ParcelState]:
    """The parcels that nobody has asked to cancel as a whole, or that could not be stopped."""
    return [parcel for parcel in state.parcels if not (parcel.undone or _being_canceled(state, parcel))]


def _being_canceled(state: OrderState, parcel: ParcelState) -> bool:
    with_order = state.cancel is not None and not parcel.cancel_decided
    turned = parcel.intercept is InterceptDecision.ACCEPTED and not parcel.ended
    return parcel.stop is not None or with_order or turned


def allot(state: OrderState, asked: CancelRequest) -> list[Part]:
    """Which parcels the units come from: those not handed off first, what may leave from elsewhere, what has left."""
    wanted = counted(asked.lines)
    parts = []
    for parcel, sent in _sources(state):
        if asked.parcels and parcel.plan.parcel not in asked.parcels:
            continue
        taken = taken_from(parcel, wanted) if sent is None else _both(sent.under_way, wanted)
        if taken:
            parts.append(part_of(parcel, taken, wanted) if sent is None else _recalled(parcel, sent, taken))
            wanted -= counted(taken)
    return parts


def _sources(state: OrderState) -> Iterator[tuple[ParcelState, Change | None]]:
    """Parcels with what stays in them; and with a change: what it may send from elsewhere."""
    standing = sorted(_standing(state), key=_ease)
    yield from ((parcel, None) for parcel in standing if parcel.movable)
    yield from ((parcel, change) for parcel in standing for change in parcel.changes)
    yield from ((parcel, None) for parcel in standing if not parcel.movable)


def _both(some: Counter[str], others: Counter[str]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in sorted((some & others).items()))


def _ease(parcel: ParcelState) -> tuple[bool, bool, int]:
    return not parcel.movable, parcel.handed_off, -parcel.plan.parcel


def part_of(parcel: ParcelState, taken: tuple[LineQuantity, ...], wanted: Counter[str]) -> Part:
    """Units of a parcel; all that is left of it: the parcel itself, unless units that are not asked for may be sent."""
    more = wanted - counted(taken)
    kept = any(change.under_way - more for change in parcel.changes)
    if not (kept or parcel.planned_without().without(taken).lines):
        return whole_part(parcel)
    return Part(parcel, taken, removal("cancel", parcel, _out(taken), taken), parcel.voided, parcel.refunded)


def _recalled(parcel: ParcelState, sent: Change, taken: tuple[LineQuantity, ...]) -> Part:
    """Units that may leave from elsewhere: their provider has left them out, so the parcel need not be back for it."""
    worth = parcel.plan.part(parcel.plan.parcel, taken).amount
    change = Change(f"cancel-{len(parcel.changes) + 1}", _out(taken), nothing, takes_back=False, by_provider=True)
    change.worth = worth
    return Part(parcel, taken, change, parcel.voided, parcel.refunded, sent=sent)


def _out(taken: tuple[LineQuantity, ...]) -> str:
    return "take out " + ", ".join(f"{line.quantity} {line.sku}" for line in taken)
