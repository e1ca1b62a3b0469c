"""Webhook inbox: each message is stored once, answered at once, and delivered later by any of several relays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ordersaga.privacy.key_ring import EVERYBODY
from ordersaga.stores.pools import Pool, connection, transaction
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Row, Vault

_STORE = """
INSERT INTO webhook_inbox (source, source_id, order_id, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (source, source_id) DO NOTHING RETURNING id
"""
# A claim is a lease: the row is due again when the lease ends, so a relay that died loses nothing.
_CLAIM = """
UPDATE webhook_inbox SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + $2::interval
WHERE id IN (SELECT id FROM webhook_inbox WHERE status = 'pending' AND next_attempt_at <= clock_timestamp()
             ORDER BY next_attempt_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING id, source, source_id, order_id, body, attempts, received_at
"""
_FINISH = """
UPDATE webhook_inbox SET status = $2, order_id = coalesce($3, order_id), error = $4, delivered_at = clock_timestamp()
WHERE id = $1 AND status = 'pending'
"""
# Waits 1, 2, 4, ... seconds, at most five minutes, then gives up for a person to look at.
_FAIL = """
UPDATE webhook_inbox SET error = $2, status = CASE WHEN attempts >= $3 THEN 'failed' ELSE 'pending' END,
    next_attempt_at = clock_timestamp() + make_interval(secs => least(300, power(2, least(attempts, 20) - 1)))
WHERE id = $1 AND status = 'pending' RETURNING status
"""
# Nothing was wrong with the message: the attempt does not count, whatever the number of outages it lives through.
_POSTPONE = """
UPDATE webhook_inbox SET next_attempt_at = clock_timestamp() + $2::interval, attempts = greatest(attempts - 1, 0),
    error = coalesce($3, error)
WHERE id = ANY($1::bigint[]) AND status = 'pending'
"""
_REQUEUE = """
UPDATE webhook_inbox SET status = 'pending', attempts = 0, next_attempt_at = clock_timestamp()
WHERE id = $1 AND status = 'failed' RETURNING id, source, source_id, order_id, attempts, received_at, error
"""
_FAILED = """
SELECT id, source, source_id, order_id, attempts, received_at, error FROM webhook_inbox
WHERE status = 'failed' ORDER BY id DESC LIMIT $1
"""
# Both by an index that holds nothing else.
_WAITING = """
SELECT 'pending' AS status, count(*) AS messages FROM webhook_inbox WHERE status = 'pending'
UNION ALL SELECT 'failed', count(*) FROM webhook_inbox WHERE status = 'failed'
"""
_COUNTS = "SELECT status, count(*) AS messages FROM webhook_inbox GROUP BY status"


@dataclass(frozen=True)
class InboxMessage:
    """A message claimed for delivery. `attempts` includes this one."""

    id: int
    source: str
    source_id: str
    order_id: str | None
    body: Any
    attempts: int
    received_at: datetime


@dataclass(frozen=True)
class FailedMessage:
    """A message given up on, and why."""

    id: int
    source: str
    source_id: str
    order_id: str | None
    attempts: int
    received_at: datetime
    error: str | None


class WebhookInbox:
    """Messages of outside companies, once each."""

    def __init__(self, pool: Pool, *, max_attempts: int = 12, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault
        self._max_attempts = max_attempts

    async def store(self, source: str, source_id: str, order_id: str | None, body: Any) -> bool:
        """Keep a verified message; False: seen before, nothing written. New ones NOTIFY `inbox` with their id."""
        sealed = await self._vault.body(storable(order_id), storable(body))
        async with transaction(self._pool, scoped=False) as work:
            row = (source, storable(source_id), storable(order_id), sealed)
            new = await work.fetchval(_STORE, *row)
            if new is not None:
                await work.execute("SELECT pg_notify('inbox', $1)", str(new))
            return new is not None

    async def claim(self, limit: int, *, lease: timedelta = timedelta(seconds=30)) -> list[InboxMessage]:
        """Take up to `limit` due messages, oldest first; nobody else gets them while the lease runs."""
        async with connection(self._pool) as work:
            rows = await work.fetch(_CLAIM, limit, lease)
        opened = await self._vault.opened(rows, EVERYBODY)
        return sorted(map(_message, opened), key=lambda message: message.id)

    async def mark_delivered(self, message_id: int, *, order_id: str | None = None) -> None:
        """It reached its saga, or the list of open questions; `order_id` when delivery found out whose it is."""
        await self._finish(message_id, "delivered", order_id, None)

    async def mark_ignored(self, message_id: int, reason: str) -> None:
        """It is not for us, or says nothing new."""
        await self._finish(message_id, "ignored", None, reason)

    async def mark_failed(self, message_id: int, error: str) -> bool:
        """Delivery failed: try again later (True), or give up after `max_attempts` (False)."""
        async with connection(self._pool) as work:
            status = await work.fetchval(_FAIL, message_id, storable(error), self._max_attempts)
            return bool(status == "pending")

    async def postpone(self, message_ids: Sequence[int], delay: timedelta, why: str | None = None) -> None:
        """Give claimed messages back, to be tried again after `delay`; the attempt does not count."""
        async with connection(self._pool) as work:
            await work.execute(_POSTPONE, list(message_ids), delay, storable(why))

    async def failed(self, limit: int) -> list[FailedMessage]:
        """Messages given up on, newest first."""
        async with connection(self._pool) as reader:
            return [FailedMessage(**dict(row)) for row in await reader.fetch(_FAILED, limit)]

    async def requeue(self, message_id: int) -> FailedMessage | None:
        """Deliver a message after all that was given up on: which one; None: there is none."""
        async with transaction(self._pool) as work:
            row = await work.fetchrow(_REQUEUE, message_id)
            if row is None:
                return None
            await work.execute("SELECT pg_notify('inbox', $1)", str(message_id))
            return FailedMessage(**dict(row))

    async def waiting(self) -> dict[str, int]:
        """How many messages are pending, and how many failed."""
        async with connection(self._pool) as reader:
            return {row["status"]: row["messages"] for row in await reader.fetch(_WAITING)}

    async def count_by_status(self) -> dict[str, int]:
        """How many messages are pending, delivered, ignored and failed: reads all there are."""
        async with connection(self._pool) as reader:
            return {row["status"]: row["messages"] for row in await reader.fetch(_COUNTS)}

    async def _finish(self, message_id: int, status: str, order_id: str | None, error: str | None) -> None:
        async with connection(self._pool) as work:
            await work.execute(_FINISH, message_id, status, order_id, storable(error))


def _message(row: Row) -> InboxMessage:
    return InboxMessage(**dict(row))
