"""The OrderJournal port in memory."""

from collections.abc import Sequence

from ordersaga.domain.journal import AttentionItem, JournalUpdate, OrderRecord, TimelineEntry
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

    async def open_attention(self) -> Sequence[AttentionItem]:
        """Every unresolved question, oldest first."""
        with self._call("open_attention"):
            unresolved = [item for item in self.memory.attention.values() if item.resolved is None]
            return sorted(unresolved, key=lambda item: (item.opened_at, item.order_id, item.item_id))

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
        }
        self.memory.orders[update.order_id] = standing.model_copy(update=changes)

    def _write_attention(self, item: AttentionItem) -> None:
        standing = self.memory.attention.get((item.order_id, item.item_id), item)
        resolution = {
            "resolved": standing.resolved or item.resolved,
            "resolved_by": standing.resolved_by or item.resolved_by,
            "question": item.question,
            "choices": item.choices,
        }
        self.memory.attention[item.order_id, item.item_id] = standing.model_copy(update=resolution)

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
