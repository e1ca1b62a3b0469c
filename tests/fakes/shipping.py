"""The Provider and Carrier ports in memory."""

import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import parse_label_reference, parse_parcel_reference
from ordersaga.domain.orders import Address, LineQuantity
from ordersaga.domain.reconciliation import LabelRecord, StockLevel
from ordersaga.domain.shipping import (
    AddressDecision,
    CancelDecision,
    HandOff,
    InterceptDecision,
    LabelRequest,
    LabelState,
    ParcelEvent,
    ProviderCapabilities,
    ProviderOrder,
)
from ordersaga.domain.statuses import ParcelStatus
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted

_WAY = list(ParcelStatus)[: list(ParcelStatus).index(ParcelStatus.DELIVERED) + 1]
_STOPPED = (ParcelStatus.CANCELED, ParcelStatus.EXCEPTION)
_SET_ASIDE = ParcelStatus.PLANNED
_ON_ITS_WAY = (ParcelStatus.IN_TRANSIT,)


class FakeProvider(Scripted):
    """A 3PL whose parcels move when the test says so; refuses to cancel from its point of no return.

    It takes another address until `address_until`; None: it does not offer that.
    """

    def __init__(
        self,
        name: str = "shipbob",
        *,
        books_carrier: bool = False,
        point_of_no_return: ParcelStatus = ParcelStatus.PICKED,
        address_until: ParcelStatus | None = ParcelStatus.PICKED,
        reserves: bool = False,
        reserved_for: timedelta | None = None,
        memory: Memory | None = None,
    ) -> None:
        super().__init__()
        self.memory = memory or Memory()
        self.orders: dict[str, ProviderOrder] = {}
        self.hand_offs: dict[str, HandOff] = {}
        self.shelves: dict[str, StockLevel] = {}
        self._changed: dict[str, datetime] = {}
        self._cancel_answers: deque[CancelDecision] = deque()
        self._partial_cancels: deque[tuple[LineQuantity, ...]] = deque()
        self.address_until = address_until
        self._capabilities = ProviderCapabilities(
            name=name,
            books_carrier=books_carrier,
            point_of_no_return=point_of_no_return,
            idempotent=True,
            cancels_parts=True,
            changes_address=address_until is not None,
            reserves=reserves,
            reserved_for=reserved_for,
        )

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What differs between providers."""
        return self._capabilities

    def is_able(self, **changes: bool) -> None:
        """Its capabilities are other ones from now on."""
        self._capabilities = self._capabilities.model_copy(update=changes)

    def tell_no_delivery(self) -> None:
        """From now on nobody says of its parcels that they arrived."""
        self.is_able(tells_delivery=False)

    def advance(self, reference: str, status: ParcelStatus, **changes: object) -> ProviderOrder:
        """The parcel moved on; `changes` may name any other field of it (carrier, detail, canceled_lines)."""
        self._changed[reference] = at = self.memory.now()
        told = {"status": status, "changed_at": at, **changes}
        self.orders[reference] = self.orders[reference].model_copy(update=told)
        return self.orders[reference]

    def answer_cancel_next(self, decision: CancelDecision) -> None:
        """The next cancel is answered so, and changes nothing."""
        self._cancel_answers.append(decision)

    def cancel_part_next(self, units: tuple[LineQuantity, ...]) -> None:
        """The next cancel stops these units only: REFUSED, for the others leave."""
        self._partial_cancels.append(units)

    async def reserve(self, hand_off: HandOff) -> ProviderOrder:
        """Set a parcel's units aside, where it was told how many it has; the same reference gives the same order."""
        with self._call("reserve", hand_off.reference):
            if any(line.quantity > self._free(line.sku) for line in hand_off.lines):
                raise OperatorError("out_of_stock", "too few units")
            return self._take(hand_off, ParcelStatus.PLANNED)

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Take a parcel; the same reference gives the same order, shipped if it was only set aside."""
        with self._call("submit", hand_off.reference):
            order = self._take(hand_off, ParcelStatus.ACCEPTED)
            return self.advance(order.reference, ParcelStatus.ACCEPTED) if order.status is _SET_ASIDE else order

    def _free(self, sku: str) -> int:
        level = self.shelves.get(sku)
        return level.on_hand - level.committed if level else sys.maxsize

    def _take(self, hand_off: HandOff, status: ParcelStatus) -> ProviderOrder:
        if hand_off.reference not in self.orders:
            self.hand_offs[hand_off.reference] = hand_off
            provider_id = f"{self._capabilities.name}-{len(self.orders) + 1}"
            self._changed[hand_off.reference] = at = self.memory.now()
            self.orders[hand_off.reference] = ProviderOrder(
                provider_id=provider_id, reference=hand_off.reference, status=status, changed_at=at
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
            if self._partial_cancels:
                part = {"partially_canceled": True, "canceled_lines": self._partial_cancels.popleft()}
                self.advance(reference, self.orders[reference].status, **part)
                return CancelDecision.REFUSED
            if self._cancel_answers:
                return self._cancel_answers.popleft()
            if not self._stoppable(self.orders[reference].status):
                return CancelDecision.REFUSED
            self.advance(reference, ParcelStatus.CANCELED)
            return CancelDecision.CANCELED

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """Ship to another address, as the hand-off then says; the standing address again is no change."""
        with self._call("update_address", reference, ship_to):
            if reference not in self.orders:
                raise RetryError("not_visible", f"no order {reference} is shown", unknown=True)
            if self.address_until is None:
                return AddressDecision.NOT_OFFERED
            handed, status = self.hand_offs[reference], self.orders[reference].status
            takes = status in _WAY and _WAY.index(status) < _WAY.index(self.address_until)
            if status is ParcelStatus.CANCELED or (handed.ship_to != ship_to and not takes):
                return AddressDecision.REFUSED
            self.hand_offs[reference] = handed.model_copy(update={"ship_to": ship_to})
            return AddressDecision.UPDATED

    def count(self, sku: str, on_hand: int, committed: int = 0) -> None:
        """What it counts of a SKU from now on."""
        self.shelves[sku] = StockLevel(sku=sku, on_hand=on_hand, committed=committed)

    async def stock(self) -> Sequence[StockLevel]:
        """What it was told to count."""
        with self._call("stock"):
            return list(self.shelves.values())

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
    """Sells labels, one per reference; `can_intercept`: turns a parcel around that is on its way."""

    def __init__(self, name: str = "fedex", *, cost: int = 799, can_intercept: bool = False) -> None:
        super().__init__()
        self.name, self.cost, self.can_intercept = name, cost, can_intercept
        self.labels: dict[str, LabelState] = {}
        self.requests: dict[str, LabelRequest] = {}
        self.tracked: dict[str, ParcelEvent] = {}
        self.void_notices: dict[str, ParcelEvent] = {}
        self._intercept_answers: deque[InterceptDecision] = deque()
        self._void_answers: deque[CancelDecision] = deque()
        self._bought: list[tuple[LabelState, datetime]] = []
        self._given_back: set[str] = set()
        self._numbers = count(1)

    def buy_elsewhere(self, reference: str = "") -> LabelState:
        """A label somebody buys on our account, whose id we do not learn; a second one if the reference has one."""
        return self._sell(reference, self.name)

    def answer_void_next(self, decision: CancelDecision) -> None:
        """The next void is answered so, and changes nothing."""
        self._void_answers.append(decision)

    def answer_intercept_next(self, decision: InterceptDecision) -> None:
        """The next request to turn a parcel around is answered so, and changes nothing."""
        self._intercept_answers.append(decision)

    def track(self, reference: str, status: ParcelStatus, detail: str | None = None) -> ParcelEvent:
        """Tracking says this about a label's parcel from now on."""
        owner, label = parse_parcel_reference(reference), self.labels[reference]
        assert owner is not None, f"{reference} is no parcel reference"
        self.tracked[reference] = ParcelEvent(
            source=self.name,
            source_id=f"{reference}:{status}",
            parcel=owner.parcel,
            generation=owner.generation,
            status=status,
            occurred_at=datetime.now(UTC),
            carrier=label.carrier,
            tracking_number=label.tracking_number,
            detail=detail,
        )
        return self.tracked[reference]

    async def book(self, request: LabelRequest) -> LabelState:
        """Sell a label; the same reference gives the same label."""
        with self._call("book", request.reference):
            if request.reference not in self.labels:
                self.requests[request.reference] = request
                self.labels[request.reference] = self._sell(request.reference, request.carrier or self.name)
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

    async def look(self, reference: str) -> ParcelEvent | None:
        """What tracking was told to say; a label nobody tracked is one just printed."""
        with self._call("look", reference):
            label = self.labels.get(reference)
            if label is None or label.voided:
                return None
            return self.tracked.get(reference) or self.track(reference, ParcelStatus.LABELED)

    async def intercept(self, reference: str) -> InterceptDecision:
        """Turn a parcel around that is on its way; again is the same request."""
        with self._call("intercept", reference):
            if not self.can_intercept:
                return InterceptDecision.NOT_OFFERED
            if self._intercept_answers:
                return self._intercept_answers.popleft()
            told = self.tracked.get(reference)
            if told is None or told.status not in _ON_ITS_WAY:
                return InterceptDecision.REFUSED
            self.labels[reference] = self.labels[reference].model_copy(update={"intercepted": True})
            return InterceptDecision.ACCEPTED

    async def void_news(self, reference: str) -> ParcelEvent | None:
        """What the test said became of a void."""
        with self._call("void_news", reference):
            return self.void_notices.get(reference)

    async def labels_since(self, since: datetime) -> AsyncIterator[LabelRecord]:
        """Every label bought since then, whoever bought it."""
        with self._call("labels_since", since):
            for label, at in self._bought:
                if at >= since:
                    yield self._record(label, at)

    async def void_label(self, label_id: str) -> CancelDecision:
        """Take the label with this id back, unless its parcel was scanned."""
        with self._call("void_label", label_id):
            found = next((label for label, _ in self._bought if label.label_id == label_id), None)
            if found is None:
                return CancelDecision.NOTHING_TO_UNDO
            if self._void_answers:
                return self._void_answers.popleft()
            if self._is_scanned(found):
                return CancelDecision.REFUSED
            self._given_back.add(label_id)
            if self._is_known(found):
                self.labels[found.reference] = self.labels[found.reference].model_copy(update={"voided": True})
            return CancelDecision.CANCELED

    def _sell(self, reference: str, carrier: str) -> LabelState:
        number = next(self._numbers)
        sold = LabelState(
            label_id=f"lbl_{number}",
            reference=reference,
            carrier=carrier,
            tracking_number=f"1Z{number:06}",
            cost=self.cost,
            can_intercept=self.can_intercept,
        )
        self._bought.append((sold, datetime.now(UTC)))
        return sold

    def _is_known(self, label: LabelState) -> bool:
        """Tracking and voids by reference are about the label we bought, not about one bought elsewhere."""
        known = self.labels.get(label.reference)
        return known is not None and known.label_id == label.label_id

    def _is_scanned(self, label: LabelState) -> bool:
        tracked = self.tracked.get(label.reference)
        return self._is_known(label) and tracked is not None and tracked.status is not ParcelStatus.LABELED

    def _record(self, label: LabelState, at: datetime) -> LabelRecord:
        voided = self._is_known(label) and self.labels[label.reference].voided
        tracked = self.tracked.get(label.reference) if self._is_known(label) else None
        return LabelRecord(
            label_id=label.label_id,
            reference=label.reference if parse_label_reference(label.reference) else "",
            carrier=label.carrier,
            tracking_number=label.tracking_number,
            voided=voided or label.label_id in self._given_back,
            scanned=self._is_scanned(label),
            created_at=at,
            tracking=tracked.status if tracked else ParcelStatus.LABELED,
        )
