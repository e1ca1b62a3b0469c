"""The order's journal: what people read about an order, written in the words of the glossary."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from ordersaga.domain.orders import Address, Order, ParcelPlan, not_given
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.values import Message


class JournalEntry(Message):
    """One line of an order's story. `entry_id` makes writing it twice harmless."""

    entry_id: str
    at: AwareDatetime
    kind: str
    text: str
    parcel: int = 0


class AttentionItem(Message):
    """A parked question for a human, with the choices that are safe.

    `money`: minor units of `currency` at stake. `guarded`: choices that move that money, which take a second person
    where it is more than one person may move; `proposed` by `proposed_by` is such a choice waiting for the second.
    `reminders`: how many days nobody answered.
    """

    item_id: str
    order_id: str
    parcel: int
    kind: str
    question: str
    choices: tuple[str, ...]
    opened_at: AwareDatetime
    resolved: str | None = None
    resolved_by: str | None = None
    resolved_reason: str | None = None
    resolved_at: AwareDatetime | None = None
    money: int = 0
    currency: str = ""
    guarded: tuple[str, ...] = ()
    proposed: str | None = None
    proposed_by: str | None = None
    reminders: int = 0


class UnreadOrder(Message):
    """An order whose row this version cannot read, such as a later version's; `fields` it cannot read, sorted."""

    order_id: str
    seller: str
    currency: str
    total: int
    accepted_at: AwareDatetime
    fields: tuple[str, ...]


class AttentionAge(Message):
    """Open questions of a kind at a seller: how many, since when, and the minor units of `currency` at stake."""

    kind: str
    seller: str
    currency: str
    open: int
    oldest_opened_at: AwareDatetime
    money: int


class Tracking(Message):
    """The number a carrier knows a parcel by."""

    parcel: int
    number: str


class ParcelAddress(Message):
    """Where a parcel goes, that goes elsewhere than its order."""

    parcel: int
    ship_to: Address


def _not_told(value: object) -> bool:
    return value is None


class JournalUpdate(Message):
    """What changed since the last write: status, reason, new entries, attention items. Written in one transaction.

    `ship_to`: where the order goes now, when that was changed after it was placed. `elsewhere`: all parcels that
    go elsewhere, or went; None: as it was. `tracking`: numbers it was not told before, by which the order is found from
    then on.
    """

    order_id: str
    status: OrderStatus
    outcome: str | None = None
    reason: str | None = None
    entries: tuple[JournalEntry, ...] = ()
    attention: tuple[AttentionItem, ...] = ()
    ship_to: Address | None = None
    elsewhere: tuple[ParcelAddress, ...] | None = Field(default=None, exclude_if=_not_told)
    tracking: tuple[Tracking, ...] = Field(default=(), exclude_if=not_given)


class OrderRecord(Message):
    """An order as the journal holds it. `elsewhere`: its parcels that go elsewhere than it, or went."""

    order: Order
    status: OrderStatus
    outcome: str | None
    reason: str | None
    parcels: tuple[ParcelPlan, ...]
    accepted_at: AwareDatetime
    updated_at: AwareDatetime
    started: bool
    elsewhere: tuple[ParcelAddress, ...] = Field(default=(), exclude_if=not_given)

    def order_of(self, parcel: int) -> Order:
        """The order as it concerns one of its parcels: to that one's address."""
        own = next((each.ship_to for each in self.elsewhere if each.parcel == parcel), None)
        return self.order if own is None else self.order.model_copy(update={"ship_to": own})


class TimelineEntry(Message):
    """One line of the whole story: journal, effects and inbox messages, in the order they happened."""

    at: AwareDatetime
    source: Literal["journal", "effect", "message"]
    kind: str
    text: str
    parcel: int = 0
    data: dict[str, Any] = Field(default_factory=dict)
