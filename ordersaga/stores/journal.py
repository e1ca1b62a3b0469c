"""The order's journal: its status for lists, its story for people, its open questions."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from ordersaga import meters
from ordersaga.domain.deeds import who_did
from ordersaga.domain.errors import CustomerError
from ordersaga.domain.journal import (
    AttentionAge,
    AttentionItem,
    JournalEntry,
    JournalUpdate,
    OrderRecord,
    TimelineEntry,
)
from ordersaga.domain.orders import Address
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.privacy.key_ring import DataKey
from ordersaga.privacy.sealing import seal_address, seal_text
from ordersaga.stores.attention import AttentionFilter, answer, ask, read_ages, read_open, write_question
from ordersaga.stores.notifications import announce
from ordersaga.stores.order_rows import load_record
from ordersaga.stores.pools import Connection, Pool, columns, connection, transaction
from ordersaga.stores.search import find_rows, write_tracking
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Vault

# A reason explains one status: it goes when the status goes. An outcome stays.
_STATUS = """
UPDATE orders SET status = $2, outcome = coalesce($3, outcome),
    reason = CASE WHEN status = $2 THEN coalesce($4, reason) ELSE $4 END, ship_to = coalesce($5::jsonb, ship_to),
    elsewhere = coalesce($6::jsonb, elsewhere), updated_at = now()
FROM (SELECT order_id AS this, outcome AS outcome_before FROM orders WHERE order_id = $1) AS before
WHERE order_id = this RETURNING accepted_at, queued_at, outcome_before
"""
_ENTRIES = """
INSERT INTO journal (order_id, entry_id, at, kind, text, parcel, said_by)
SELECT $1, row.entry_id, row.at, row.kind, row.text, row.parcel, row.said_by
FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::int[], $7::text[]) WITH ORDINALITY
     AS row(entry_id, at, kind, text, parcel, said_by, place)
ORDER BY place ON CONFLICT DO NOTHING RETURNING entry_id
"""
_FIRST_ENTRIES = """
INSERT INTO journal (order_id, entry_id, at, kind, text)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
"""
_TIMELINE = """
SELECT at, source, kind, text, parcel, data FROM (
    SELECT at, 1 AS place, seq, 'journal' AS source, kind, text, parcel, '{}'::jsonb AS data
    FROM journal WHERE order_id = $1
    UNION ALL
    SELECT intended_at, 2, generation, 'effect', step, step || ': ' || status || coalesce(' (' || code || ')', ''),
           parcel, jsonb_strip_nulls(jsonb_build_object(
               'key', key, 'status', status, 'amount', amount, 'currency', currency, 'external_id', external_id,
               'code', code, 'message', message, 'attempts', attempts, 'settled_at', settled_at))
    FROM effects WHERE order_id = $1
    UNION ALL
    SELECT received_at, 3, id, 'message', source, 'message from ' || source || ': ' || CASE status
               WHEN 'delivered' THEN 'passed on' WHEN 'pending' THEN 'waiting to be passed on' ELSE status END
               || CASE WHEN status <> 'delivered' THEN coalesce(' (' || error || ')', '') ELSE '' END,
           0, jsonb_strip_nulls(
               jsonb_build_object('source', source, 'source_id', source_id, 'status', status, 'attempts', attempts,
                                  'delivered_at', delivered_at, 'error', error))
    FROM (SELECT id, received_at, source, source_id, status, attempts, delivered_at, error
          FROM webhook_inbox WHERE order_id = $1
          UNION ALL SELECT id, received_at, source, source_id, status, attempts, delivered_at, error
          FROM webhook_record WHERE order_id = $1) AS messages) AS story
ORDER BY at, place, seq
"""
_ORDER_COLUMNS = (
    "request, terms, ship_by, ship_to, elsewhere, parcels, status, outcome, reason, accepted_at, updated_at, started_at"
)
_GET = f"SELECT {_ORDER_COLUMNS} FROM orders WHERE order_id = $1"  # noqa: S608 - only column names are put in
# Conditions that are not asked for fold away when PostgreSQL plans the statement with its values.
_LIST = f"""
SELECT {_ORDER_COLUMNS}, order_id FROM orders
WHERE ($1::text IS NULL OR seller = $1) AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR channel = $3)
  AND ($4::timestamptz IS NULL OR (accepted_at, order_id) < ($4, $5::text))
ORDER BY accepted_at DESC, order_id DESC LIMIT $6
"""  # noqa: S608 - only column names are put in
# Then shopper or bank decides how long it takes, not we.
_THEIRS = frozenset({ConfirmOutcome.ACTION_REQUIRED, ConfirmOutcome.PAYMENT_PENDING})
_ANNOUNCE = "SELECT pg_notify('order_changed', $1)"
_COUNTS = "SELECT status, count(*) AS orders FROM orders GROUP BY status"


@dataclass(frozen=True)
class OrderPage:
    """One page of a list, newest first; `next_cursor` is None on the last page."""

    orders: tuple[OrderRecord, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class FoundPage:
    """One page of what was found, newest first: each order with the ways in which it was."""

    found: tuple[tuple[OrderRecord, tuple[str, ...]], ...]
    next_cursor: str | None


class PostgresJournal:
    """The OrderJournal port on PostgreSQL, and the lists people page through."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    async def record(self, update: JournalUpdate) -> None:
        """Write status, entries and attention in one transaction, and NOTIFY `order_changed` with the order id.

        Entries already written are skipped. A status of None-reason clears the reason of the status before it. A new
        address stands beside the request, which stays as it was.
        """
        key = await self._vault.key(update.order_id)
        async with transaction(self._pool) as work:
            order = await work.fetchrow(_STATUS, *_standing(update, key))
            await write_tracking(work, update.order_id, update.tracking)
            new = await write_story(work, update.order_id, update.entries, update.attention, key)
        if order is not None:
            for entry in new:
                _measure(order, entry)

    async def get(self, order_id: str) -> OrderRecord | None:
        """The order as it stands, or None."""
        async with connection(self._pool) as reader:
            found = await reader.fetchrow(_GET, order_id)
        row = await self._vault.opened_one(found, order_id)
        return load_record(row) if row else None

    async def timeline(self, order_id: str) -> Sequence[TimelineEntry]:
        """The whole story by time: journal, effects (at their intention), messages received."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_TIMELINE, order_id)
        return [TimelineEntry.model_validate(dict(row)) for row in await self._vault.opened(rows, order_id)]

    async def open_attention(
        self,
        *,
        seller: str | None = None,
        order_id: str | None = None,
        kind: str | None = None,
        opened_before: datetime | None = None,
        provider: str | None = None,
    ) -> Sequence[AttentionItem]:
        """Every unresolved question, oldest first; only those of a seller, order, kind, age or provider when named."""
        wanted = AttentionFilter(seller, order_id, kind, opened_before, provider)
        async with connection(self._pool) as reader:
            return await read_open(reader, wanted, self._vault)

    async def attention_ages(self) -> Sequence[AttentionAge]:
        """Open questions counted by kind, seller and currency, with the oldest of each and the money at stake."""
        async with connection(self._pool) as reader:
            return await read_ages(reader)

    async def note(self, order_id: str, entry: JournalEntry) -> None:
        """Add a line to an order's story; one already written is skipped. Its status and questions stay."""
        key = await self._vault.key(order_id)
        async with transaction(self._pool) as work:
            await _write_entries(work, order_id, [entry], key)
            await work.execute(_ANNOUNCE, order_id)

    async def open_question(self, item: AttentionItem, *, apart: bool = False) -> bool:
        """Ask about an order whose saga has ended; False when this kind was asked about its parcel before.

        `apart`: its id tells it apart from others of its kind; False when just this one was asked before.
        """
        key = await self._vault.key(item.order_id)
        async with transaction(self._pool) as work:
            return await ask_once(work, item, apart=apart, key=key)

    async def answer_question(self, item: AttentionItem, choice: str, *, by: str, reason: str) -> AttentionItem | None:
        """Take a person's answer for an order whose saga has ended; None when somebody answered before."""
        key = await self._vault.key(item.order_id)
        async with transaction(self._pool, scoped=False) as work:
            answered = await answer(work, item, choice, by, reason, key)
            if answered is None:
                return None
            said = f"{by} chose {choice} for {item.kind}: {reason}"
            await _write_entries(work, item.order_id, [_entry(item, "decision", said)], key)
            await work.execute(_ANNOUNCE, item.order_id)
            return answered

    async def list_orders(
        self,
        *,
        seller: str | None = None,
        status: OrderStatus | None = None,
        channel: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> OrderPage:
        """A page of orders, newest first. Raises CustomerError `cursor_invalid` for a cursor that is not ours."""
        at, order_id = _read_cursor(cursor) if cursor else (None, None)
        filters = (seller, status.value if status else None, channel)
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_LIST, *filters, at, order_id, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        shown = await self._vault.opened(rows[:limit])
        return OrderPage(tuple(load_record(row) for row in shown), _write_cursor(last) if last else None)

    async def search(
        self, text: str, *, seller: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> FoundPage:
        """Orders with this id, or that begins so; of this buyer, SKU, tracking number or seller; newest first.

        `seller`: of this one only. Raises CustomerError `cursor_invalid`.
        """
        after = _read_cursor(cursor) if cursor else None
        mark = await self._vault.mark(text)
        async with transaction(self._pool, scoped=False) as reader:
            rows = await find_rows(reader, text, mark, seller, after, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        shown = await self._vault.opened(rows[:limit])
        found = tuple((load_record(row), tuple(row["matched"])) for row in shown)
        return FoundPage(found, _write_cursor(last) if last else None)

    async def count_by_status(self) -> dict[OrderStatus, int]:
        """How many orders stand in each status."""
        async with connection(self._pool) as reader:
            return {OrderStatus(row["status"]): row["orders"] for row in await reader.fetch(_COUNTS)}


async def write_story(
    work: Connection,
    order_id: str,
    entries: Sequence[JournalEntry],
    attention: Sequence[AttentionItem],
    key: DataKey | None = None,
) -> Sequence[JournalEntry]:
    """Write entries and questions of an order inside a database transaction, and announce that it changed.

    Returns the entries that were not there before.
    """
    new = await _write_entries(work, order_id, entries, key)
    for item in attention:
        await write_question(work, item, key)
    await work.execute(_ANNOUNCE, order_id)
    return new


async def ask_once(work: Connection, item: AttentionItem, *, apart: bool = False, key: DataKey | None = None) -> bool:
    """Open a question inside a database transaction; False when one of its kind was asked about its parcel before.

    `apart`: False only when one of its id was.
    """
    if not await ask(work, item, apart=apart, key=key):
        return False
    await _write_entries(work, item.order_id, [_entry(item, "attention", item.question)], key)
    await work.execute(_ANNOUNCE, item.order_id)
    return True


async def begin_stories(work: Connection, begun: Sequence[tuple[str, JournalEntry]]) -> None:
    """Write the first entry of each of these orders (order id, entry), new ones, with one statement for all."""
    rows = [(order_id, entry.entry_id, entry.at, entry.kind, storable(entry.text)) for order_id, entry in begun]
    await work.execute(_FIRST_ENTRIES, *columns(rows, 5))
    for order_id, entry in begun:
        await announce(work, order_id, [entry])


async def _write_entries(
    work: Connection, order_id: str, entries: Sequence[JournalEntry], key: DataKey | None = None
) -> Sequence[JournalEntry]:
    if not entries:
        return ()
    rows = [_entry_row(entry, key) for entry in entries]
    ids = {row["entry_id"] for row in await work.fetch(_ENTRIES, order_id, *columns(rows, 6))}
    new = [entry for entry in entries if entry.entry_id in ids]
    await announce(work, order_id, new)
    return new


def _entry_row(entry: JournalEntry, key: DataKey | None) -> tuple[Any, ...]:
    """A line as stored; whose name a sealed one begins with stands beside it."""
    text = storable(entry.text)
    by = who_did(entry.kind, text) if key is not None else None
    return entry.entry_id, entry.at, entry.kind, seal_text(key, text), entry.parcel, by


def _measure(order: asyncpg.Record, entry: JournalEntry) -> None:
    """To its confirmation from when it had its units, unless it was another's turn; to the rest from acceptance."""
    if entry.kind != "confirmed":
        meters.reached(entry.kind, order["accepted_at"], entry.at)
    elif order["outcome_before"] not in _THEIRS:
        meters.reached(entry.kind, order["queued_at"], entry.at)


def _standing(update: JournalUpdate, key: DataKey | None) -> tuple[Any, ...]:
    ship_to = _address(update.ship_to, key) if update.ship_to else None
    told = update.elsewhere
    elsewhere = (
        None if told is None else [{"parcel": one.parcel, "ship_to": _address(one.ship_to, key)} for one in told]
    )
    reason = seal_text(key, storable(update.reason))
    return update.order_id, update.status.value, update.outcome, reason, ship_to, elsewhere


def _address(address: Address, key: DataKey | None) -> dict[str, Any]:
    return seal_address(key, storable(address.model_dump(mode="json")))


def _entry(item: AttentionItem, kind: str, text: str) -> JournalEntry:
    """A line about a question; a question is opened once and answered once."""
    return JournalEntry(
        entry_id=f"{item.item_id}-{kind}", at=datetime.now(UTC), kind=kind, text=text, parcel=item.parcel
    )


def _write_cursor(row: asyncpg.Record) -> str:
    text = json.dumps([row["accepted_at"].isoformat(), row["order_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, order_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at), str(order_id)
    except (binascii.Error, ValueError, TypeError) as error:
        raise CustomerError("cursor_invalid", "The cursor is not one this list gave out") from error
