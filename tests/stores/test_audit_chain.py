"""The audit trail: chained by the database whoever writes, verified by other code, and every tampering found."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ordersaga.domain.audit_chain import Verification, as_text, digest
from ordersaga.domain.errors import OperatorError
from ordersaga.stores.accept import AcceptRequest, PostgresIntake
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.migrate import migrate, migrations
from ordersaga.stores.pools import Pool, close_pool, create_pool
from tests.fakes.samples import EAST, WEST, catalog, order
from tests.support.audit import ENTRIES, live, note, pay, tamper, tell
from tests.support.database import DatabaseServer

BEFORE = Path(__file__).with_name("before_chains.json")
SERIALS = {"unit_movements": "movement_id", "money_postings": "posting_id", "journal": "seq"}
AUDIT_TABLES = ("audit_entries", "audit_seals", "audit_sealed")
NO_FACTS = (
    *(
        f"DELETE FROM {table} WHERE order_id = 'o1'"
        for table in ("orders", "journal", "effects", "unit_movements", "attention", "audit_entries", "audit_heads")
    ),
    "DELETE FROM money_postings WHERE transaction_id LIKE 'o1/%'",
    "DELETE FROM money_transactions WHERE order_id = 'o1'",
)
TAMPERINGS = {
    "a changed text": (
        ["UPDATE journal SET text = 'lost' WHERE order_id = 'o1' AND entry_id = 'saga-2'"],
        "order o1, entry 8: the words of journal saga-2 are not what was chained",
    ),
    "a changed time": (
        ["UPDATE journal SET at = at + interval '1 microsecond' WHERE order_id = 'o1' AND entry_id = 'saga-2'"],
        "order o1, entry 8: journal saga-2 is not what was chained",
    ),
    "a deleted row": (
        ["DELETE FROM journal WHERE order_id = 'o1' AND entry_id = 'saga-1'"],
        "order o1, entry 7: journal saga-1 is gone",
    ),
    "a row deleted with its entry": (
        [
            "DELETE FROM journal WHERE order_id = 'o1' AND entry_id = 'saga-1'",
            "DELETE FROM audit_entries WHERE order_id = 'o1' AND source_id = 'saga-1'",
        ],
        "order o1, entry 7: entry 7 is missing",
    ),
    "an inserted row": (
        ["INSERT INTO journal (order_id, entry_id, at, kind, text) VALUES ('o1', 'saga-9', now(), 'note', 'ok')"],
        "order o1: journal saga-9 is in no chain",
    ),
    "an inserted entry": (
        [
            "INSERT INTO audit_entries SELECT order_id, 10, source, source_id, salt, words_hash, hash"
            " FROM audit_entries WHERE order_id = 'o1' AND chain_no = 8"
        ],
        "order o1, entry 10: journal saga-2 is chained a second time",
    ),
    "swapped entries": (
        [
            "UPDATE audit_entries SET chain_no = 115 - chain_no WHERE order_id = 'o1' AND chain_no IN (7, 8)",
            "UPDATE audit_entries SET chain_no = chain_no - 100 WHERE order_id = 'o1' AND chain_no > 100",
        ],
        "order o1, entry 7: journal saga-2 is not what was chained",
    ),
    "swapped texts": (
        [
            "UPDATE journal AS one SET text = other.text FROM journal AS other WHERE one.order_id = 'o1'"
            " AND other.order_id = 'o1' AND one.entry_id <> other.entry_id"
        ],
        "order o1, entry 7: the words of journal saga-1 are not what was chained",
    ),
    "a truncated tail, heads and all": (
        [
            "DELETE FROM attention WHERE order_id = 'o1'",
            "DELETE FROM audit_entries WHERE order_id = 'o1' AND chain_no = 9",
            "UPDATE audit_heads SET chain_no = 8, hash = last.hash FROM audit_entries AS last"
            " WHERE audit_heads.order_id = 'o1' AND last.order_id = 'o1' AND last.chain_no = 8",
        ],
        "order o1, entry 9: gone, though seal 1 has it",
    ),
    "a whole order removed": (NO_FACTS, "order o1, entry 9: gone, though seal 1 has it"),
    "a whole order removed from its seal too": (
        (*NO_FACTS, "DELETE FROM audit_sealed WHERE order_id = 'o1'"),
        "seals: seal 1 is not what was sealed",
    ),
    "a rewritten seal": (
        ["UPDATE audit_seals SET hash = sha256('other') WHERE seal_no = 1"],
        "seals: seal 1 is not what was sealed",
    ),
    "a removed seal": (
        ["DELETE FROM audit_sealed WHERE seal_no = 1", "DELETE FROM audit_seals WHERE seal_no = 1"],
        "seals: seal 1 is missing",
    ),
    "the last seal removed": (
        ["DELETE FROM audit_sealed WHERE seal_no = 2", "DELETE FROM audit_seals WHERE seal_no = 2"],
        "order o2, entry 9: counts as sealed, and no seal has it",
    ),
    "money changed": (
        ["UPDATE money_postings SET amount = amount * 2 WHERE transaction_id = 'o1/sale/1/1'"],
        "money o1/sale/1/1 is not what was chained",
    ),
    "units changed": (["UPDATE unit_movements SET quantity = 5 WHERE order_id = 'o1' AND kind = 'shipped'"], "units "),
    "an outcome changed": (
        ["UPDATE effects SET status = 'refused' WHERE order_id = 'o1'"],
        "effect o1/authorize/1/1 is not what was chained",
    ),
    "a decision changed": (
        ["UPDATE attention SET resolved_by = 'bob' WHERE order_id = 'o1'"],
        "the words of decision o1-1 are not what was chained",
    ),
    "what was bought changed": (
        ["UPDATE orders SET request = jsonb_set(request, '{lines,0,quantity}', '2') WHERE order_id = 'o1'"],
        "order o1, entry 1: the words of order o1 are not what was chained",
    ),
}


@pytest_asyncio.fixture
async def trail(pool: Pool) -> PostgresAuditTrail:
    """The trail of a database with ten MUG, its orders to come."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 50)))
    return PostgresAuditTrail(pool)


def said(verified: Verification) -> str:
    """Every break, one a line."""
    return "\n".join(map(str, verified.breaks))


async def sealed_orders(pool: Pool, trail: PostgresAuditTrail) -> None:
    """Order o1 in seal 1, order o2 in seal 2, and everything as it was written."""
    for order_id in ("o1", "o2"):
        await live(pool, order_id)
        assert await trail.write_seal()
    assert not (await trail.verify()).breaks


async def test_everything_about_an_order_is_chained_and_sealed(pool: Pool, trail: PostgresAuditTrail) -> None:
    """One entry for each fact whichever code wrote it, and nothing is left to seal afterwards."""
    await live(pool, "o1")

    before = await trail.verify()
    seal = await trail.write_seal()
    after = await trail.verify()

    assert (before.orders, before.entries, before.unsealed, before.seals, said(before)) == (1, ENTRIES, ENTRIES, 0, "")
    assert seal is not None
    assert (seal.seal_no, seal.orders, seal) == (1, 1, await trail.seal())
    assert (after.entries, after.unsealed, after.seals, said(after)) == (ENTRIES, 0, 1, "")
    assert await trail.write_seal() is None
    sources = [entry.source for entry in (await trail.trail("o1")).entries]
    assert sources == ["order", "units", "effect", "money", "units", "money", "journal", "journal", "decision"]


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_is_found(pool: Pool, trail: PostgresAuditTrail, tampering: str) -> None:
    """Whoever gets around the database's rules leaves a trail that says where."""
    await sealed_orders(pool, trail)
    statements, told = TAMPERINGS[tampering]

    await tamper(pool, *statements)

    found = await trail.verify()
    assert told in said(found)
    assert not [each for each in found.breaks if each.order_id == "o2" and "o2" not in told]


async def test_a_verification_of_one_order_sees_its_seals(pool: Pool, trail: PostgresAuditTrail) -> None:
    """Its own breaks and those of the seals that list it are found, those of other orders are not its matter."""
    await sealed_orders(pool, trail)
    assert said(await trail.verify("o2")) == ""

    await tamper(pool, "UPDATE audit_seals SET at = at + interval '1 hour' WHERE seal_no = 2")
    await tamper(pool, "UPDATE journal SET kind = 'other' WHERE order_id = 'o1' AND entry_id = 'saga-1'")

    assert said(await trail.verify("o2")) == "seals: seal 2 is not what was sealed"
    assert said(await trail.verify("o1")) == "order o1, entry 7: journal saga-1 is not what was chained"
    with pytest.raises(OperatorError, match="no trace of order o3"):
        await trail.verify("o3")


async def test_writers_of_one_order_keep_one_chain(pool: Pool, trail: PostgresAuditTrail) -> None:
    """Lines, money, and seals written at the same moment neither fork the chain nor wait in a circle."""
    await live(pool, "o1")

    async def write(number: int) -> None:
        await tell(pool, "o1", note(f"a-{number}", "a"), note(f"b-{number}", "b"))
        await trail.write_seal()

    await asyncio.gather(*(write(number) for number in range(30)))

    while await trail.write_seal():
        pass
    found = await trail.verify()
    assert (found.entries, found.unsealed, said(found)) == (ENTRIES + 60, 0, "")


async def test_many_orders_are_sealed_in_turns(pool: Pool, trail: PostgresAuditTrail) -> None:
    """A seal lists at most as many as it may, the next one goes on, and verification reads page by page."""
    for number in range(5):
        await pay(pool, f"o{number}")

    sizes = [seal.orders for _ in range(3) if (seal := await trail.write_seal(limit=2))]

    assert sizes == [2, 2, 1]
    found = await trail.verify()
    assert (found.orders, found.seals, found.unsealed, said(found)) == (5, 3, 0, "")


async def test_words_can_be_erased_and_the_chain_holds(pool: Pool, trail: PostgresAuditTrail) -> None:
    """Text erased with its salt is counted and breaks nothing; other words in its place are found."""
    await sealed_orders(pool, trail)
    erase = "UPDATE audit_entries SET salt = NULL WHERE order_id = 'o1' AND source_id = 'saga-1'"
    await tamper(pool, erase, "UPDATE journal SET text = '' WHERE order_id = 'o1' AND entry_id = 'saga-1'")

    found = await trail.verify()
    await tamper(pool, "UPDATE journal SET text = 'never said' WHERE order_id = 'o1' AND entry_id = 'saga-1'")

    assert (found.erased, said(found)) == (1, "")
    assert "the words of journal saga-1 are not what was chained" in said(await trail.verify())


@pytest.mark.parametrize("table", AUDIT_TABLES)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET hash = ''"])
async def test_the_trail_is_append_only(pool: Pool, trail: PostgresAuditTrail, table: str, statement: str) -> None:
    """Changing, deleting or truncating entries and seals is refused."""
    await sealed_orders(pool, trail)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is append-only"):
        await pool.execute(statement.format(table))

    assert said(await trail.verify()) == ""


@pytest.mark.parametrize("statement", ["UPDATE effects SET code = 'x'", "DELETE FROM effects"])
async def test_a_known_outcome_is_final(pool: Pool, trail: PostgresAuditTrail, statement: str) -> None:
    """What is chained about an effect or an answer cannot be changed under the chain."""
    await live(pool, "o1")

    for refused in (statement, statement.replace("effects", "attention").replace("code", "kind")):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is append-only"):
            await pool.execute(refused)

    assert said(await trail.verify()) == ""


async def test_orders_accepted_together_are_chained_together(pool: Pool, trail: PostgresAuditTrail) -> None:
    """Sold out, of one line, of two: each has its own chain, in the order in which it came about."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 50), (WEST, "TEE", 5)))
    lines = {"o1": [("MUG", 1)], "o2": [("MUG", 2), ("TEE", 1)], "o3": [("TEE", 9)], "o4": [("MUG", 1)]}
    wanted = [AcceptRequest(order(name, *units), timedelta(minutes=5)) for name, units in lines.items()]
    await PostgresIntake(pool).accept_many(wanted)

    found = {name: [entry.source for entry in (await trail.trail(name)).entries] for name in lines}
    assert found == {
        "o1": ["order", "units"],
        "o2": ["order", "units", "units"],
        "o3": ["order"],
        "o4": ["order", "units"],
    }
    assert said(await trail.verify()) == ""


async def as_it_was(pool: Pool) -> None:
    """The rows that two lives left in a database without chains, in the columns of that time."""
    tables: dict[str, list[dict[str, Any]]] = json.loads(BEFORE.read_text())
    async with pool.acquire() as writer, writer.transaction():
        await writer.execute("SET LOCAL session_replication_role = replica")  # rows come in any order
        for table, rows in tables.items():
            there = f"jsonb_populate_recordset(NULL::{table}, $1)"
            await writer.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {there}", rows)
        for table, column in SERIALS.items():
            last = f"SELECT setval(pg_get_serial_sequence($1, $2), (SELECT max({column}) FROM {table}))"
            await writer.execute(last, table, column)


async def test_what_was_there_before_is_chained_by_the_migration(database_server: DatabaseServer) -> None:
    """A database of the version before: every fact it holds is chained, and new ones go on from there."""
    url = await database_server.create(migrated=False)
    await migrate(url, [each for each in migrations() if each.name < "0008"])
    pool = await create_pool(url, application_name="ordersaga-tests", max_size=2)
    try:
        await as_it_was(pool)

        await migrate(url)
        await tell(pool, "o1", note("saga-3", "delivered"))

        found = await PostgresAuditTrail(pool).verify()
        assert (found.orders, found.entries, said(found)) == (2, 2 * ENTRIES + 1, "")
        last = (await PostgresAuditTrail(pool).trail("o1")).entries[-1]
        assert (last.chain_no, last.source_id) == (ENTRIES + 1, "saga-3")
    finally:
        await close_pool(pool)
        await database_server.drop(url)


hostile = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(hostile, max_size=6), min_size=20, max_size=20))
@example([["'", '"', "\\", "{}", "NULL", None, "", "é€𝄞", "a:1", "-", "3:abc", "\u0301\u202e\n\r\t", "x" * 1_000_000]])
async def test_both_encodings_agree(pool: Pool, lists: list[list[str | None]]) -> None:
    """SQL and Python make the same hash of the same texts, whatever they hold."""
    for parts in lists:
        assert await pool.fetchval("SELECT audit_hash(VARIADIC $1::text[])", parts) == digest(*parts)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-720, 720))  # noqa: DTZ001 - zone is added
async def test_both_agree_on_times(pool: Pool, wall: datetime, minutes: int) -> None:
    """A time is the same number of microseconds for SQL and Python, in whatever zone it was given."""
    at = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert await pool.fetchval("SELECT audit_time($1)", at) == as_text(at) == as_text(at.astimezone(UTC))
