"""The journal: what people read. Closing an order is here too, because it is a look at the books."""

from temporalio import activity

from activities.failures import translated
from ordersaga.domain.books import MoneyTransaction, written_off
from ordersaga.domain.identifiers import effect_key
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, OrderJournal


class CloseResult(Message):
    """Why the order may not close; empty: closed."""

    differences: tuple[str, ...] = ()


class WriteOff(Message):
    """A loss an operator accepted: `amount` minor units of `currency` that will not be paid for a parcel."""

    order_id: str
    parcel: int
    amount: int
    currency: str
    memo: str


class Journal:
    """Activities on the order's story and its close."""

    def __init__(self, journal: OrderJournal, ledger: EffectLedger) -> None:
        self._journal = journal
        self._ledger = ledger

    @activity.defn
    @translated
    async def record(self, update: JournalUpdate) -> None:
        """Write status, entries and attention items."""
        await self._journal.record(update)

    @activity.defn
    @translated
    async def close(self, update: JournalUpdate) -> CloseResult:
        """Write the final status if the books balance; otherwise write nothing and say what differs."""
        balance = await self._ledger.balance(update.order_id)
        differences = balance.differences()
        if not differences:
            await self._journal.record(update)
        return CloseResult(differences=tuple(differences))

    @activity.defn
    @translated
    async def write_off(self, loss: WriteOff) -> None:
        """Enter an accepted loss into the books."""
        await self._ledger.post(
            MoneyTransaction(
                transaction_id=effect_key(loss.order_id, "write_off", loss.parcel, 1),
                order_id=loss.order_id,
                parcel=loss.parcel,
                currency=loss.currency,
                memo=loss.memo,
                postings=written_off(loss.amount),
            )
        )
