"""Returns in PostgreSQL: each beside its order's status, story and questions, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ordersaga.domain.carriers import on_record
from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.return_rules import OrderFacts, ParcelFacts, accept, answered, opening_entry, order_status
from ordersaga.domain.returns import (
    FINAL_RETURNS,
    RETURNABLE,
    Opened,
    Refusal,
    ReturnAsk,
    ReturnCase,
    ReturnRecord,
    ReturnRequest,
    ReturnUpdate,
)
from ordersaga.privacy.key_ring import DataKey
from ordersaga.privacy.sealing import seal_case, seal_text
from ordersaga.stores.journal import write_story
from ordersaga.stores.order_rows import load_record
from ordersaga.stores.pools import Connection, Pool, connection, lock_orders, transaction
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Row, Vault

WayBack = Callable[[str | None], str | None]

_INSERT = """
INSERT INTO returns (order_id, number, parcel, request_key, "case", status) VALUES ($1, $2, $3, $4, $5, $6)
"""
_UPDATE = """
UPDATE returns SET status = $3, reason = $4, inspection = $5, carrier = $6, tracking_number = $7, label_url = $8,
    instructions = $9, refunded = $10, exchange_order_id = $11, started_at = coalesce(started_at, now()),
    updated_at = clock_timestamp()
WHERE order_id = $1 AND number = $2 RETURNING true
"""
_OF_ORDER = "SELECT * FROM returns WHERE order_id = $1 ORDER BY number"
_GET = "SELECT * FROM returns WHERE order_id = $1 AND number = $2"
_ORDER = "SELECT * FROM orders WHERE order_id = $1"
_STATUS = "UPDATE orders SET status = $2, reason = NULL, updated_at = now() WHERE order_id = $1 AND status <> $2"
_DELIVERED = "SELECT parcel, min(at) AS at FROM journal WHERE order_id = $1 AND kind = 'delivered' GROUP BY parcel"
_CAPTURED = """
SELECT parcel, sum(amount)::bigint AS amount FROM money_postings JOIN money_transactions USING (transaction_id)
WHERE order_id = $1 AND account IN ('cash', 'platform') GROUP BY parcel
"""
_PAYMENTS = """
SELECT parcel, max(generation) AS generation FROM effects
WHERE order_id = $1 AND step = 'capture' AND status = 'done' GROUP BY parcel
"""
_SOLD_BY = """
SELECT DISTINCT ON (parcel) parcel, account FROM effects
WHERE order_id = $1 AND step = 'book_label' AND status = 'done' ORDER BY parcel, generation DESC
"""
_UNSTARTED = """
SELECT order_id, "case" FROM returns WHERE started_at IS NULL AND requested_at <= now() - $1::interval
ORDER BY requested_at LIMIT $2
"""
_WITH_LABEL = """
SELECT * FROM returns
WHERE tracking_number IS NOT NULL AND inspection IS NULL AND status <> ALL($4::text[]) AND (order_id, number) > ($1, $2)
ORDER BY order_id, number LIMIT $3
"""
_MARK_STARTED = "UPDATE returns SET started_at = now() WHERE order_id = $1 AND number = $2 AND started_at IS NULL"


class PostgresReturns:
    """The ReturnStore port on PostgreSQL, and the queue of returns whose workflow is not started yet.

    `way_back`: the account that sells a label back, given the one that sold the way out.
    """

    def __init__(self, pool: Pool, way_back: WayBack = on_record, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault
        self._way_back = way_back

    async def open(self, order_id: str, ask: ReturnAsk, now: datetime) -> Opened | Refusal:
        """Accept a return, or say why not. One at a time for each order, so that no unit comes back twice."""
        key = await self._vault.key(order_id)
        async with transaction(self._pool, scoped=False) as work:
            await lock_orders(work, [order_id])
            rows = await self._vault.opened(await work.fetch(_OF_ORDER, order_id))
            facts = await self._facts(work, order_id, rows)
            answer = answered(facts, _standing(rows, ask), ask, now)
            if isinstance(answer, Opened) and not answer.repeated:
                await _insert(work, answer.record, ask.key, key)
                now_open = replace(facts, returns=(*facts.returns, answer.record))
                await work.execute(_STATUS, order_id, order_status(now_open).value)
                await write_story(work, order_id, [opening_entry(answer.record.case)], (), key)
            return answer

    async def foresee(self, order_id: str, request: ReturnRequest, now: datetime) -> ReturnCase | Refusal:
        """What `open` would accept or refuse; nothing is written."""
        return accept(await self.facts(order_id), request, now)

    async def facts(self, order_id: str) -> OrderFacts:
        """What decides about returns of an order, with those it has."""
        async with connection(self._pool) as reader:
            rows = await self._vault.opened(await reader.fetch(_OF_ORDER, order_id))
            return await self._facts(reader, order_id, rows)

    async def record(self, update: ReturnUpdate) -> None:
        """Write what changed of a return. OperatorError `return_missing` for one that was never accepted."""
        order_id = update.record.case.order_id
        key = await self._vault.key(order_id)
        async with transaction(self._pool) as work:
            await lock_orders(work, [order_id])
            if not await work.fetchval(_UPDATE, *_changes(update.record, key)):
                raise OperatorError("return_missing", f"Return {update.record.case.return_id} was never accepted")
            rows = await self._vault.opened(await work.fetch(_OF_ORDER, order_id))
            facts = await self._facts(work, order_id, rows)
            if facts.status in RETURNABLE:
                await work.execute(_STATUS, order_id, order_status(facts).value)
            await write_story(work, order_id, update.entries, update.attention, key)

    async def get(self, order_id: str, number: int) -> ReturnRecord | None:
        """A return as it stands, or None."""
        async with connection(self._pool) as reader:
            found = await reader.fetchrow(_GET, order_id, number)
        row = await self._vault.opened_one(found)
        return _load(row) if row else None

    async def of_order(self, order_id: str) -> Sequence[ReturnRecord]:
        """The order's returns by number."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_OF_ORDER, order_id)
        return [_load(row) for row in await self._vault.opened(rows)]

    async def parcel(self, order_id: str, parcel: int) -> ParcelFacts | None:
        """What our books say of a parcel now."""
        async with connection(self._pool) as reader:
            return (await self._facts(reader, order_id, ())).parcel(parcel)

    async def unstarted(self, *, older_than: timedelta, limit: int) -> list[ReturnCase]:
        """Accepted returns whose workflow is not started, oldest first."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_UNSTARTED, older_than, limit)
        return [ReturnCase.model_validate(row["case"]) for row in await self._vault.opened(rows)]

    async def with_label(self, *, after: tuple[str, int], limit: int) -> list[ReturnRecord]:
        """Open returns whose way back a carrier can be asked about, by order and number, beyond `after`."""
        async with connection(self._pool) as reader:
            ended = [status.value for status in FINAL_RETURNS]
            rows = await reader.fetch(_WITH_LABEL, *after, limit, ended)
        return [_load(row) for row in await self._vault.opened(rows)]

    async def mark_started(self, case: ReturnCase) -> None:
        """This return's workflow runs."""
        async with connection(self._pool) as work:
            await work.execute(_MARK_STARTED, case.order_id, case.number)

    async def _facts(self, reader: Connection, order_id: str, returns: Sequence[Row]) -> OrderFacts:
        row = await self._vault.opened_one(await reader.fetchrow(_ORDER, order_id))
        facts = await _facts(reader, order_id, row, returns)
        sold_by = {found["parcel"]: found["account"] for found in await reader.fetch(_SOLD_BY, order_id)}
        parcels = [
            one.model_copy(update={"account": self._way_back(sold_by.get(one.plan.parcel))}) for one in facts.parcels
        ]
        return replace(facts, parcels=parcels)


async def _facts(reader: Connection, order_id: str, row: Row | None, returns: Sequence[Row]) -> OrderFacts:
    if row is None:
        raise CustomerError("order_not_found", f"there is no order {order_id}")
    record = load_record(row)
    delivered = {found["parcel"]: found["at"] for found in await reader.fetch(_DELIVERED, order_id)}
    captured = {found["parcel"]: found["amount"] for found in await reader.fetch(_CAPTURED, order_id)}
    payments = {found["parcel"]: found["generation"] for found in await reader.fetch(_PAYMENTS, order_id)}
    went = {each.parcel: each.ship_to for each in record.elsewhere}
    parcels = [
        ParcelFacts(
            plan=plan,
            delivered_at=delivered.get(plan.parcel),
            captured=captured.get(plan.parcel, 0),
            payment=payments.get(plan.parcel, 1),
            sent_to=went.get(plan.parcel),
        )
        for plan in record.parcels
    ]
    return OrderFacts(record.order, record.status, parcels, [_load(found) for found in returns])


def _standing(rows: Sequence[Row], ask: ReturnAsk) -> ReturnRecord | None:
    """The return that the request's key or number names."""
    for row in rows:
        if (ask.key is not None and row["request_key"] == ask.key) or row["number"] == ask.number:
            return _load(row)
    return None


async def _insert(work: Connection, record: ReturnRecord, request_key: str | None, key: DataKey | None) -> None:
    case = record.case
    stored = seal_case(key, storable(case.model_dump(mode="json")))
    await work.execute(_INSERT, case.order_id, case.number, case.plan.parcel, request_key, stored, record.status.value)


def _changes(record: ReturnRecord, key: DataKey | None) -> tuple[Any, ...]:
    found = record.inspection
    inspection = storable(found.model_dump(mode="json")) if found else None
    return (
        record.case.order_id,
        record.case.number,
        record.status.value,
        seal_text(key, storable(record.reason)),
        {**inspection, "reason": seal_text(key, inspection["reason"])} if inspection else None,
        record.carrier,
        record.tracking_number,
        seal_text(key, storable(record.label_url)),
        seal_text(key, storable(record.instructions)),
        record.refunded,
        record.exchange_order_id,
    )


def _load(row: Row) -> ReturnRecord:
    known = {name: row[name] for name in ReturnRecord.model_fields if name not in ("started", "case")}
    return ReturnRecord(case=ReturnCase.model_validate(row["case"]), started=row["started_at"] is not None, **known)
