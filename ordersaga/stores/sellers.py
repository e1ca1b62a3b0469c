"""Sellers that were onboarded: their profiles with every change, their accounts and their locations.

A process that listens (`Heard`) remembers what it must know of a seller to take its orders.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from ordersaga.domain.catalog import Seller
from ordersaga.domain.orders import SellerTerms
from ordersaga.domain.sellers import (
    Goods,
    OwnAccount,
    SellerChange,
    SellerLocation,
    SellerProfile,
    SellerRecord,
    Selling,
    StandingLocation,
    Surroundings,
)
from ordersaga.stores.catalog import CHANNEL
from ordersaga.stores.heard import Heard
from ordersaga.stores.holds import announce_stock
from ordersaga.stores.pools import Connection, Pool, columns, connection, transaction
from ordersaga.stores.remembered import Remembered

# Any fixed number: what one change was checked against must hold until it is written.
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(7305041934)"
_CHANGED: Final = "SELECT pg_notify('catalog_changed', '')"
_SELLING = """
SELECT coalesce(profile->'channels', '[]') AS channels, order_prefix FROM seller_profiles WHERE seller = $1
"""
_PREFIXES = "SELECT order_prefix, seller FROM seller_profiles WHERE order_prefix IS NOT NULL ORDER BY order_prefix"
# A prefix has one underscore, which LIKE takes for any character.
_BEGUN = r"""
SELECT prefix FROM unnest($2::text[]) AS prefix
WHERE EXISTS (SELECT FROM orders WHERE order_id LIKE replace(prefix, '_', '\_') || '%' AND seller <> $1)
"""
_RECORDS = """
SELECT seller, version, profile, changed_by, changed_at FROM seller_profiles
WHERE $1::text IS NULL OR seller = $1 ORDER BY seller
"""
_CHANGES = """
SELECT version, changed_by, changed_at, before, after FROM seller_changes
WHERE seller = $1 ORDER BY version DESC LIMIT $2
"""
_ACCOUNTS = "SELECT account, seller FROM seller_accounts ORDER BY account"
_OPENED = """
SELECT seller_accounts.account, seller_accounts.seller, profile->'accounts'->account AS told
FROM seller_accounts JOIN seller_profiles USING (seller) WHERE removed_at IS NULL ORDER BY account
"""
_LOCATIONS = """
SELECT location, provider, locations.seller, coalesce(sum(on_hand), 0)::bigint AS units,
       coalesce(bool_or(products.seller <> $1), false) AS strange, removed_at IS NOT NULL AS removed
FROM locations LEFT JOIN stock USING (location) LEFT JOIN products USING (sku)
WHERE location = ANY($2::text[]) OR locations.seller = $1 GROUP BY 1, 2, 3, removed_at ORDER BY 1
"""
# As a catalog file takes them: the seller, then its places. What lies there is what will lie there when it is written.
_LOCK_SELLER = "SELECT FROM sellers WHERE seller = $1 FOR NO KEY UPDATE"
_LOCK_PLACES = """
SELECT FROM locations WHERE location = ANY($2::text[]) OR seller = $1 ORDER BY location FOR NO KEY UPDATE
"""
# Orders that have not ended, and what a call was made with.
_BUSY = """
SELECT account FROM seller_accounts WHERE seller = $1 AND removed_at IS NULL AND EXISTS (
    SELECT FROM orders WHERE orders.seller = $1
      AND status NOT IN ('completed', 'canceled', 'rejected', 'returned')
      AND (parcels @> jsonb_build_array(jsonb_build_object('provider', account))
           OR request->'sold_at'->>'account' = account
           OR EXISTS (SELECT FROM effects
                      WHERE effects.order_id = orders.order_id AND effects.account = seller_accounts.account)))
ORDER BY account
"""
_SKUS = "SELECT sku, seller FROM products WHERE sku = ANY($1::text[])"
_ONBOARDED = "SELECT seller FROM seller_profiles WHERE seller = ANY($1::text[])"
_CAPACITIES = """
SELECT location, (profile->'locations'->location->>'capacity')::bigint AS capacity
FROM locations JOIN seller_profiles USING (seller)
WHERE location = ANY($1::text[]) AND profile->'locations'->location->>'capacity' IS NOT NULL
"""
_WRITE_SELLER = """
INSERT INTO sellers (seller, name, terms, daily_orders, promise_within) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (seller) DO UPDATE SET name = excluded.name, terms = excluded.terms, daily_orders = excluded.daily_orders,
    promise_within = excluded.promise_within, updated_at = now()
"""
_WRITE_PROFILE = """
INSERT INTO seller_profiles (seller, version, profile, changed_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (seller) DO UPDATE SET version = excluded.version, profile = excluded.profile,
    changed_by = excluded.changed_by, changed_at = clock_timestamp()
"""
_WRITE_CHANGE = """
INSERT INTO seller_changes (seller, version, changed_by, before, after) VALUES ($1, $2, $3, $4, $5)
"""
_WRITE_ACCOUNTS = """
INSERT INTO seller_accounts AS standing (account, seller)
SELECT account, $1 FROM unnest($2::text[]) AS account ORDER BY 1
ON CONFLICT (account) DO UPDATE SET removed_at = NULL WHERE standing.seller = excluded.seller
"""
_REMOVE_ACCOUNTS = """
UPDATE seller_accounts SET removed_at = now() WHERE seller = $1 AND removed_at IS NULL AND account <> ALL($2::text[])
"""
_WRITE_LOCATIONS = """
INSERT INTO locations (location, provider, address, dispatch, seller)
SELECT row.*, $1 FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::jsonb[])
    AS row(location, provider, address, dispatch) ORDER BY 1
ON CONFLICT (location) DO UPDATE SET provider = excluded.provider, address = excluded.address,
    dispatch = excluded.dispatch, seller = excluded.seller, removed_at = NULL, updated_at = now()
"""
_ON_RETURNED = """
SELECT DISTINCT sku FROM stock JOIN locations USING (location)
WHERE seller = $1 AND removed_at IS NOT NULL AND location = ANY($2::text[]) ORDER BY sku
"""
_REMOVE_LOCATIONS = """
UPDATE locations SET removed_at = now() WHERE seller = $1 AND removed_at IS NULL AND location <> ALL($2::text[])
"""


class ChangingSeller:
    """One seller while its profile is changed: nobody else changes any, until the block ends."""

    def __init__(self, work: Connection, seller: str, standing: SellerRecord | None) -> None:
        self._work, self._seller, self.standing = work, seller, standing

    async def surroundings(self, locations: Sequence[str], prefixes: Sequence[str] = ()) -> Surroundings:
        """What there is besides: every seller's accounts and prefixes, this one's locations, and those named."""
        await self._work.execute(_LOCK_SELLER, self._seller)
        await self._work.execute(_LOCK_PLACES, self._seller, list(locations))
        accounts = await self._work.fetch(_ACCOUNTS)
        places = await self._work.fetch(_LOCATIONS, self._seller, list(locations))
        busy = await self._work.fetch(_BUSY, self._seller)
        return Surroundings(
            owners={row["account"]: row["seller"] for row in accounts},
            locations=_by_name(places),
            busy=frozenset(row["account"] for row in busy),
            prefixes=_by_prefix(await self._work.fetch(_PREFIXES)),
            begun=frozenset(row["prefix"] for row in await self._work.fetch(_BEGUN, self._seller, list(prefixes))),
        )

    async def write(self, profile: SellerProfile, by: str) -> None:
        """Make it the seller's profile, as its next version.

        Raises OperatorError `integrity_violation` for what `surroundings` would have shown to be somebody else's.
        """
        before, after = self.standing.profile.said() if self.standing else None, profile.said()
        version = self.standing.version + 1 if self.standing else 1
        await self._work.execute(_WRITE_SELLER, self._seller, *_seller_row(self._seller, profile))
        await self._work.execute(_WRITE_PROFILE, self._seller, version, after, by)
        await self._work.execute(_WRITE_CHANGE, self._seller, version, by, before, after)
        await self._write_parts(profile)
        await self._work.execute(_CHANGED)

    async def _write_parts(self, profile: SellerProfile) -> None:
        accounts = list(profile.accounts)
        await self._work.execute(_WRITE_ACCOUNTS, self._seller, accounts)
        returned = [row["sku"] for row in await self._work.fetch(_ON_RETURNED, self._seller, list(profile.locations))]
        places = [_location_row(code, place) for code, place in profile.locations.items()]
        await self._work.execute(_WRITE_LOCATIONS, self._seller, *columns(places, 4))
        await self._work.execute(_REMOVE_LOCATIONS, self._seller, list(profile.locations))
        await self._work.execute(_REMOVE_ACCOUNTS, self._seller, accounts)
        await announce_stock(self._work, returned)


class PostgresSellers:
    """The sellers that were onboarded."""

    def __init__(self, pool: Pool, heard: Heard | None = None) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()
        """Who would wait for the one that changes a profile waits without a connection: orders need them."""
        self._selling: Remembered[str, Selling] = Remembered(heard, CHANNEL)
        self._prefixes: Remembered[str, Mapping[str, str]] = Remembered(heard, CHANNEL)

    async def selling(self, seller: str) -> Selling:
        """Whether it was onboarded, and where it sells. A seller that was not sells anywhere."""
        return self._selling.get(seller) or await self._read_selling(seller)

    async def _read_selling(self, seller: str) -> Selling:
        look = self._selling.look()
        async with connection(self._pool, scoped=False) as reader:
            row = await reader.fetchrow(_SELLING, seller)
        found = (
            Selling(onboarded=True, channels=tuple(row["channels"]), order_prefix=row["order_prefix"])
            if row
            else Selling()
        )
        self._selling.keep(look, seller, found)
        return found

    async def prefixes(self) -> Mapping[str, str]:
        """Whose order ids begin so, by prefix."""
        return known if (known := self._prefixes.get("")) is not None else await self._read_prefixes()

    async def _read_prefixes(self) -> Mapping[str, str]:
        look = self._prefixes.look()
        async with connection(self._pool, scoped=False) as reader:
            found = _by_prefix(await reader.fetch(_PREFIXES))
        self._prefixes.keep(look, "", found)
        return found

    async def get(self, seller: str) -> SellerRecord | None:
        """One seller as it was onboarded; None when it was not."""
        return next(iter(await self.records(seller)), None)

    async def records(self, seller: str | None = None) -> list[SellerRecord]:
        """Every seller that was onboarded, or the one named."""
        async with connection(self._pool) as reader:
            return [_record(row) for row in await reader.fetch(_RECORDS, seller)]

    async def changes(self, seller: str, limit: int) -> list[SellerChange]:
        """How its profile came to be, the latest change first."""
        async with connection(self._pool) as reader:
            return [SellerChange.model_validate(dict(row)) for row in await reader.fetch(_CHANGES, seller, limit)]

    async def accounts(self) -> list[OwnAccount]:
        """Every seller's own accounts, as they were told: secrets by reference."""
        async with connection(self._pool) as reader:
            return [OwnAccount.model_validate(dict(row)) for row in await reader.fetch(_OPENED)]

    async def owners(self) -> Mapping[str, str]:
        """Whose an account is, or was, by its name."""
        async with connection(self._pool, scoped=False) as reader:
            return {row["account"]: row["seller"] for row in await reader.fetch(_ACCOUNTS)}

    async def goods(self, *, sellers: Iterable[str], locations: Iterable[str], skus: Iterable[str]) -> Goods:
        """Whose these are, of those that are known."""
        places = list(locations)
        async with connection(self._pool, scoped=False) as reader:
            return Goods(
                skus={row["sku"]: row["seller"] for row in await reader.fetch(_SKUS, list(skus))},
                onboarded=frozenset(row["seller"] for row in await reader.fetch(_ONBOARDED, list(sellers))),
                locations=_by_name(await reader.fetch(_LOCATIONS, "", places)),
                capacities={row["location"]: row["capacity"] for row in await reader.fetch(_CAPACITIES, places)},
                accounts=frozenset(row["account"] for row in await reader.fetch(_ACCOUNTS)),
            )

    @asynccontextmanager
    async def changing(self, seller: str) -> AsyncIterator[ChangingSeller]:
        """Change a seller's profile, one after another; what the block wrote is kept unless it raises."""
        async with self._turn, transaction(self._pool) as work:
            await work.execute(_ONE_AT_A_TIME)
            row = await work.fetchrow(_RECORDS, seller)
            yield ChangingSeller(work, seller, _record(row) if row else None)
        self._selling.forget()
        self._prefixes.forget()


def _by_name(rows: Iterable[asyncpg.Record]) -> dict[str, StandingLocation]:
    return {row["location"]: StandingLocation.model_validate(dict(row)) for row in rows}


def _by_prefix(rows: Iterable[asyncpg.Record]) -> dict[str, str]:
    return {row["order_prefix"]: row["seller"] for row in rows}


def _record(row: asyncpg.Record) -> SellerRecord:
    return SellerRecord.model_validate(dict(row))


def _location_row(code: str, place: SellerLocation) -> tuple[Any, ...]:
    dispatch = place.dispatch.model_dump(mode="json", exclude_defaults=True)
    return code, place.provider, place.address.model_dump(mode="json"), dispatch


def _seller_row(seller: str, profile: SellerProfile) -> tuple[Any, ...]:
    known = Seller(
        seller=seller,
        name=profile.name,
        terms=SellerTerms.model_validate(profile.terms.model_dump()),
        daily_orders=profile.daily_orders,
        promise_within=profile.promise_within,
    )
    return known.name, known.terms.model_dump(mode="json"), known.daily_orders, known.promise_within
