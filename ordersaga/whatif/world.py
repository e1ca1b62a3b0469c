"""Who answers the saga's activities: a model of our stock and books, the bank, the providers and the carriers.

An activity that is not named in `ANSWERS` is an error, so that a new step of the saga cannot be passed over.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any, Final

from activities.carriers import BookLabel, LabelResult, LookAtLabel, VoidLabel
from activities.inventory import HoldResult, ParcelUnits, ShipUnits
from activities.journal import CloseResult
from activities.payments import AuthorizationResult, CaptureResult, ParcelPayment, ReleaseResult
from activities.providers import HandOffParcel, HandOffResult, LookAtParcel, WithdrawParcel
from ordersaga.domain.errors import RetryError
from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.journal import AttentionItem, JournalUpdate
from ordersaga.domain.lattices import DEFAULT, LATTICES
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision, ParcelEvent, ParcelReport
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.whatif.clock import VirtualClock
from ordersaga.whatif.errors import UnknownActivityError
from ordersaga.whatif.records import OrderRecord, Tally
from ordersaga.whatif.scenario import Scenario
from ordersaga.whatif.shelves import Shelves
from ordersaga.whatif.warehouses import Parcel, Warehouse

HOLD_LASTS: Final = timedelta(days=7)
"""How long a bank reserves money."""
_AT_THE_CARRIER: Final = (ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)
Heard = Callable[[str, ParcelEvent], None]
Asked = Callable[[str, AttentionItem], None]


class World:
    """Answers activities by name. `heard` is told what is reported about parcels, `asked` what persons are asked."""

    def __init__(self, scenario: Scenario, clock: VirtualClock, tally: Tally, heard: Heard, asked: Asked) -> None:
        self._scenario = scenario
        self._clock = clock
        self._tally = tally
        self._heard = heard
        self._asked = asked
        self._questions: set[str] = set()
        self._reserved: defaultdict[str, int] = defaultdict(int)
        self._captured: defaultdict[str, int] = defaultdict(int)
        self._payments: dict[tuple[str, int, int], tuple[PaymentStatus, int]] = {}
        self._shipped: defaultdict[str, int] = defaultdict(int)
        self.shelves = Shelves(scenario)
        self.warehouses = {name: self._warehouse(name) for name in scenario.providers}
        self._last: dict[tuple[str, int], tuple[str, Parcel]] = {}

    def _warehouse(self, name: str) -> Warehouse:
        return Warehouse(
            self._clock,
            self._scenario.providers[name],
            lambda parcel, status: self._moved(name, parcel, status),
            seed=self._scenario.seed,
            stands_for=self._scenario.stands_for,
            delivery_days=self._scenario.delivery_days,
        )

    def accept(self, order: Order) -> tuple[ParcelPlan, ...]:
        """What the API does before a saga begins: hold the stock, or refuse. Returns the parcels, none: sold out."""
        return self.shelves.hold(order)

    def answer(self, activity: str, asked: Any) -> object:
        """Do an activity. Raises RetryError where a company does not answer."""
        return answer_to(activity).does(self, asked)

    # ---- our own books -----------------------------------------------------------------------------------------

    def hold_stock(self, order: Order) -> HoldResult:
        """The checkout's hold becomes permanent."""
        return HoldResult(parcels=self.shelves.plans.get(order.order_id, ()))

    def release_stock(self, units: ParcelUnits) -> int:
        """Units go back."""
        return self.shelves.release(units.order_id, units.parcel)

    def ship_stock(self, shipped: ShipUnits) -> None:
        """Units leave, the sale enters the books."""
        self.shelves.ship(shipped.order_id, shipped.plan.parcel)
        self._shipped[shipped.order_id] += shipped.plan.amount

    def record(self, update: JournalUpdate) -> None:
        """The order's story is written; new questions in it reach a person."""
        record = self._record_of(update.order_id)
        record.status = update.status
        record.story += [entry.kind for entry in update.entries]
        for item in update.attention:
            if item.resolved is None and item.item_id not in self._questions:
                self._questions.add(item.item_id)
                record.asked[item.kind] += 1
                self._asked(update.order_id, item)

    def close(self, update: JournalUpdate) -> CloseResult:
        """The final status, if the books balance."""
        name, differences = update.order_id, []
        if self.shelves.held[name]:
            differences.append("units still held")
        if self._reserved[name]:
            differences.append(f"authorization of {self._reserved[name]} minor units still open")
        if self._captured[name] != self._shipped[name]:
            differences.append(f"captured {self._captured[name]}, shipped {self._shipped[name]} minor units")
        if not differences:
            self.record(update)
        return CloseResult(differences=tuple(differences))

    def _record_of(self, order_id: str) -> OrderRecord:
        return self._tally.orders[order_id]

    # ---- the bank ----------------------------------------------------------------------------------------------

    def authorize(self, payment: ParcelPayment) -> AuthorizationResult:
        """Reserved for a week, or declined; a card is as good as it was, whatever is asked of it."""
        key = (payment.order_id, payment.parcel, payment.generation)
        good = Random(f"{self._scenario.seed}/card/{payment.order_id}").random() >= self._scenario.declined  # noqa: S311
        if not good:
            return AuthorizationResult(status=PaymentStatus.DECLINED, code="card_declined", message="declined")
        if key not in self._payments:
            self._payments[key] = (PaymentStatus.AUTHORIZED, payment.amount)
            self._reserved[payment.order_id] += payment.amount
        customer = payment.customer or (f"cus_{payment.order_id}" if payment.save_for_later else None)
        until = self._clock.time + HOLD_LASTS
        return AuthorizationResult(status=PaymentStatus.AUTHORIZED, customer=customer, capture_before=until)

    def capture(self, payment: ParcelPayment) -> CaptureResult:
        """Taken, once."""
        key = (payment.order_id, payment.parcel, payment.generation)
        status, amount = self._payments[key]
        if status is PaymentStatus.AUTHORIZED:
            self._payments[key] = (PaymentStatus.CAPTURED, payment.wanted)
            self._reserved[payment.order_id] -= amount
            self._captured[payment.order_id] += payment.wanted
            self._record_of(payment.order_id).captured += payment.wanted
        return CaptureResult(captured=payment.wanted)

    def release(self, payment: ParcelPayment) -> ReleaseResult:
        """Voided, or refunded."""
        key = (payment.order_id, payment.parcel, payment.generation)
        status, amount = self._payments.pop(key, (PaymentStatus.DECLINED, 0))
        if status is PaymentStatus.AUTHORIZED:
            self._reserved[payment.order_id] -= amount
            return ReleaseResult(voided=amount)
        if status is PaymentStatus.CAPTURED:
            self._captured[payment.order_id] -= amount
            self._record_of(payment.order_id).captured -= amount
            return ReleaseResult(refunded=amount)
        return ReleaseResult()

    # ---- providers ---------------------------------------------------------------------------------------------

    def _open(self, provider: str) -> Warehouse:
        warehouse = self.warehouses[provider]
        if warehouse.down:
            raise RetryError("provider_down", f"{provider} does not answer", unknown=True)
        return warehouse

    def hand_off(self, request: HandOffParcel) -> HandOffResult:
        """Accepted, unless the provider is down."""
        warehouse, handed = self._open(request.provider), request.hand_off
        parcel = warehouse.take(Parcel(handed.order_id, request.parcel, request.generation, handed.reference))
        self._last[handed.order_id, request.parcel] = (request.provider, parcel)
        self._record_of(handed.order_id).handed.setdefault(request.parcel, self._clock.now)
        return HandOffResult(
            accepted=True,
            books_carrier=self._scenario.providers[request.provider].books_carrier,
            point_of_no_return=ParcelStatus.PICKED,
            provider_id=f"{request.provider}-{handed.reference}",
        )

    def withdraw(self, request: WithdrawParcel) -> CancelDecision:
        """Stopped, if it is not picked yet."""
        handed = self._last.get((request.order_id, request.parcel))
        if handed is None:
            return CancelDecision.NOTHING_TO_UNDO
        stopped = self._open(request.provider).stop(handed[1].reference)
        return CancelDecision.CANCELED if stopped else CancelDecision.REFUSED

    def look_at_parcel(self, request: LookAtParcel) -> ParcelReport | None:
        """How a parcel stands at its provider."""
        parcel = self._open(request.provider).parcels.get(request.reference)
        return ParcelReport(status=self._said(request.provider, parcel.status)) if parcel else None

    def _said(self, provider: str, status: ParcelStatus) -> ParcelStatus:
        """A provider that has no word for picked says packed."""
        says = LATTICES.get(provider, DEFAULT).says
        return ParcelStatus.PACKED if status is ParcelStatus.PICKED and status not in says else status

    def _moved(self, provider: str, parcel: Parcel, status: ParcelStatus) -> None:
        """A report goes out: from the carrier where we bought the label, else from the provider."""
        if status is ParcelStatus.IN_TRANSIT:
            self._record_of(parcel.order_id).scanned[parcel.number] = self._clock.now
        ours = not self._scenario.providers[provider].books_carrier and status in _AT_THE_CARRIER
        event = ParcelEvent(
            source="easypost" if ours else provider,
            source_id=f"{parcel.reference}:{status}",
            parcel=parcel.number,
            generation=parcel.generation,
            status=self._said(provider, status),
            occurred_at=self._clock.time,
            carrier="ups" if status in _AT_THE_CARRIER else None,
            tracking_number=f"1Z{parcel.reference}" if status in _AT_THE_CARRIER else None,
        )
        self._heard(parcel.order_id, event)

    # ---- carriers ----------------------------------------------------------------------------------------------

    def book_label(self, request: BookLabel) -> LabelResult:
        """Bought; the parcel may leave then."""
        provider, parcel = self._last[request.order.order_id, request.plan.parcel]
        self.warehouses[provider].labeled(parcel.reference)
        return LabelResult(bought=True, carrier="ups", tracking_number=f"1Z{parcel.reference}")

    def void_label(self, request: VoidLabel) -> CancelDecision:
        """Taken back."""
        return CancelDecision.CANCELED

    def look_at_label(self, request: LookAtLabel) -> ParcelReport | None:
        """What the carrier says; nothing before its first scan."""
        known = parse_parcel_reference(request.reference)
        handed = self._last.get((known.order_id, known.parcel)) if known else None
        if handed is None or handed[1].status not in _AT_THE_CARRIER:
            return None
        return ParcelReport(status=handed[1].status, source="easypost", carrier="ups")


class Answer:
    """How an activity is answered: from what kind of request, by which method, and how long that takes."""

    def __init__(self, takes: type[Any], does: Callable[[World, Any], object], seconds: float) -> None:
        self.takes = takes
        self.does = does
        self.lasts = round(seconds * 1_000_000)


ANSWERS: Final[Mapping[str, Answer]] = {
    "hold_stock": Answer(Order, World.hold_stock, 0.005),
    "release_stock": Answer(ParcelUnits, World.release_stock, 0.005),
    "ship_stock": Answer(ShipUnits, World.ship_stock, 0.005),
    "record": Answer(JournalUpdate, World.record, 0.005),
    "close": Answer(JournalUpdate, World.close, 0.005),
    "authorize": Answer(ParcelPayment, World.authorize, 0.4),
    "capture": Answer(ParcelPayment, World.capture, 0.3),
    "release": Answer(ParcelPayment, World.release, 0.3),
    "hand_off": Answer(HandOffParcel, World.hand_off, 0.4),
    "withdraw": Answer(WithdrawParcel, World.withdraw, 0.3),
    "look_at_parcel": Answer(LookAtParcel, World.look_at_parcel, 0.2),
    "book_label": Answer(BookLabel, World.book_label, 1.0),
    "void_label": Answer(VoidLabel, World.void_label, 0.5),
    "look_at_label": Answer(LookAtLabel, World.look_at_label, 0.3),
}


def answer_to(activity: str) -> Answer:
    """How an activity is answered. Raises UnknownActivityError."""
    if activity not in ANSWERS:
        raise UnknownActivityError(activity)
    return ANSWERS[activity]
