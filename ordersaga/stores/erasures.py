"""Erasing an order's personal data: its key is destroyed, and with it all that only the key opens, wherever it lies.

What remains names nobody: amounts, units, SKUs, times, statuses, country and region. Books, chains and seals stay as
they were, because they were made over what was encrypted. Of an order that was in the clear for a while, what was
written then stays as well: the ruling names it, and so does the record of the erasure.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Final

from ordersaga.domain.erasure import (
    UNTOLD,
    ErasureFacts,
    Histories,
    Remains,
    Ruling,
    Verdict,
    erased,
    erased_before,
    remains_of,
    ruling,
)
from ordersaga.domain.returns import FINAL_RETURNS
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.key_copies import ErasedOrder, KeyCopies, erase_copy
from ordersaga.stores.order_keys import OrderKeys, destroy_key
from ordersaga.stores.pools import Connection, Pool, connection, lock_orders, transaction
from ordersaga.stores.vault import Vault

MOST: Final = 1000
_FACTS = """
SELECT seller, status, erased_at,
    EXISTS (SELECT FROM order_keys WHERE subject = order_id AND wrapped IS NOT NULL) AS encrypted,
    NOT (request->'ship_to' ? 'sealed') AS clear_rows,
    NOT (request->'ship_to' ? 'sealed') OR EXISTS (SELECT FROM encryption
        WHERE NOT is_on AND at BETWEEN orders.accepted_at AND orders.updated_at) AS clear_histories,
    (SELECT count(*) FROM returns WHERE returns.order_id = $1 AND returns.status <> ALL($2::text[])) AS returns,
    (SELECT count(*) FROM attention WHERE attention.order_id = $1 AND resolved IS NULL) AS questions,
    (SELECT count(*) FROM effects WHERE effects.order_id = $1 AND effects.status IN ('intended', 'unknown')) AS effects
FROM orders WHERE order_id = $1 AND ($3::text IS NULL OR seller = $3)
"""
_OF_BUYER = """
SELECT order_id FROM orders WHERE coalesce(buyer, request->>'buyer') IN ($1, $2) AND ($3::text IS NULL OR seller = $3)
ORDER BY accepted_at, order_id LIMIT $4
"""
_UNMARK = """
UPDATE orders SET buyer = NULL, erased_at = clock_timestamp() WHERE order_id = $1 RETURNING erased_at
"""
# A hash of what was asked confirms a guess at it. Nobody can repeat a request of which nothing is known any more.
_FORGET_REQUESTS = "UPDATE idempotency_keys SET request_hash = 'erased' WHERE order_id = $1"
_EMPTY_INBOX = "UPDATE webhook_inbox SET body = '{}' WHERE order_id = $1"
_EMPTY_RECORD = "UPDATE webhook_record SET body = '{}' WHERE order_id = $1"
_TELL = """
INSERT INTO erasures (order_id, seller, "by", reference, at, remains)
VALUES ($1, $2, $3, $4, coalesce($5, clock_timestamp()), $6) ON CONFLICT DO NOTHING
"""
_REMAINS = "SELECT remains FROM erasures WHERE order_id = $1"
_FACTS_OF_IT = ("encrypted", "erased_at", "returns", "questions", "effects", "clear_rows", "clear_histories")
_OPEN_NO_MORE = [status.value for status in FINAL_RETURNS]


@dataclass(frozen=True)
class Erasure:
    """Who asked for it, under which number of theirs."""

    by: str
    reference: str


class PostgresErasures:
    """Erases, and tells what would be erased. `seller`, where given: of this one's orders only."""

    def __init__(self, pool: Pool, vault: Vault, keys: OrderKeys) -> None:
        self._pool, self._vault, self._keys = pool, vault, keys

    async def of_buyer(self, buyer: str, seller: str | None) -> Sequence[str]:
        """Ids of the buyer's orders, oldest first; at most `MOST`."""
        mark = await self._vault.mark(buyer)
        async with connection(self._pool, scoped=False) as reader:
            rows = await reader.fetch(_OF_BUYER, buyer, mark, seller, MOST)
        return [row["order_id"] for row in rows]

    async def look(self, order_id: str, seller: str | None, histories: Histories = UNTOLD) -> Ruling | None:
        """What would become of the order's data; None: there is no such order. `histories`: what Temporal has of it."""
        async with connection(self._pool, scoped=False) as reader:
            found = await _facts(reader, order_id, seller)
            return await _judged(reader, order_id, found[1], histories) if found else None

    async def erase(
        self, order_id: str, seller: str | None, erasure: Erasure, histories: Histories = UNTOLD
    ) -> Ruling | None:
        """Erase it, if that may be done now; None: there is no such order.

        The copy of its key goes first: what was answered to be erased is erased everywhere.
        """
        async with transaction(self._pool, scoped=False) as work:
            await lock_orders(work, [order_id])
            found = await _facts(work, order_id, seller)
            if found is None:
                return None
            owner, facts = found
            judged = await _judged(work, order_id, facts, histories)
            if not judged.may_be_erased:
                return judged
            order = ErasedOrder(order_id, owner, erasure.by, erasure.reference)
            if self._keys.copies is not None:
                await erase_copy(self._keys.copies.pool, order)
            at = await _erase(work, order, judged.remains)
        self._vault.forget(order_id)
        return erased(judged, at)

    async def forgotten(self) -> Sequence[ErasedOrder]:
        """What was erased and a restored database does not know of; known where keys are copied only."""
        return await KeyCopies(self._keys).forgotten() if self._keys.copies is not None else []

    async def repeat(self, order: ErasedOrder) -> None:
        """Erase again what a restore brought back, however the order stands now."""
        async with transaction(self._pool, scoped=False) as work:
            await lock_orders(work, [order.order_id])
            found = await _facts(work, order.order_id, None)
            await _erase(work, order, remains_of(found[1], UNTOLD) if found else ())
        self._vault.forget(order.order_id)


async def _facts(work: Connection, order_id: str, seller: str | None) -> tuple[str, ErasureFacts] | None:
    row = await work.fetchrow(_FACTS, order_id, _OPEN_NO_MORE, seller)
    if row is None:
        return None
    known = {name: row[name] for name in _FACTS_OF_IT}
    return row["seller"], ErasureFacts(status=OrderStatus(row["status"]), **known)


async def _judged(work: Connection, order_id: str, facts: ErasureFacts, histories: Histories) -> Ruling:
    """The ruling; of what was erased before with what its record says has remained."""
    judged = ruling(facts, histories)
    if judged.verdict is not Verdict.ERASED_BEFORE:
        return judged
    told = await work.fetchval(_REMAINS, order_id) or []
    return erased_before(judged, [Remains.model_validate(each) for each in told], datetime.now(UTC))


async def _erase(work: Connection, order: ErasedOrder, remains: Sequence[Remains]) -> datetime:
    await destroy_key(work, order.order_id)
    await work.execute(_FORGET_REQUESTS, order.order_id)
    await work.execute(_EMPTY_INBOX, order.order_id)
    await work.execute(_EMPTY_RECORD, order.order_id)
    await work.execute(_TELL, *astuple(order), [each.model_dump(mode="json", exclude_none=True) for each in remains])
    at: datetime = await work.fetchval(_UNMARK, order.order_id)
    return at
