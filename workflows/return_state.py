"""Everything a return's workflow knows, and the words it is spoken to with. Wire names are fixed.

| name | kind | input | answer |
|---|---|---|---|
| `receive` | update | `Inspection` | `ReturnView` |
| `cancel_return` | update | `CancelReturn`, optional | `ReturnView` |
| `resolve_attention` | update | `Resolution` | `AttentionItem` |
| `parcel_event` | signal | `ParcelEvent` with `returning` | none |
| `preview_return` | query | `return_foretelling.ReturnPreview` | `foretelling.Foretold`, as if it had been asked now |
| `return_state`, `timeline`, `explain` | query | none | `ReturnView`, list of `JournalEntry`, text |
"""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import AwareDatetime
from temporalio import workflow

from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.lattices import scanned
from ordersaga.domain.orders import Order
from ordersaga.domain.returns import Inspection, ReturnCase, ReturnRecord, ReturnStatus, ReturnUpdate
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.domain.values import Message
from workflows.messages import Word


class CancelReturn(Message):
    """The shopper keeps the goods: who says so, and why."""

    by: Word = "unknown"
    reason: Word = "not given"


class ReturnView(Message):
    """The answer of `return_state`. Amounts in minor units of `currency`; `way_back`: where the goods are."""

    return_id: str
    order_id: str
    number: int
    parcel: int
    status: ReturnStatus
    reason: str | None = None
    way_back: ParcelStatus
    carrier: str | None = None
    tracking_number: str | None = None
    label_url: str | None = None
    instructions: str | None = None
    inspection: Inspection | None = None
    refunded: int = 0
    currency: str
    exchange_order_id: str | None = None
    attention: tuple[AttentionItem, ...] = ()
    next_deadline: AwareDatetime | None = None
    awaiting: str


class ReturnResult(Message):
    """How a return ended; the workflow's result. `refunded` in minor units of `currency`."""

    return_id: str
    status: ReturnStatus
    reason: str | None
    currency: str
    refunded: int
    exchange_order_id: str | None = None


@dataclass(frozen=True)
class KnownReturn:
    """How much of a return PostgreSQL was told."""

    entries: int = 0
    record: ReturnRecord | None = None
    attention: dict[str, AttentionItem] = field(default_factory=dict)


@dataclass
class ReturnState:
    """The return as its workflow sees it.

    `way_back` is what the carrier reports; `ends_as`: how it will end, `closed`: nothing was left to settle, it has.
    """

    case: ReturnCase
    progress: ReturnStatus = ReturnStatus.REQUESTED
    way_back: ParcelStatus = ParcelStatus.LABELED
    scanned_at: datetime | None = None
    ends_as: ReturnStatus | None = None
    closed: bool = False
    reason: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    label_url: str | None = None
    instructions: str | None = None
    label_in_doubt: bool = False
    refund_lost: bool = False
    inspection: Inspection | None = None
    canceled: CancelReturn | None = None
    refunded: int = 0
    exchange_order_id: str | None = None
    attention: dict[str, AttentionItem] = field(default_factory=dict)
    entries: list[JournalEntry] = field(default_factory=list)
    known: KnownReturn = field(default_factory=KnownReturn)
    awaiting: str = "a label for the way back"

    def note(self, kind: str, text: str, parcel: int = 0) -> None:
        """Add a line to the story; the order's journal is shared, so the line names the return."""
        number, parcel = self.case.number, parcel or self.case.plan.parcel
        entry_id = f"return-{number}-{len(self.entries) + 1}"
        said = f"{self.case.return_id}: {text}"
        self.entries.append(JournalEntry(entry_id=entry_id, at=workflow.now(), kind=kind, text=said, parcel=parcel))

    @property
    def order(self) -> Order:
        """The order the goods were bought with."""
        return self.case.order

    @property
    def under_way(self) -> bool:
        """The carrier has the goods, or had them."""
        return scanned(self.way_back)

    @property
    def ends_unsent(self) -> bool:
        """It ends because nothing was sent: canceled or expired, and not brought back to the shopper."""
        unsent = self.ends_as in (ReturnStatus.CANCELED, ReturnStatus.EXPIRED)
        return unsent and self.way_back is not ParcelStatus.RETURNED_TO_SENDER

    @property
    def may_be_kept(self) -> bool:
        """Nothing has happened that a shopper's change of mind would come too late for."""
        return self.ends_as is None and self.inspection is None and not self.under_way

    @property
    def waits_for(self) -> str:
        """What comes next, for people; a return that is being canceled says so whatever it was doing before."""
        being_canceled = self.canceled is not None and self.inspection is None
        return "its end: it is being canceled" if being_canceled else self.awaiting

    @property
    def open_attention(self) -> list[AttentionItem]:
        return [item for item in self.attention.values() if item.resolved is None]

    @property
    def status(self) -> ReturnStatus:
        """One word for people."""
        if self.closed and self.ends_as is not None:
            return self.ends_as
        return ReturnStatus.NEEDS_ATTENTION if self.open_attention else self.progress

    @property
    def order_status(self) -> OrderStatus:
        """The same in the words of the order's search attribute. Goodwill leaves the order completed."""
        if self.open_attention and not self.closed:
            return OrderStatus.NEEDS_ATTENTION
        if self.case.request.keeps_goods:
            return OrderStatus.COMPLETED
        if not self.closed:
            return OrderStatus.RETURNING
        return OrderStatus.RETURNED if self.ends_as is ReturnStatus.REFUNDED else OrderStatus.COMPLETED

    def record(self) -> ReturnRecord:
        """The return as it is stored."""
        return ReturnRecord(
            case=self.case,
            status=self.status,
            reason=self.reason,
            inspection=self.inspection,
            carrier=self.carrier,
            tracking_number=self.tracking_number,
            label_url=self.label_url,
            instructions=self.instructions,
            refunded=self.refunded,
            exchange_order_id=self.exchange_order_id,
            started=True,
        )

    def close(self) -> None:
        """The return's end, for as long as the books agree."""
        self.closed = True
        self.note("return_closed", f"closed as {self.status}" + (f": {self.reason}" if self.reason else ""))

    def reopen(self, known: KnownReturn | None = None) -> None:
        """The books did not agree, and nothing but `known` was written; or goods came while it was closing."""
        self.closed, self.known = False, known or self.known
        self.note("return_reopened", "not closed yet")

    @property
    def unrecorded(self) -> bool:
        """Whether PostgreSQL has yet to hear something."""
        return self.known != self._everything()

    def _everything(self) -> KnownReturn:
        return KnownReturn(len(self.entries), self.record(), dict(self.attention))

    def to_record(self) -> ReturnUpdate:
        """What PostgreSQL does not have yet, marked as handed over."""
        new_items = tuple(item for key, item in self.attention.items() if self.known.attention.get(key) != item)
        entries = tuple(self.entries[self.known.entries :])
        self.known = self._everything()
        return ReturnUpdate(record=self.record(), entries=entries, attention=new_items)

    def view(self, next_deadline: datetime | None) -> ReturnView:
        """The answer of the `return_state` query."""
        return ReturnView(
            **self.record().model_dump(include=set(ReturnView.model_fields), exclude={"inspection"}),
            return_id=self.case.return_id,
            order_id=self.case.order_id,
            number=self.case.number,
            parcel=self.case.plan.parcel,
            currency=self.case.order.currency,
            way_back=self.way_back,
            inspection=self.inspection,
            attention=tuple(self.open_attention),
            next_deadline=next_deadline,
            awaiting="nothing" if self.closed else self.waits_for,
        )

    def result(self) -> ReturnResult:
        """The workflow's result."""
        return ReturnResult(
            return_id=self.case.return_id,
            status=self.status,
            reason=self.reason,
            currency=self.case.order.currency,
            refunded=self.refunded,
            exchange_order_id=self.exchange_order_id,
        )
