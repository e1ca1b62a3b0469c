"""Orders' keys as they are stored: wrapped by a master key. Destroying one is told to every process that listens."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import asyncpg

from ordersaga.privacy.key_ring import KeyRing, WrappedKey
from ordersaga.privacy.master_keys import MasterKeys
from ordersaga.stores.heard import Ear, Heard
from ordersaga.stores.pools import Connection, Pool, columns, connection, transaction

CHANNEL: Final = "order_key_erased"
_COLUMNS: Final = "subject, key_id, master, wrapped"
_READ = f"SELECT {_COLUMNS} FROM order_keys WHERE subject = ANY($1::text[])"  # noqa: S608 - columns
_KEEP = """
INSERT INTO order_keys (subject, key_id, master, wrapped, erased_at)
SELECT *, CASE WHEN wrapped IS NULL THEN clock_timestamp() END
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS new(subject, key_id, master, wrapped)
ON CONFLICT (subject) DO NOTHING RETURNING subject
"""
_PAGE = f"SELECT {_COLUMNS} FROM order_keys WHERE subject > $1 ORDER BY subject LIMIT $2"  # noqa: S608 - columns
_DESTROY = """
UPDATE order_keys SET wrapped = NULL, erased_at = clock_timestamp()
WHERE subject = $1 AND wrapped IS NOT NULL RETURNING subject
"""
_OTHERS = f"""
SELECT {_COLUMNS} FROM order_keys WHERE wrapped IS NOT NULL AND master <> $1 ORDER BY master, subject LIMIT $2
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - columns
_REWRAP = """
UPDATE order_keys AS kept SET master = new.master, wrapped = new.wrapped
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new(subject, master, wrapped)
WHERE kept.subject = new.subject AND kept.wrapped IS NOT NULL
"""
_COUNTS = "SELECT master, count(*) AS keys FROM order_keys WHERE wrapped IS NOT NULL GROUP BY master ORDER BY master"


class OrderKeys:
    """The KeyStore port on PostgreSQL, and what rotation and erasure need besides.

    `copies`: the same in a second database, which no restore of the first one touches.
    """

    def __init__(self, pool: Pool, copies: "OrderKeys | None" = None) -> None:
        self.pool, self.copies = pool, copies

    async def read(self, subjects: Sequence[str]) -> Mapping[str, WrappedKey]:
        """Those there are, by subject; destroyed ones without `wrapped`."""
        async with connection(self.pool, scoped=False) as reader:
            rows = await reader.fetch(_READ, list(subjects))
        return {row["subject"]: _key(row) for row in rows}

    async def keep(self, key: WrappedKey) -> WrappedKey:
        """Keep a new key, copied before; returns the one that stands."""
        copied = await self.copied([key])
        return (await self.standing([copied[key.subject]]))[key.subject]

    async def standing(self, keys: Sequence[WrappedKey]) -> Mapping[str, WrappedKey]:
        """Keep new keys; those that stand, by subject."""
        async with transaction(self.pool, scoped=False) as work:
            fresh = await keep_keys(work, keys)
            others = [key.subject for key in keys if key.subject not in fresh]
            rows = await work.fetch(_READ, others) if others else []
        return {**{key.subject: key for key in keys}, **{row["subject"]: _key(row) for row in rows}}

    async def copied(self, keys: Sequence[WrappedKey]) -> Mapping[str, WrappedKey]:
        """Keep copies of new keys, where there is a place for them; those that stand, by subject."""
        return await self.copies.standing(keys) if self.copies else {key.subject: key for key in keys}

    async def copy_of(self, subject: str) -> WrappedKey | None:
        """The copy of a key."""
        return (await self.copies.read([subject])).get(subject) if self.copies else None

    async def page(self, after: str, limit: int) -> list[WrappedKey]:
        """The next keys behind a subject, in the order of subjects, destroyed ones too."""
        async with connection(self.pool, scoped=False) as reader:
            return [_key(row) for row in await reader.fetch(_PAGE, after, limit)]

    async def rewrap(self, rewrapped: Callable[[WrappedKey], Awaitable[WrappedKey]], master: str, limit: int) -> int:
        """Have at most `limit` keys wrapped anew that `master` does not wrap yet; returns how many.

        In one transaction; those that somebody else has in hand are left to them.
        """
        async with transaction(self.pool, scoped=False) as work:
            new = [await rewrapped(_key(row)) for row in await work.fetch(_OTHERS, master, limit)]
            if new:
                rows = [(key.subject, key.master, key.wrapped) for key in new]
                await work.execute(_REWRAP, *columns(rows, 3))
        return len(new)

    async def wrapped_by(self) -> dict[str, int]:
        """How many keys each master key wraps."""
        async with connection(self.pool) as reader:
            return {row["master"]: row["keys"] for row in await reader.fetch(_COUNTS)}


def listening_ring(keys: OrderKeys, masters: MasterKeys | None, heard: Heard) -> KeyRing | None:
    """The orders' keys, None without master keys; one that is destroyed anywhere is forgotten here as well."""
    if masters is None:
        return None
    ring = KeyRing(keys, masters)
    heard.add(Ear(CHANNEL, ring.forget, ring.forget))
    return ring


async def keep_keys(work: Connection, keys: Sequence[WrappedKey]) -> set[str]:
    """Keep new keys inside a database transaction; returns the subjects that had none until now."""
    rows = [(key.subject, key.key_id, key.master, key.wrapped) for key in keys]
    return {row["subject"] for row in await work.fetch(_KEEP, *columns(rows, 4))} if rows else set()


async def destroy_key(work: Connection, subject: str) -> bool:
    """Destroy a key for good, inside a database transaction; False when there was none to destroy."""
    destroyed = await work.fetchval(_DESTROY, subject) is not None
    await work.execute("SELECT pg_notify($1, $2)", CHANNEL, subject)
    return destroyed


def _key(row: asyncpg.Record) -> WrappedKey:
    return WrappedKey(**dict(row))
