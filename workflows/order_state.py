"""Everything an order's saga knows, and what queries, search attributes and people are told of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from temporalio import workflow

from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate, ParcelAddress, Tracking
from ordersaga.domain.lattices import goods_left, scanned
from ordersaga.domain.orders import Address, Order, ParcelPlan
from ordersaga.domain.shipping import InterceptDecision, ShippingService
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from workflows.activity_policies import StepFailedError
from workflows.change import Change
from workflows.messages import CancelRequest, HoldRequest, OrderResult, OrderView, ParcelView

_ENDED = frozenset({ParcelStatus.DELIVERED, ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})


@dataclass
class ParcelState:
    """One parcel. Amounts in minor units.

    `generation` counts hand-offs and `label_generation` labels: a new one only after the old is known not to exist.
    `status` is what provider and carrier report; `undone`: our undo ran to its end; `too_late`: an undo was tried and
    the goods could not be stopped. `handed_off`: its provider may have it; `given_away`: it does, and no label is
    missing. `stop`: why this parcel alone is to be canceled. `changes`: what was asked of it, oldest first.
    `ship_to`: where it goes, None: where the order goes; `former_ship_to`: where it went before, until somebody accepts
    its new address; `tells_former`: going back there, PostgreSQL hears of it first. `replaces`: the lost parcel it was
    sent for, free of charge. `taken_back`: generations that are given up, of which `left_twice` left all the same.
    `missing`: units that the provider took out of the hand-off that stands.
    `set_aside`: its provider may keep its units aside for the hand-off to come, under `generation`.
    `moved_from`: locations it was moved away from, and `moved_why` the last time.
    `tells_delivery`: somebody will say when it arrived. `changes_address`, `cancels_parts`: its provider can.
    `carrier_accounts`: where its label can be bought, empty for the first account alone; `label_account`: where it is
    bought, None for the first.
    """

    plan: ParcelPlan
    status: ParcelStatus = ParcelStatus.PLANNED
    handed_off: bool = False
    given_away: bool = False
    books_carrier: bool | None = None
    point_of_no_return: ParcelStatus | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    left_at: datetime | None = None
    scanned_at: datetime | None = None
    generation: int = 1
    label_generation: int = 1
    service: ShippingService = ShippingService.STANDARD
    carrier_wanted: str | None = None
    carrier_accounts: tuple[str, ...] = ()
    label_account: str | None = None
    set_aside: bool = False
    moved_from: tuple[str, ...] = ()
    moved_why: str = ""
    can_intercept: bool = False
    tells_delivery: bool = True
    changes_address: bool = True
    cancels_parts: bool = True
    intercept: InterceptDecision | None = None
    stop: StepFailedError | None = None
    changes: list[Change] = field(default_factory=list)
    taken_back: set[int] = field(default_factory=set)
    left_twice: set[int] = field(default_factory=set)
    missing: Counter[str] = field(default_factory=Counter)
    replaces: int = 0
    ship_to: Address | None = None
    former_ship_to: Address | None = None
    tells_former: bool = False
    delay_told: bool = False
    delay_consent: bool | None = None
    consent_wanted: bool = False
    allowed: int = 0
    authorized: bool = False
    captured: int = 0
    refunded: int = 0
    part_refunds: int = 0
    voided: int = 0
    written_off: int = 0
    undoing: bool = False
    undone: bool = False
    too_late: bool = False
    partial: bool = False
    problem: str | None = None

    @property
    def paid(self) -> bool:
        """What was taken for it was not given back; goodwill is a gift out of it."""
        return self.captured > self.refunded - self.allowed

    @property
    def ended(self) -> bool:
        return self.undone or self.status in _ENDED

    @property
    def arrived_unpaid(self) -> bool:
        """The shopper has it, and nothing was ever taken for it."""
        return self.status is ParcelStatus.DELIVERED and not (self.undone or self.captured)

    @property
    def scanned(self) -> bool:
        return scanned(self.status)

    @property
    def goods_left(self) -> bool:
        return goods_left(self.status)

    @property
    def cancel_decided(self) -> bool:
        settled = self.ended or self.too_late or self.scanned
        entering = any(change.undecided and change.by_provider for change in self.changes)
        return not self.undoing and settled and not (self.interception_open or entering)

    @property
    def interception_open(self) -> bool:
        """Its carrier could be asked to turn it around, and has not answered yet."""
        on_its_way = self.status is ParcelStatus.IN_TRANSIT
        return on_its_way and not self.undone and self.can_intercept and self.intercept is None

    @property
    def movable(self) -> bool:
        """It can still be changed: it is here, or its provider may give it back."""
        return not (self.ended or self.undoing or self.scanned or self.goods_left or self.too_late)

    @property
    def wanted(self) -> "Change | None":
        """The oldest change that was not carried out yet."""
        return next((change for change in self.changes if change.undecided), None)

    def planned_without(self) -> ParcelPlan:
        """The plan once every wanted removal of units is done."""
        plan = self.plan
        for change in self.changes:
            if change.to_come and change.removes:
                plan = plan.without(change.removes)
        return plan

    def staying(self) -> ParcelPlan:
        """The same without the units that are about to leave in a parcel of their own."""
        plan = self.planned_without()
        for change in self.changes:
            if change.to_come and change.moves:
                plan = plan.without(change.moves)
        return plan

    def known_as(self, generation: int) -> bool:
        """Whether provider or carrier can know the parcel under this generation: only what was handed off."""
        return self.handed_off and generation in (self.generation, self.label_generation)

    def set_aside_as(self, generation: int) -> bool:
        """Whether a report is about units that are only set aside."""
        return self.set_aside and not self.handed_off and generation == self.generation

    def view(self) -> ParcelView:
        return ParcelView(
            plan=self.plan,
            status=ParcelStatus.CANCELED if self.undone else self.status,
            carrier=self.carrier,
            tracking_number=self.tracking_number,
            captured=self.captured,
            refunded=self.refunded,
            voided=self.voided,
        )


@dataclass(frozen=True)
class Known:
    """How much of an order PostgreSQL was told. A number alone is no reason to write: it comes with the next entry."""

    entries: int = 0
    status: OrderStatus | None = None
    attention: dict[str, AttentionItem] = field(default_factory=dict)
    tracking: tuple[Tracking, ...] = field(default=(), compare=False)


@dataclass
class OrderState:
    """The order as its saga sees it; `entries` is its story, `known` how much of it PostgreSQL has.

    `answer_by`: until when somebody outside may act, where the saga itself looks earlier. `requests`: what became of
    the requests that were given an id. `ship_to`: where the order goes now, once that was changed. `moves`: its
    parcels may move to another location when their provider fails them. `short_picks`: so may units that a provider
    does not have. `set_aside_at`: the providers that set units aside while the order waits. None of these in orders
    that began before there were any.
    """

    order: Order
    parcels: list[ParcelState] = field(default_factory=list)
    outcome: ConfirmOutcome | None = None
    reason: str | None = None
    closed_as: OrderStatus | None = None
    holds: dict[str, HoldRequest] = field(default_factory=dict)
    cancel: CancelRequest | None = None
    requests: dict[str, object] = field(default_factory=dict)
    ship_to: Address | None = None
    last_number: int = 0
    moves: bool = False
    short_picks: bool = False
    set_aside_at: tuple[str, ...] = ()
    attention: dict[str, AttentionItem] = field(default_factory=dict)
    entries: list[JournalEntry] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    awaiting: str = "the stock hold and the payment authorization"
    answer_by: datetime | None = None

    def note(self, kind: str, text: str, parcel: int = 0) -> None:
        """Add a line to the order's story."""
        entry_id = f"saga-{len(self.entries) + 1}"
        self.entries.append(JournalEntry(entry_id=entry_id, at=workflow.now(), kind=kind, text=text, parcel=parcel))

    def next_parcel(self) -> int:
        """The number of a parcel to come: none is given twice, for the ledger knows payments by it."""
        self.last_number = max(self.last_number, *(parcel.plan.parcel for parcel in self.parcels)) + 1
        return self.last_number

    @property
    def confirmed(self) -> bool:
        return self.outcome is ConfirmOutcome.CONFIRMED

    @property
    def cancel_undecided(self) -> bool:
        """Somebody asked to cancel and not every parcel has its answer yet."""
        stopped = any(parcel.stop is not None and not parcel.cancel_decided for parcel in self.parcels)
        return stopped or (self.cancel is not None and not self.cancel_decided)

    @property
    def cancel_decided(self) -> bool:
        known = self.closed_as is not None or bool(self.parcels)
        return known and all(parcel.cancel_decided for parcel in self.parcels)

    @property
    def open_attention(self) -> list[AttentionItem]:
        return [item for item in self.attention.values() if item.resolved is None]

    @property
    def status(self) -> OrderStatus:
        """One word for people, from everything known."""
        if self.closed_as is not None:
            return self.closed_as
        if self.open_attention:
            return OrderStatus.NEEDS_ATTENTION
        if self.cancel_undecided:
            return OrderStatus.CANCELING
        return self._progress() if self.confirmed else self._before_confirmation()

    def _before_confirmation(self) -> OrderStatus:
        waits_for_shopper = self.outcome is ConfirmOutcome.ACTION_REQUIRED
        return OrderStatus.ACTION_REQUIRED if waits_for_shopper else OrderStatus.PENDING

    def _progress(self) -> OrderStatus:
        going = [parcel for parcel in self.parcels if not parcel.undone]
        if not going:
            return OrderStatus.CANCELING
        if any(parcel.scanned for parcel in going):
            return self._shipping(going)
        if self.holds:
            return OrderStatus.ON_HOLD
        return OrderStatus.FULFILLING if any(p.handed_off for p in going) else OrderStatus.CONFIRMED

    def _shipping(self, going: list[ParcelState]) -> OrderStatus:
        if all(parcel.status is ParcelStatus.DELIVERED for parcel in going):
            return OrderStatus.DELIVERED
        return OrderStatus.SHIPPED if all(p.scanned for p in going) else OrderStatus.PARTIALLY_SHIPPED

    def final_status(self) -> OrderStatus:
        """How the order ends, judged by its parcels."""
        if not self.confirmed:
            return OrderStatus.CANCELED if self.outcome is ConfirmOutcome.CANCELED else OrderStatus.REJECTED
        if any(p.status is ParcelStatus.DELIVERED and not p.undone for p in self.parcels):
            return OrderStatus.COMPLETED
        came_back = any(parcel.status is ParcelStatus.RETURNED_TO_SENDER for parcel in self.parcels)
        return OrderStatus.RETURNED if came_back else OrderStatus.CANCELED

    def close_as(self, status: OrderStatus) -> None:
        """The order's end, for as long as the books agree."""
        self.closed_as = status
        self.note("closed", f"closed as {status}")

    def reopen(self, known: Known) -> None:
        """The books did not agree, or something was heard meanwhile."""
        self.closed_as = None
        self.known = known
        self.note("reopened", "not closed yet")

    @property
    def unrecorded(self) -> bool:
        """Whether PostgreSQL has yet to hear something."""
        return self.known != self._everything()

    def order_of(self, parcel: ParcelState) -> Order:
        """The order as it concerns one of its parcels: to that one's address."""
        return self.order if parcel.ship_to is None else self.order.model_copy(update={"ship_to": parcel.ship_to})

    def goes_to(self, ship_to: Address) -> None:
        """The order goes to another address; its parcels, each when it has one of its own."""
        self.ship_to = ship_to
        self.order = self.order.model_copy(update={"ship_to": ship_to})

    def goes_back(self, parcel: ParcelState, former: Address) -> None:
        """One parcel goes to its former address; the order does when none of its parcels goes to the other one."""
        parcel.ship_to = former
        going = [self.order_of(each).ship_to for each in self.parcels if not each.undone]
        if self.order.ship_to not in going:
            self.goes_to(former)

    def elsewhere(self) -> tuple[ParcelAddress, ...]:
        """Parcels that go elsewhere than the order, or went."""
        own = [(each.plan.parcel, each.ship_to) for each in self.parcels if each.ship_to and not each.undone]
        return tuple(ParcelAddress(parcel=number, ship_to=to) for number, to in own if to != self.order.ship_to)

    def _everything(self) -> Known:
        return Known(len(self.entries), self.status, dict(self.attention), tuple(self._tracking()))

    def _tracking(self) -> Iterator[Tracking]:
        for parcel in self.parcels:
            if parcel.tracking_number is not None:
                yield Tracking(parcel=parcel.plan.parcel, number=parcel.tracking_number)

    def to_record(self) -> JournalUpdate:
        """What PostgreSQL does not have yet, marked as handed over."""
        new_items = tuple(item for key, item in self.attention.items() if self.known.attention.get(key) != item)
        update = JournalUpdate(
            order_id=self.order.order_id,
            status=self.status,
            outcome=self.outcome,
            reason=self.reason,
            entries=tuple(self.entries[self.known.entries :]),
            attention=new_items,
            ship_to=self.ship_to,
            elsewhere=self.elsewhere() if self.ship_to else None,
            tracking=tuple(found for found in self._tracking() if found not in self.known.tracking),
        )
        self.known = self._everything()
        return update

    def view(self, next_deadline: datetime | None, possible: tuple[str, ...]) -> OrderView:
        """The answer of the `order_state` query."""
        return OrderView(
            order_id=self.order.order_id,
            status=self.status,
            outcome=self.outcome,
            reason=self.reason,
            holds={kind: hold.reason for kind, hold in self.holds.items()},
            parcels=tuple(parcel.view() for parcel in self.parcels),
            attention=tuple(self.open_attention),
            next_deadline=next_deadline,
            awaiting="nothing" if self.closed_as else self.awaiting,
            possible=possible,
        )

    def result(self) -> OrderResult:
        """The workflow's result."""
        return OrderResult(
            order_id=self.order.order_id,
            status=self.status,
            reason=self.reason,
            currency=self.order.currency,
            captured=sum(parcel.captured for parcel in self.parcels),
            refunded=sum(parcel.refunded for parcel in self.parcels),
        )
