"""Our side of a reconciliation, read from the ledgers in portions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.evidence import Deed, Heard, OpenEffect, OrderEvidence, ShelfEvidence
from ordersaga.domain.returns import FINAL_RETURNS, ReturnStatus
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus, ParcelStatus
from ordersaga.stores.books import read_balance
from ordersaga.stores.counted import adjust
from ordersaga.stores.order_rows import load_record
from ordersaga.stores.pools import Connection, Pool, connection, transaction
from ordersaga.stores.vault import CLEAR, Row, Vault

_ORDERS = """
SELECT orders.*, status = 'returning' AND EXISTS (SELECT FROM returns WHERE returns.order_id = orders.order_id)
                 AS returning
FROM orders WHERE order_id = ANY($1::text[])
"""
_DEEDS = """
SELECT order_id, key, step, parcel, generation, status, external_id, coalesce(amount, 0) AS amount,
       coalesce(answer->>'decision', answer->>'status', '') AS said, intended_at, settled_at,
       account
FROM effects WHERE order_id = ANY($1::text[]) ORDER BY order_id, intended_at, key
"""
_MONEY = """
SELECT order_id, parcel, account, sum(amount)::bigint AS amount
FROM money_postings JOIN money_transactions USING (transaction_id)
WHERE order_id = ANY($1::text[]) GROUP BY 1, 2, 3
"""
_SHIPPED = """
SELECT DISTINCT order_id, parcel FROM unit_movements WHERE order_id = ANY($1::text[]) AND account_to = 'shipped'
"""
_HEARD = """
SELECT order_id, parcel, kind, text, at FROM journal
WHERE order_id = ANY($1::text[]) AND kind = ANY($2::text[]) ORDER BY order_id, seq
"""
_TOLD = "SELECT order_id, entry_id FROM journal WHERE order_id = ANY($1::text[]) AND entry_id LIKE 'void-%'"
_ASKED = "SELECT DISTINCT order_id, kind, parcel FROM attention WHERE order_id = ANY($1::text[])"
# An order with a return under way has left its first saga behind: the return's workflow minds it.
_MOVING = """
SELECT order_id FROM orders
WHERE status = ANY($1::text[]) AND order_id > $2
  AND NOT (status = 'returning' AND EXISTS (SELECT FROM returns WHERE returns.order_id = orders.order_id))
ORDER BY order_id LIMIT $3
"""
_HANDED_OVER = """
SELECT order_id FROM orders
WHERE status = ANY($1::text[]) AND order_id > $4
  AND parcels @> jsonb_build_array(jsonb_build_object('provider', $2::text))
  AND EXISTS (SELECT FROM effects WHERE effects.order_id = orders.order_id AND step = 'hand_off' AND status = 'done'
                AND settled_at >= $3)
ORDER BY order_id LIMIT $5
"""
# What a return under way asked for is its workflow's business.
_UNSETTLED = """
SELECT key, effects.order_id, step, parcel, generation, intended_at, coalesce(seller, '') AS seller,
       coalesce(orders.status = ANY($1::text[]), true) AS final, coalesce(updated_at, intended_at) AS updated_at
FROM effects LEFT JOIN orders USING (order_id)
WHERE effects.status IN ('intended', 'unknown') AND intended_at <= $2 AND key > $3
  AND NOT (step = ANY($5::text[]) AND EXISTS (
      SELECT FROM returns WHERE returns.order_id = effects.order_id AND returns.status <> ALL($6::text[])))
ORDER BY key LIMIT $4
"""
# What a parcel handed over still holds may have left already: `holds` end when we book it as shipped.
# What a return under way brings may lie there already: it is booked once it is inspected.
_SHELVES = """
WITH back AS (
    SELECT "case"->'plan'->>'location' AS location, line->>'sku' AS sku, sum((line->>'quantity')::int) AS coming
    FROM returns, jsonb_array_elements("case"->'request'->'lines') AS line WHERE status = ANY($4::text[])
    GROUP BY 1, 2)
SELECT stock.location, stock.sku, products.seller, stock.on_hand, stock.held,
       (SELECT coalesce(sum(quantity), 0) FROM holds
        WHERE holds.location = stock.location AND holds.sku = stock.sku AND holds.status IN ('held', 'confirmed')
          AND EXISTS (SELECT FROM effects WHERE effects.order_id = holds.order_id AND effects.parcel = holds.parcel
                        AND step = 'hand_off' AND effects.status <> 'refused'))::int AS under_way,
       coalesce(moved.came, 0)::int AS came, coalesce(moved.went, 0)::int AS went,
       coalesce(back.coming, 0)::int AS coming
FROM stock JOIN locations USING (location) JOIN products USING (sku) LEFT JOIN back USING (location, sku)
LEFT JOIN LATERAL (
    SELECT sum(quantity) FILTER (WHERE kind IN ('received', 'restocked')) AS came,
           sum(quantity) FILTER (WHERE account_to = 'shipped') AS went
    FROM unit_movements WHERE unit_movements.location = stock.location AND unit_movements.sku = stock.sku
      AND moved_at >= $3) AS moved ON true
WHERE provider = $1 AND stock.sku = ANY($2::text[]) ORDER BY stock.sku, stock.location
"""
_REPORTS = [*(status.value for status in ParcelStatus), "conflict"]
_FINAL = [status.value for status in FINAL_STATUSES]
_RETURN_STEPS = ["refund_return", "book_return_label", "void_return_label"]
_COMING = [
    status.value
    for status in (
        ReturnStatus.AWAITING_GOODS,
        ReturnStatus.IN_TRANSIT,
        ReturnStatus.ARRIVED,
        ReturnStatus.NEEDS_ATTENTION,
    )
]
_OVER = [status.value for status in FINAL_RETURNS]
# Whoever waits in line has no saga yet.
_MOVING_STATUSES = [status.value for status in OrderStatus if status not in FINAL_STATUSES | {OrderStatus.WAITLISTED}]


class PostgresEvidence:
    """The Evidence port on PostgreSQL."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    async def orders(self, order_ids: Sequence[str]) -> Mapping[str, OrderEvidence]:
        """What our ledgers hold of these orders at one moment; one we do not know is missing."""
        ids = list(order_ids)
        async with connection(self._pool) as reader, reader.transaction(isolation="repeatable_read", readonly=True):
            known = await self._opened(await _by_order(reader, _ORDERS, ids))
            held = _Held(
                deeds=await _by_order(reader, _DEEDS, ids),
                money=await _by_order(reader, _MONEY, ids),
                shipped=await _by_order(reader, _SHIPPED, ids),
                heard=await self._opened(await _by_order(reader, _HEARD, ids, _REPORTS)),
                told=await _by_order(reader, _TOLD, ids),
                asked=await _by_order(reader, _ASKED, ids),
            )
        return {order_id: held.evidence(order_id, rows[0]) for order_id, rows in known.items()}

    async def _opened(self, found: Mapping[str, list[asyncpg.Record]]) -> dict[str, Sequence[Row]]:
        return {order_id: await self._vault.opened(rows) for order_id, rows in found.items()}

    async def moving(self, after: str, limit: int) -> Sequence[str]:
        """Ids of orders that have not ended, by id, those behind `after`; none with a return under way."""
        async with connection(self._pool) as reader:
            return _ids(await reader.fetch(_MOVING, _MOVING_STATUSES, after, limit))

    async def handed_over(self, provider: str, since: datetime, after: str, limit: int) -> Sequence[str]:
        """Ids of orders not ended with a parcel handed to this provider since then, by id, behind `after`."""
        async with connection(self._pool) as reader:
            return _ids(await reader.fetch(_HANDED_OVER, _MOVING_STATUSES, provider, since, after, limit))

    async def unsettled(self, before: datetime, after: str, limit: int) -> Sequence[OpenEffect]:
        """Effects intended before then whose outcome is unknown, by key, behind `after`."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_UNSETTLED, _FINAL, before, after, limit, _RETURN_STEPS, _OVER)
        return [OpenEffect(**dict(row)) for row in rows]

    async def shelves(self, provider: str, skus: Sequence[str], moved_since: datetime) -> Sequence[ShelfEvidence]:
        """Our count of these SKUs at a provider's locations; `moved_since`: what counts as moved just now."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_SHELVES, provider, list(skus), moved_since, _COMING)
        return [ShelfEvidence(**dict(row)) for row in rows]

    async def differences(self, order_id: str) -> Sequence[str]:
        """Why the order's books do not balance; empty when they do."""
        async with transaction(self._pool) as reader:
            return (await read_balance(reader, order_id)).differences()

    async def adjust(self, changes: Mapping[tuple[str, str], int], reference: str, reason: str) -> bool:
        """Set on hand right by units per (location, SKU), once per reference; False: done before.

        Raises OperatorError `promised`: fewer would be left than are promised to orders.
        """
        async with transaction(self._pool) as work:
            return await adjust(work, changes, reference, reason)


class _Held:
    """Rows of several orders by order id."""

    def __init__(self, **rows: Mapping[str, Sequence[Row]]) -> None:
        self._rows = rows

    def evidence(self, order_id: str, row: Row) -> OrderEvidence:
        record = load_record(row)
        return OrderEvidence(
            order=record.order,
            status=record.status,
            parcels=record.parcels,
            accepted_at=record.accepted_at,
            updated_at=record.updated_at,
            started=record.started,
            returning=row["returning"],
            deeds=tuple(_deed(each) for each in self._of("deeds", order_id)),
            money={(each["parcel"], Account(each["account"])): each["amount"] for each in self._of("money", order_id)},
            shipped=frozenset(each["parcel"] for each in self._of("shipped", order_id)),
            heard=tuple(Heard(**_without_order(each)) for each in self._of("heard", order_id)),
            told=frozenset(each["entry_id"] for each in self._of("told", order_id)),
            asked=frozenset((each["kind"], each["parcel"]) for each in self._of("asked", order_id)),
        )

    def _of(self, what: str, order_id: str) -> Iterable[Row]:
        return self._rows[what].get(order_id, [])


async def _by_order(reader: Connection, query: str, *arguments: Any) -> dict[str, list[asyncpg.Record]]:
    found: defaultdict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await reader.fetch(query, *arguments):
        found[row["order_id"]].append(row)
    return found


def _deed(row: Row) -> Deed:
    known = _without_order(row)
    return Deed(**{**known, "status": EffectStatus(known["status"])})


def _without_order(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "order_id"}


def _ids(rows: Iterable[asyncpg.Record]) -> list[str]:
    return [row["order_id"] for row in rows]
