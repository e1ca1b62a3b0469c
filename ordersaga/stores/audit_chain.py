"""The audit trail on PostgreSQL: read whole for verification, and sealed by the relay.

The chains themselves are written by triggers (migration 0008), whatever code writes the facts.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar

import asyncpg

from ordersaga.domain.audit_chain import (
    FIELDS,
    WORDS,
    Break,
    ChainEntry,
    Fact,
    Head,
    OrderTrail,
    Seal,
    SealedHead,
    Verification,
    as_text,
    check_seals,
    postings_text,
    seal_hash,
)
from ordersaga.domain.errors import OperatorError
from ordersaga.stores.pools import Connection, Pool, connection, transaction

ORDERS_PER_PAGE: Final = 200
SEALS_PER_PAGE: Final = 50

T = TypeVar("T")

# Any fixed number: seals are written one at a time.
_SEALING: Final = 7_305_041_902
# And one process at a time archives.
_ARCHIVING: Final = 7_305_041_905
# Orders are looked for in every table: one that is left in a single one of them is found too.
_TABLES: Final = (
    *("audit_entries", "audit_heads", "audit_sealed"),
    *("orders", "journal", "effects", "money_transactions", "unit_movements", "attention"),
)
_EACH: Final = "(SELECT DISTINCT order_id FROM {} WHERE order_id > $1 ORDER BY 1 LIMIT $2)"
_PAGE: Final = " UNION ".join(map(_EACH.format, _TABLES)) + " ORDER BY 1 LIMIT $2"
_ENTRIES: Final = """
SELECT order_id, chain_no, source, source_id, salt::text AS salt, words_hash, hash
FROM audit_entries WHERE order_id = ANY($1::text[]) ORDER BY order_id, chain_no
"""
_SEALED: Final = """
SELECT order_id, seal_no, chain_no, hash FROM audit_sealed WHERE order_id = ANY($1::text[]) ORDER BY order_id, seal_no
"""
_HEADS: Final = "SELECT order_id, chain_no, hash, unsealed FROM audit_heads WHERE order_id = ANY($1::text[])"
# jsonb is hashed as PostgreSQL writes it; a transaction's postings in the order they were written.
_SPECIAL: Final = {
    **{name: f"{name}::text AS {name}" for name in ("request", "terms", "answer")},
    "postings": """
        ARRAY(SELECT account FROM money_postings AS side WHERE side.transaction_id = head.transaction_id
              ORDER BY posting_id) AS accounts,
        ARRAY(SELECT amount FROM money_postings AS side WHERE side.transaction_id = head.transaction_id
              ORDER BY posting_id) AS amounts""",
}
_FACTS_FROM: Final = {
    "order": ("order_id", "orders", "true"),
    "journal": ("entry_id", "journal", "true"),
    "effect": ("key", "effects", "status IN ('done', 'refused')"),
    "money": ("transaction_id", "money_transactions", "true"),
    "units": ("movement_id::text", "unit_movements", "true"),
    "decision": ("item_id", "attention", "resolved IS NOT NULL"),
}


def _facts_query(source: str) -> str:
    source_id, table, condition = _FACTS_FROM[source]
    wanted = ", ".join(_SPECIAL.get(name, name) for name in (*FIELDS[source], *WORDS[source]))
    return (
        f"SELECT order_id, {source_id} AS source_id, {wanted} FROM {table} AS head "  # noqa: S608 - our names
        f"WHERE order_id = ANY($1::text[]) AND {condition}"
    )


_FACTS: Final = {source: _facts_query(source) for source in FIELDS}
_SEALS: Final = "SELECT seal_no, at, orders, hash FROM audit_seals WHERE seal_no > $1 ORDER BY seal_no LIMIT $2"
_SEAL: Final = "SELECT seal_no, at, orders, hash FROM audit_seals WHERE seal_no = $1"
_LAST_SEAL: Final = "SELECT seal_no, at, orders, hash FROM audit_seals ORDER BY seal_no DESC LIMIT 1"
_HEADS_OF_SEALS: Final = "SELECT order_id, seal_no, chain_no, hash FROM audit_sealed WHERE seal_no = ANY($1::int[])"
_UNLISTED: Final = """
SELECT DISTINCT seal_no FROM audit_sealed WHERE NOT EXISTS (
    SELECT FROM audit_seals WHERE audit_seals.seal_no = audit_sealed.seal_no) ORDER BY 1
"""
# A head somebody is writing at this moment is sealed the next time: nobody waits for a seal, and no seal for anybody.
_UNSEALED: Final = """
SELECT order_id, chain_no, hash FROM audit_heads WHERE unsealed ORDER BY order_id LIMIT $1
FOR NO KEY UPDATE SKIP LOCKED
"""
_WRITE_SEAL: Final = "INSERT INTO audit_seals (seal_no, at, orders, hash) VALUES ($1, $2, $3, $4)"
_WRITE_SEALED: Final = """
INSERT INTO audit_sealed (order_id, seal_no, chain_no, hash)
SELECT row.order_id, $1, row.chain_no, row.hash FROM unnest($2::text[], $3::int[], $4::bytea[])
    AS row(order_id, chain_no, hash)
"""
_ERASED: Final = "SELECT order_id FROM erasures WHERE order_id = ANY($1::text[])"
_MARK_SEALED: Final = "UPDATE audit_heads SET unsealed = false WHERE order_id = ANY($1::text[])"


def _nobody(_: int) -> None:
    """Nobody wants to hear it."""


class PostgresAuditTrail:
    """Reads, verifies and seals the trail."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def verify(self, order_id: str | None = None, told: Callable[[int], None] = _nobody) -> Verification:
        """Check every chain and seal as of one moment, or those of one order with the seals that list it.

        `told` hears how many entries were looked at so far, order by order. Raises OperatorError `unknown_order` for an
        order of which there is no trace at all, `database_refused` when the trail may not be read or is not there.
        """
        verified = Verification()
        async with self._snapshot() as reader:
            async for trail in _trails(reader, order_id):
                verified.add_order(trail)
                told(verified.entries)
            if order_id is not None:
                await _verify_seals_of(reader, order_id, verified)
            else:
                await _verify_seals(reader, verified)
        return verified

    async def trail(self, order_id: str) -> OrderTrail:
        """One order's trail. Raises OperatorError `unknown_order` when there is no trace of it."""
        async with self._snapshot() as reader:
            return (await _read(reader, [order_id]))[0]

    async def erased(self, order_ids: Sequence[str]) -> set[str]:
        """Those of these orders that were erased."""
        async with self._reader() as reader:
            return {row["order_id"] for row in await reader.fetch(_ERASED, order_ids)}

    async def seal(self, number: int | None = None) -> Seal | None:
        """The seal with this number, or the last one; None when there is none."""
        async with self._reader() as reader:
            row = await (reader.fetchrow(_SEAL, number) if number is not None else reader.fetchrow(_LAST_SEAL))
            return Seal(**row) if row else None

    async def write_seal(self, *, limit: int = 2000) -> Seal | None:
        """Seal the chains that grew, at most `limit`; None when none did, or another process is sealing."""
        async with transaction(self._pool) as work:
            if not await work.fetchval("SELECT pg_try_advisory_xact_lock($1)", _SEALING):
                return None
            rows = await work.fetch(_UNSEALED, limit)
            if not rows:
                return None
            return await _write_seal(work, rows)

    @asynccontextmanager
    async def archiving(self) -> AsyncIterator[bool]:
        """Until the block ends nobody else archives trails; False: somebody else does now.

        What goes wrong in the block is not the database's: it is told as it is.
        """
        async with self._pool.acquire(timeout=5) as held:
            alone = bool(await held.fetchval("SELECT pg_try_advisory_lock($1)", _ARCHIVING))
            try:
                yield alone
            finally:
                if alone:
                    await held.execute("SELECT pg_advisory_unlock($1)", _ARCHIVING)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Connection]:
        try:
            async with connection(self._pool, scoped=False) as reader:
                yield reader
        except asyncpg.PostgresError as error:
            raise OperatorError("database_refused", f"The database refused to be read: {error}") from error

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        async with self._reader() as reader, reader.transaction(isolation="repeatable_read", readonly=True):
            yield reader


async def _write_seal(work: Connection, rows: Sequence[asyncpg.Record]) -> Seal:
    last = await work.fetchrow(_LAST_SEAL)
    number, at = (last["seal_no"] + 1 if last else 1), datetime.now(UTC)
    heads = [SealedHead(seal_no=number, **row) for row in rows]
    seal = Seal(number, at, len(heads), seal_hash(number, at, last["hash"] if last else None, heads))
    await work.execute(_WRITE_SEAL, seal.seal_no, seal.at, seal.orders, seal.hash)
    order_ids = [head.order_id for head in heads]
    listed = [head.chain_no for head in heads], [head.hash for head in heads]
    await work.execute(_WRITE_SEALED, number, order_ids, *listed)
    await work.execute(_MARK_SEALED, order_ids)
    return seal


async def _trails(reader: Connection, order_id: str | None) -> AsyncIterator[OrderTrail]:
    if order_id is not None:
        yield (await _read(reader, [order_id]))[0]
        return
    after = ""
    while page := [row["order_id"] for row in await reader.fetch(_PAGE, after, ORDERS_PER_PAGE)]:
        for trail in await _read(reader, page):
            yield trail
        after = page[-1]


async def _read(reader: Connection, order_ids: Sequence[str]) -> list[OrderTrail]:
    entries = _by_order((row["order_id"], _entry(row)) for row in await reader.fetch(_ENTRIES, order_ids))
    sealed = _by_order((row["order_id"], SealedHead(**row)) for row in await reader.fetch(_SEALED, order_ids))
    heads = {row["order_id"]: _head(row) for row in await reader.fetch(_HEADS, order_ids)}
    facts = _by_order(
        [
            (row["order_id"], _fact(source, row))
            for source, query in _FACTS.items()
            for row in await reader.fetch(query, order_ids)
        ]
    )
    found = [OrderTrail(each, entries[each], facts[each], sealed[each], heads.get(each)) for each in order_ids]
    for trail in found:
        if not (trail.entries or trail.facts or trail.sealed or trail.head):
            raise OperatorError("unknown_order", f"There is no trace of order {trail.order_id}")
    return found


async def _verify_seals(reader: Connection, verified: Verification) -> None:
    before: Seal | None = None
    while page := await _seals(reader, before.seal_no if before else 0):
        verified.breaks += check_seals(page, before)
        verified.seals += len(page)
        before = page[-1][0]
    for row in await reader.fetch(_UNLISTED):
        verified.breaks.append(Break("", None, f"seal {row['seal_no']} is missing, and orders are listed under it"))


async def _verify_seals_of(reader: Connection, order_id: str, verified: Verification) -> None:
    """The seals that list an order, each against the seal before it."""
    for row in await reader.fetch(_SEALED, [order_id]):
        pair = await _seals(reader, max(row["seal_no"] - 2, 0), min(row["seal_no"], 2))
        before = pair[0][0] if row["seal_no"] > 1 and pair else None
        verified.breaks += check_seals(pair[-1:], before)
        verified.seals += 1


async def _seals(
    reader: Connection, after: int, limit: int = SEALS_PER_PAGE
) -> list[tuple[Seal, Sequence[SealedHead]]]:
    """Seals behind `after`, with the heads each lists."""
    seals = [Seal(**row) for row in await reader.fetch(_SEALS, after, limit)]
    heads: defaultdict[int, list[SealedHead]] = defaultdict(list)
    for row in await reader.fetch(_HEADS_OF_SEALS, [seal.seal_no for seal in seals]):
        heads[row["seal_no"]].append(SealedHead(**row))
    return [(seal, heads[seal.seal_no]) for seal in seals]


def _by_order(rows: Iterable[tuple[str, T]]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for order_id, row in rows:
        found[order_id].append(row)
    return found


def _entry(row: asyncpg.Record) -> ChainEntry:
    return ChainEntry(**{name: value for name, value in row.items() if name != "order_id"})


def _head(row: asyncpg.Record) -> Head:
    return Head(row["chain_no"], row["hash"], row["unsealed"])


def _fact(source: str, row: asyncpg.Record) -> Fact:
    return Fact(source, row["source_id"], _texts(FIELDS[source], row), _texts(WORDS[source], row))


def _texts(names: Sequence[str], row: asyncpg.Record) -> tuple[str | None, ...]:
    return tuple(_postings(row) if name == "postings" else as_text(row[name]) for name in names)


def _postings(row: asyncpg.Record) -> str:
    return postings_text(zip(row["accounts"], row["amounts"], strict=True))
