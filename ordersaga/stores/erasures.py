"""Erasing an order's personal data: its key is destroyed, and with it all that only the key opens, wherever it lies.

What remains names nobody: amounts, units, SKUs, times, statuses, country and region. Books, chains and seals stay as
they were, because they were made over what was encrypted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ordersaga.domain.erasure import ErasureFacts, Ruling, Verdict, ruling
from ordersaga.domain.returns import FINAL_RETURNS
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.key_copies import ErasedOrder, KeyCopies, erase_copy, tell_erased
from ordersaga.stores.order_keys import OrderKeys, destroy_key
from ordersaga.stores.pools import Connection, Pool, connection, lock_orders, transaction
from ordersaga.stores.vault import Vault

MOST: Final = 1000
_FACTS = """
SELECT seller, status, erased_at,
    EXISTS (SELECT FROM order_keys WHERE subject = order_id AND wrapped IS NOT NULL) AS encrypted,
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
_KNOWN = "SELECT order_id FROM erasures WHERE order_id = ANY($1::text[])"
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

    async def look(self, order_id: str, seller: str | None) -> Ruling | None:
        """What would become of the order's data; None: there is no such order."""
        async with connection(self._pool, scoped=False) as reader:
            found = await _facts(reader, order_id, seller)
        return ruling(found[1]) if found else None

    async def erase(self, order_id: str, seller: str | None, erasure: Erasure) -> Ruling | None:
        """Erase it, if that may be done now; None: there is no such order.

        The copy of its key goes first: what was answered to be erased is erased everywhere.
        """
        async with transaction(self._pool, scoped=False) as work:
            await lock_orders(work, [order_id])
            found = await _facts(work, order_id, seller)
            if found is None:
                return None
            owner, facts = found
            judged = ruling(facts)
            if judged.verdict is not Verdict.ERASABLE:
                return judged
            erased = ErasedOrder(order_id, owner, erasure.by, erasure.reference)
            if self._keys.copies is not None:
                await erase_copy(self._keys.copies.pool, erased)
            at = await _erase(work, erased)
        self._vault.forget(order_id)
        return Ruling(Verdict.ERASED, "its key is destroyed", at)

    async def known(self, order_ids: Sequence[str]) -> set[str]:
        """Those of these orders that were erased."""
        async with connection(self._pool, scoped=False) as reader:
            return {row["order_id"] for row in await reader.fetch(_KNOWN, order_ids)}

    async def forgotten(self) -> Sequence[ErasedOrder]:
        """What was erased and a restored database does not know of; known where keys are copied only."""
        return await KeyCopies(self._keys).forgotten() if self._keys.copies is not None else []

    async def repeat(self, erased: ErasedOrder) -> None:
        """Erase again what a restore brought back, however the order stands now."""
        async with transaction(self._pool, scoped=False) as work:
            await lock_orders(work, [erased.order_id])
            await _erase(work, erased)
        self._vault.forget(erased.order_id)


async def _facts(work: Connection, order_id: str, seller: str | None) -> tuple[str, ErasureFacts] | None:
    row = await work.fetchrow(_FACTS, order_id, _OPEN_NO_MORE, seller)
    if row is None:
        return None
    counted = {name: row[name] for name in ("encrypted", "erased_at", "returns", "questions", "effects")}
    return row["seller"], ErasureFacts(status=OrderStatus(row["status"]), **counted)


async def _erase(work: Connection, erased: ErasedOrder) -> datetime:
    await destroy_key(work, erased.order_id)
    await work.execute(_FORGET_REQUESTS, erased.order_id)
    await work.execute(_EMPTY_INBOX, erased.order_id)
    await tell_erased(work, erased)
    at: datetime = await work.fetchval(_UNMARK, erased.order_id)
    return at
