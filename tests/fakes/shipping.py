"""The Provider and Carrier ports in memory."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import count

from ordersaga.domain.errors import RetryError
from ordersaga.domain.shipping import (
    CancelDecision,
    HandOff,
    LabelRequest,
    LabelState,
    ProviderCapabilities,
    ProviderOrder,
)
from ordersaga.domain.statuses import ParcelStatus
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted

_WAY = list(ParcelStatus)[: list(ParcelStatus).index(ParcelStatus.DELIVERED) + 1]
_STOPPED = (ParcelStatus.CANCELED, ParcelStatus.EXCEPTION)


class FakeProvider(Scripted):
    """A 3PL whose parcels move when the test says so; refuses to cancel from its point of no return."""

    def __init__(
        self,
        name: str = "shipbob",
        *,
        books_carrier: bool = False,
        point_of_no_return: ParcelStatus = ParcelStatus.PICKED,
        memory: Memory | None = None,
    ) -> None:
        super().__init__()
        self.memory = memory or Memory()
        self.orders: dict[str, ProviderOrder] = {}
        self.hand_offs: dict[str, HandOff] = {}
        self._changed: dict[str, datetime] = {}
        self._cancel_answers: deque[CancelDecision] = deque()
        self._capabilities = ProviderCapabilities(
            name=name, books_carrier=books_carrier, point_of_no_return=point_of_no_return
        )

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What differs between providers."""
        return self._capabilities

    def advance(self, reference: str, status: ParcelStatus, **changes: str | bool) -> ProviderOrder:
        """The parcel moved on; `changes` may name a carrier, tracking_number, detail or partially_canceled."""
        self._changed[reference] = at = self.memory.now()
        told = {"status": status, "changed_at": at, **changes}
        self.orders[reference] = self.orders[reference].model_copy(update=told)
        return self.orders[reference]

    def answer_cancel_next(self, decision: CancelDecision) -> None:
        """The next cancel is answered so, and changes nothing."""
        self._cancel_answers.append(decision)

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Take a parcel; the same reference gives the same order."""
        with self._call("submit", hand_off.reference):
            if hand_off.reference not in self.orders:
                self.hand_offs[hand_off.reference] = hand_off
                provider_id = f"{self._capabilities.name}-{len(self.orders) + 1}"
                self._changed[hand_off.reference] = at = self.memory.now()
                self.orders[hand_off.reference] = ProviderOrder(
                    provider_id=provider_id,
                    reference=hand_off.reference,
                    status=ParcelStatus.ACCEPTED,
                    changed_at=at,
                )
            return self.orders[hand_off.reference]

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """What it knows under our reference."""
        with self._call("inquire", reference):
            return self.orders.get(reference)

    async def cancel(self, reference: str) -> CancelDecision:
        """Stop a parcel, unless it is past the point of no return; one it does not know is a contradiction."""
        with self._call("cancel", reference):
            if reference not in self.orders:
                raise RetryError("not_visible", f"no order {reference} is shown", unknown=True)
            if self._cancel_answers:
                return self._cancel_answers.popleft()
            if not self._stoppable(self.orders[reference].status):
                return CancelDecision.REFUSED
            self.advance(reference, ParcelStatus.CANCELED)
            return CancelDecision.CANCELED

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """Orders changed since then, oldest change first."""
        with self._call("changes_since", since):
            changed = sorted((at, reference) for reference, at in self._changed.items() if at >= since)
            return [self.orders[reference] for _, reference in changed]

    def _stoppable(self, status: ParcelStatus) -> bool:
        if status in _STOPPED:
            return True
        return status in _WAY and _WAY.index(status) < _WAY.index(self._capabilities.point_of_no_return)


class FakeCarrier(Scripted):
    """Sells labels, one per reference."""

    def __init__(self, name: str = "fedex", *, cost: int = 799) -> None:
        super().__init__()
        self.name, self.cost = name, cost
        self.labels: dict[str, LabelState] = {}
        self._void_answers: deque[CancelDecision] = deque()
        self._numbers = count(1)

    def answer_void_next(self, decision: CancelDecision) -> None:
        """The next void is answered so, and changes nothing."""
        self._void_answers.append(decision)

    async def book(self, request: LabelRequest) -> LabelState:
        """Sell a label; the same reference gives the same label."""
        with self._call("book", request.reference):
            if request.reference not in self.labels:
                number = next(self._numbers)
                self.labels[request.reference] = LabelState(
                    label_id=f"lbl_{number}",
                    reference=request.reference,
                    carrier=self.name,
                    tracking_number=f"1Z{number:06}",
                    cost=self.cost,
                )
            return self.labels[request.reference]

    async def inquire(self, reference: str) -> LabelState | None:
        """The label bought under our reference."""
        with self._call("inquire", reference):
            return self.labels.get(reference)

    async def void(self, reference: str) -> CancelDecision:
        """Take an unused label back."""
        with self._call("void", reference):
            if reference not in self.labels:
                return CancelDecision.NOTHING_TO_UNDO
            if self._void_answers:
                return self._void_answers.popleft()
            self.labels[reference] = self.labels[reference].model_copy(update={"voided": True})
            return CancelDecision.CANCELED
