"""A second database, small and never restored together with the first: copies of orders' keys, and what was erased.

A restored database finds there the keys it has lost, so that Temporal's histories are read, and the erasures it has
forgotten, so that they are repeated.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Final

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.migrate import migrate, migrations
from ordersaga.stores.order_keys import OrderKeys, destroy_key, keep_keys
from ordersaga.stores.pools import Pool, close_pool, connection, create_pool, transaction

PAGE: Final = 1000
PATIENCE: Final = timedelta(seconds=3)
"""Orders that are accepted wait for it."""
_COLUMNS: Final = 'order_id, seller, "by", reference, at'
_TOLD: Final = f"SELECT {_COLUMNS} FROM erasures ORDER BY at, order_id"  # noqa: S608 - columns
_KNOWN: Final = f"SELECT {_COLUMNS} FROM erasures WHERE order_id = ANY($1::text[])"  # noqa: S608 - columns
_COUNT: Final = "SELECT count(*) FROM order_keys"
_TELL: Final = f"""
INSERT INTO erasures ({_COLUMNS}) VALUES ($1, $2, $3, $4, coalesce($5, clock_timestamp())) ON CONFLICT DO NOTHING
"""  # noqa: S608 - columns


@dataclass(frozen=True)
class ErasedOrder:
    """Whose data was erased, who had it erased under which number; `at` None: now."""

    order_id: str
    seller: str
    by: str
    reference: str
    at: datetime | None = None


@dataclass(frozen=True)
class Agreement:
    """What was missing: keys `brought_back` to the orders' database, `copied`, and `destroyed` among the copies."""

    brought_back: int
    copied: int
    destroyed: int


class KeyCopies:
    """Brings both into agreement. `keys`: those of the orders' database, with their copies."""

    def __init__(self, keys: OrderKeys) -> None:
        assert keys.copies is not None, "there is a place for copies"
        self._keys, self._copies = keys, keys.copies

    async def agree(self) -> Agreement:
        """Each gets what only the other has. A key that is destroyed here is destroyed there.

        One that is destroyed among the copies only stays here for now: an order that is brought up to date needs it.
        `PostgresErasures.repeat` destroys it.
        """
        brought, _ = await _bring(self._copies, self._keys)
        copied, gone = await _bring(self._keys, self._copies)
        async with connection(self._keys.pool, scoped=False) as reader:
            known = [ErasedOrder(**dict(row)) for row in await reader.fetch(_KNOWN, gone)]
        for erased in known:
            await erase_copy(self._copies.pool, erased)
        return Agreement(brought, copied, len(known))

    async def counts(self) -> tuple[int, int]:
        """How many keys there are, and how many copies. Raises OperatorError `database_not_migrated`."""
        async with connection(self._copies.pool, scoped=False) as reader:
            if await reader.fetchval("SELECT to_regclass('erasures') IS NULL"):
                raise OperatorError("database_not_migrated", "the database of the keys' copies: run ordersaga migrate")
            there = await reader.fetchval(_COUNT)
        async with connection(self._keys.pool, scoped=False) as reader:
            return await reader.fetchval(_COUNT), there

    async def forgotten(self) -> list[ErasedOrder]:
        """What was erased and the orders' database does not know of, oldest first."""
        async with connection(self._copies.pool, scoped=False) as reader:
            told = [ErasedOrder(**dict(row)) for row in await reader.fetch(_TOLD)]
        async with connection(self._keys.pool, scoped=False) as reader:
            rows = await reader.fetch(_KNOWN, [erased.order_id for erased in told])
        known = {row["order_id"] for row in rows}
        return [erased for erased in told if erased.order_id not in known]


async def erase_copy(copies: Pool, erased: ErasedOrder) -> None:
    """Destroy the copy of an order's key, and remember that it was erased."""
    async with transaction(copies, scoped=False) as work:
        await destroy_key(work, erased.order_id)
        await work.execute(_TELL, *astuple(erased))


async def prepare_copies(database_url: str) -> list[str]:
    """Bring the second database to this version; returns the migrations applied now."""
    return await migrate(database_url, migrations("copies_migrations"))


@asynccontextmanager
async def opened_keys(pool: Pool, copies_url: str) -> AsyncIterator[OrderKeys]:
    """The orders' keys, with their copies where there is a place for them. It is connected to when it is needed."""
    if not copies_url:
        yield OrderKeys(pool)
        return
    copies = await create_pool(
        copies_url, application_name="ordersaga-key-copies", min_size=0, max_size=4, statement_timeout=PATIENCE
    )
    try:
        yield OrderKeys(pool, OrderKeys(copies))
    finally:
        await close_pool(copies)


async def _bring(source: OrderKeys, target: OrderKeys) -> tuple[int, Sequence[str]]:
    """Keep in the target what only the source has; how many, and what is destroyed in the source only."""
    brought, gone, after = 0, list[str](), ""
    while page := await source.page(after, PAGE):
        after = page[-1].subject
        async with transaction(target.pool, scoped=False) as work:
            brought += len(await keep_keys(work, page))
        destroyed = [key.subject for key in page if key.wrapped is None]
        standing = await target.read(destroyed)
        gone += [subject for subject in destroyed if standing[subject].wrapped is not None]
    return brought, gone
