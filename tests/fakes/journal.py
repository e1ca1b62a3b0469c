"""The OrderJournal port in memory."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from ordersaga.domain.journal import AttentionAge, AttentionItem, JournalUpdate, OrderRecord, TimelineEntry
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted


class FakeJournal(Scripted):
    """Journal and attention in dictionaries; `updates` are all updates as they were recorded."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory
        self.updates: list[JournalUpdate] = []

    async def record(self, update: JournalUpdate) -> None:
        """Write status, entries and attention."""
        with self._call("record", update.order_id, update.status):
            self.updates.append(update)
            self._write_status(update)
            for entry in update.entries:
                self.memory.journal.setdefault((update.order_id, entry.entry_id), entry)
            for item in update.attention:
                self._write_attention(item)

    async def get(self, order_id: str) -> OrderRecord | None:
        """The order as it stands."""
        with self._call("get", order_id):
            return self.memory.orders.get(order_id)

    async def timeline(self, order_id: str) -> Sequence[TimelineEntry]:
        """Journal, effects and messages by time."""
        with self._call("timeline", order_id):
            story = [
                TimelineEntry(at=entry.at, source="journal", kind=entry.kind, text=entry.text, parcel=entry.parcel)
                for (owner, _), entry in self.memory.journal.items()
                if owner == order_id
            ]
            story += self._effects(order_id)
            story += [message for owner, message in self.memory.messages if owner == order_id]
            return sorted(story, key=lambda entry: entry.at)

    async def open_attention(
        self,
        *,
        seller: str | None = None,
        order_id: str | None = None,
        kind: str | None = None,
        opened_before: datetime | None = None,
        provider: str | None = None,
    ) -> Sequence[AttentionItem]:
        """Every unresolved question that was asked for, oldest first."""
        with self._call("open_attention"):
            found = [
                item
                for item in self._unresolved()
                if seller in (None, self._seller(item))
                and order_id in (None, item.order_id)
                and kind in (None, item.kind)
                and (opened_before is None or item.opened_at < opened_before)
                and provider in (None, self._provider(item))
            ]
            return sorted(found, key=lambda item: (item.opened_at, item.order_id, item.item_id))

    async def attention_ages(self) -> Sequence[AttentionAge]:
        """Open questions counted by kind, seller and currency."""
        with self._call("attention_ages"):
            groups: defaultdict[tuple[str, str, str], list[AttentionItem]] = defaultdict(list)
            for item in self._unresolved():
                groups[item.kind, self._seller(item), item.currency].append(item)
            return [
                AttentionAge(
                    kind=kind,
                    seller=seller,
                    currency=currency,
                    open=len(items),
                    oldest_opened_at=min(item.opened_at for item in items),
                    money=sum(item.money for item in items),
                )
                for (kind, seller, currency), items in sorted(groups.items())
            ]

    def _unresolved(self) -> list[AttentionItem]:
        return [item for item in self.memory.attention.values() if item.resolved is None]

    def _seller(self, item: AttentionItem) -> str:
        record = self.memory.orders.get(item.order_id)
        return record.order.seller if record else ""

    def _provider(self, item: AttentionItem) -> str | None:
        record = self.memory.orders.get(item.order_id)
        plans = record.parcels if record else ()
        return next((plan.provider for plan in plans if plan.parcel == item.parcel), None)

    def _write_status(self, update: JournalUpdate) -> None:
        standing = self.memory.orders.get(update.order_id)
        if standing is None:
            return
        kept = standing.reason if standing.status is update.status else None
        changes = {
            "status": update.status,
            "outcome": update.outcome or standing.outcome,
            "reason": update.reason or kept,
            "updated_at": self.memory.now(),
            "order": standing.order.model_copy(update={"ship_to": update.ship_to or standing.order.ship_to}),
            "elsewhere": standing.elsewhere if update.elsewhere is None else update.elsewhere,
        }
        self.memory.orders[update.order_id] = standing.model_copy(update=changes)

    def _write_attention(self, item: AttentionItem) -> None:
        """An answer once given stays; what was asked first keeps its parcel, kind and time."""
        standing = self.memory.attention.setdefault((item.order_id, item.item_id), item)
        asked = {"parcel": standing.parcel, "kind": standing.kind, "opened_at": standing.opened_at}
        if standing.resolved is None:
            self.memory.attention[item.order_id, item.item_id] = item.model_copy(update=asked)

    def _effects(self, order_id: str) -> list[TimelineEntry]:
        return [
            TimelineEntry(
                at=row.intended_at,
                source="effect",
                kind=row.step,
                text=f"{row.step}: {row.status}" + (f" ({row.code})" if row.code else ""),
                parcel=row.parcel,
                data={"key": row.key, "status": row.status.value},
            )
            for row in self.memory.effects.values()
            if row.order_id == order_id
        ]
