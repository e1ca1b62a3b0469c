"""Outbox of notifications: written with the journal entry they are about, delivered later by any of several relays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.notifications import DETAILED, EVENTS, KEPT, LONGEST_ERROR, DeliveryStatus, Notification
from ordersaga.stores.pools import Connection, Pool, columns, connection, transaction
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Row, Vault

MOST_REPLAYED: Final = 10_000

# The id of an entry's notification for an endpoint, always the same: receivers know a repeat by it.
_ID = "'msg_' || left(encode(sha256(convert_to(concat_ws('/', endpoint.id, {0}), 'UTF8')), 'hex'), 32)"
_COLUMNS = "id, endpoint_id, order_id, entry_id, type, at, parcel, order_status"
_ANNOUNCE = f"""
WITH made AS (
    INSERT INTO notifications ({_COLUMNS})
    SELECT {_ID.format("orders.order_id, entry.entry_id")}, endpoint.id, orders.order_id, entry.entry_id, entry.type,
           entry.at, entry.parcel, orders.status
    FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::int[]) AS entry(entry_id, type, at, parcel)
    JOIN orders ON orders.order_id = $1
    JOIN webhook_endpoints AS endpoint ON (endpoint.seller IS NULL OR endpoint.seller = orders.seller)
        AND (endpoint.types = '{{}}' OR entry.type = ANY(endpoint.types))
        AND endpoint.disabled_at IS NULL AND endpoint.removed_at IS NULL
    ON CONFLICT (id) DO NOTHING RETURNING 1)
SELECT pg_notify('notifications', '') WHERE EXISTS (SELECT FROM made)
"""  # noqa: S608 - only names and an expression of this module are put in
# Endpoints take turns: one with a long queue, or one that never answers, must not hold up the others.
# A claim is a lease: the row is due again when the lease ends, so a relay that died loses nothing.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT picked.id FROM (
        SELECT id FROM webhook_endpoints
        WHERE disabled_at IS NULL AND removed_at IS NULL AND id <> ALL($3::text[]) ORDER BY random()) AS endpoint
    CROSS JOIN LATERAL (
        SELECT id FROM notifications
        WHERE endpoint_id = endpoint.id AND status = 'pending' AND next_attempt_at <= now()
        ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS picked
    LIMIT $1)
UPDATE notifications SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + $4::interval
FROM due, webhook_endpoints AS endpoint, orders, journal
WHERE journal.order_id = notifications.order_id AND journal.entry_id = notifications.entry_id
    AND notifications.id = due.id AND endpoint.id = notifications.endpoint_id
    AND orders.order_id = notifications.order_id
RETURNING notifications.id, type, notifications.at, notifications.order_id, orders.seller, orders.channel,
    notifications.parcel, order_status, journal.text AS story, endpoint_id, endpoint.kind, url, secret,
    CASE WHEN previous_until > now() THEN previous_secret END AS previous_secret,
    attempts, notifications.queued_at
"""
_DELIVERED = """
UPDATE notifications SET status = 'delivered', delivered_at = clock_timestamp(), last_error = NULL
WHERE id = $1 AND status = 'pending'
"""
_FAILED = """
UPDATE notifications SET last_error = $2, next_attempt_at = coalesce($3, next_attempt_at),
    status = CASE WHEN $3::timestamptz IS NULL THEN 'failed' ELSE 'pending' END
WHERE id = $1 AND status = 'pending'
"""
# Entries of a time when the endpoint was disabled, or not there yet, are told as well.
_REPLAY = f"""
WITH wanted AS (
    SELECT {_ID.format("journal.order_id, journal.entry_id")} AS id, endpoint.id AS endpoint_id, journal.order_id,
           journal.entry_id, event.type, journal.at, journal.parcel, orders.status AS order_status
    FROM webhook_endpoints AS endpoint
    JOIN journal ON journal.at >= $2 AND ($3::timestamptz IS NULL OR journal.at < $3)
    JOIN unnest($4::text[], $5::text[]) AS event(kind, type) ON event.kind = journal.kind
    JOIN orders ON orders.order_id = journal.order_id
    WHERE endpoint.id = $1 AND (endpoint.seller IS NULL OR endpoint.seller = orders.seller)
        AND (endpoint.types = '{{}}' OR event.type = ANY(endpoint.types))
    ORDER BY journal.at, journal.seq LIMIT {MOST_REPLAYED})
INSERT INTO notifications ({_COLUMNS}) SELECT {_COLUMNS} FROM wanted
ON CONFLICT (id) DO UPDATE SET status = 'pending', attempts = 0, queued_at = clock_timestamp(),
    next_attempt_at = clock_timestamp(), delivered_at = NULL, last_error = NULL
RETURNING at
"""  # noqa: S608 - only names, a number and an expression of this module are put in
_DELIVERIES = """
SELECT id, type, order_id, parcel, at, status, attempts, queued_at, next_attempt_at, delivered_at, last_error
FROM notifications WHERE endpoint_id = $1 AND ($2::text IS NULL OR status = $2)
ORDER BY queued_at DESC, id DESC LIMIT $3
"""
_PRUNE = """
DELETE FROM notifications WHERE id IN
    (SELECT id FROM notifications WHERE status <> 'pending' AND queued_at < now() - $1::interval LIMIT $2)
RETURNING 1
"""


@dataclass(frozen=True)
class Claimed:
    """A notification to deliver now. `attempts` includes this one; the newest of `secrets` is the first."""

    notification: Notification
    endpoint_id: str
    kind: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    attempts: int
    queued_at: datetime


@dataclass(frozen=True)
class Delivery:
    """How the delivery of a notification stands."""

    id: str
    type: str
    order_id: str
    parcel: int
    at: datetime
    status: DeliveryStatus
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class Replayed:
    """How many notifications were queued again; `next_since`: there are more, from then on."""

    queued: int
    next_since: datetime | None


async def announce(work: Connection, order_id: str, entries: Sequence[JournalEntry]) -> None:
    """Queue what endpoints are to hear of new entries, inside the transaction that writes them; NOTIFY if any do."""
    rows = [
        (entry.entry_id, EVENTS[entry.kind].name, entry.at, entry.parcel) for entry in entries if entry.kind in EVENTS
    ]
    if rows:
        await work.execute(_ANNOUNCE, order_id, *columns(rows, 4))


class Outbox:
    """Notifications on their way to endpoints."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    async def claim(
        self,
        limit: int,
        *,
        per_endpoint: int = 4,
        excluded: Collection[str] = (),
        lease: timedelta = timedelta(seconds=60),
    ) -> list[Claimed]:
        """Take due notifications, a few of each endpoint not `excluded`; nobody else gets them during the lease."""
        async with connection(self._pool) as work:
            rows = await work.fetch(_CLAIM, limit, per_endpoint, list(excluded), lease)
        return [_claimed(row) for row in await self._vault.opened(rows)]

    async def mark_delivered(self, notification_id: str) -> None:
        """The receiver has it."""
        async with connection(self._pool) as work:
            await work.execute(_DELIVERED, notification_id)

    async def mark_failed(self, notification_id: str, error: str, again_at: datetime | None) -> None:
        """An attempt failed: try again then, or never (None)."""
        async with connection(self._pool) as work:
            await work.execute(_FAILED, notification_id, storable(error)[: 2 * LONGEST_ERROR], again_at)

    async def replay(
        self, endpoint_id: str, since: datetime, until: datetime | None, types: Collection[str] = ()
    ) -> Replayed:
        """Queue what happened from `since` to before `until` (None: now) again, under the same ids; of `types`, if any.

        At most `MOST_REPLAYED` at once, oldest first.
        """
        wanted = [(kind, event.name) for kind, event in EVENTS.items() if not types or event.name in types]
        async with transaction(self._pool) as work:
            rows = await work.fetch(_REPLAY, endpoint_id, since, until, *columns(wanted, 2))
            await work.execute("SELECT pg_notify('notifications', '')")
        more = len(rows) == MOST_REPLAYED
        return Replayed(len(rows), max(row["at"] for row in rows) if more else None)

    async def deliveries(self, endpoint_id: str, status: DeliveryStatus | None, limit: int) -> list[Delivery]:
        """How deliveries to an endpoint stand, newest first."""
        async with connection(self._pool) as reader:
            return [Delivery(**dict(row)) for row in await reader.fetch(_DELIVERIES, endpoint_id, status, limit)]

    async def prune(self, limit: int = 1000) -> bool:
        """Forget outcomes of deliveries that are old. True: there may be more."""
        async with connection(self._pool) as work:
            return len(await work.fetch(_PRUNE, KEPT, limit)) == limit


def _claimed(row: Row) -> Claimed:
    notification = Notification(
        id=row["id"],
        type=row["type"],
        at=row["at"],
        order_id=row["order_id"],
        seller=row["seller"],
        channel=row["channel"],
        parcel=row["parcel"],
        status=row["order_status"],
        detail=row["story"] if row["type"] in DETAILED else None,
    )
    secrets = tuple(secret for secret in (row["secret"], row["previous_secret"]) if secret)
    rest = {name: row[name] for name in ("endpoint_id", "kind", "url", "attempts", "queued_at")}
    return Claimed(notification=notification, secrets=secrets, **rest)
