"""Each process may do in the database what it has to do, and nothing else: asked of PostgreSQL, as each role."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from ordersaga.commands import build
from ordersaga.domain.errors import OperatorError
from ordersaga.privacy.key_ring import WrappedKey
from ordersaga.stores import roles
from ordersaga.stores.migrate import migrate
from ordersaga.stores.order_keys import destroy_key, keep_keys
from ordersaga.stores.pools import Session as Connection
from ordersaga.stores.pools import close_pool, create_pool
from ordersaga.stores.securing import secure
from tests.security.conftest import Login
from tests.support.database import DatabaseServer

ROLES = roles.ROLES
WRITING = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")

ONLY_ADDED_TO = frozenset(
    {
        "journal", "unit_movements", "money_transactions", "money_postings", "repairs", "seller_changes", "sign_ins",
        "catalog_receipts", "audit_entries", "audit_seals", "audit_sealed",
        "codec_reads", "encryption",
        "erasures",
    }
)  # fmt: skip
"""Tables that a trigger keeps everybody from changing, the owner too."""
CHAINS = frozenset({"audit_entries", "audit_heads", "order_skus"})
"""What only the database's own triggers add to."""
SECRETS = frozenset({"api_keys", "people_sessions", "webhook_endpoints", "account_tokens", "order_keys"})
"""What opens doors: never a reader's."""
_TABLES = """
SELECT relname AS tablename FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relispartition = $1 ORDER BY 1
"""
_MAY = {
    "table": "SELECT has_table_privilege($1, $2, $3)",
    "column": "SELECT has_any_column_privilege($1, $2, $3)",
}


async def tables(owner: Connection, *, partitions: bool = False) -> list[str]:
    """Every table there is; or every part of one."""
    return [row["tablename"] for row in await owner.fetch(_TABLES, partitions)]


async def may(owner: Connection, role: str, table: str, *what: str) -> set[str]:
    """What of these a role may do with a table, or with a column of it."""
    found = set()
    for one in what:
        query = _MAY["table" if one in ("DELETE", "TRUNCATE") else "column"]
        if await owner.fetchval(query, f"ordersaga_{role}", table, one):
            found.add(one)
    return found


As = Callable[..., Awaitable[Connection]]


@pytest_asyncio.fixture
async def as_role(login: Login) -> AsyncIterator[As]:
    """A connection of a login that has one of the roles."""
    opened: list[Connection] = []

    async def connect(*roles: str) -> Connection:
        connection = await asyncpg.connect(await login(*roles))
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        await connection.close()


async def test_what_is_only_added_to_no_role_may_change(owner: Connection) -> None:
    """Of the journal, the ledgers and the audit trail no process may change or delete a row, nor empty a table."""
    told = {row["tgrelid"] for row in await owner.fetch(_APPEND_ONLY)}
    there = ONLY_ADDED_TO & set(await tables(owner))
    assert told - {"order_keys"} == there, "each has its trigger, and each with the trigger stands here"
    for table in sorted(there):
        for role in ROLES:
            assert await may(owner, role, table, "UPDATE", "DELETE", "TRUNCATE") == set(), (role, table)


_APPEND_ONLY = """
SELECT DISTINCT tgrelid::regclass::text AS tgrelid FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE proname = 'refuse_change' AND tgtype & 1 = 0
"""


async def test_chains_are_written_by_the_database_alone(owner: Connection) -> None:
    """No process may add an entry to the audit trail itself, nor say what an order sold."""
    for table in sorted(CHAINS):
        for role in ROLES:
            assert await may(owner, role, table, "INSERT") == set(), (role, table)


async def test_a_reader_only_reads_and_no_secrets(owner: Connection) -> None:
    """It reads all but what opens doors, and writes nothing."""
    for table in await tables(owner):
        assert await may(owner, "reader", table, *WRITING) == set(), table
        if table in SECRETS:
            assert await may(owner, "reader", table, "SELECT") == set(), table


async def test_money_is_the_workers_and_keys_are_nobodys(owner: Connection) -> None:
    """Only a worker writes the ledgers of money; API keys are made by the owner, and known where somebody shows one."""
    writers = {role for role in ROLES if await may(owner, role, "money_postings", "INSERT")}
    assert writers == {"worker"}
    assert {role for role in ROLES if await may(owner, role, "api_keys", *WRITING)} == set()
    assert {role for role in ROLES if await may(owner, role, "api_keys", "SELECT")} == {"api", "codec"}
    assert {role for role in ROLES if await may(owner, role, "people_sessions", "SELECT")} == {
        *("api", "codec", "seller")
    }


async def test_only_the_api_destroys_an_orders_key(owner: Connection, as_role: As) -> None:
    """There erasures are asked for; a worker or a relay that is taken over takes no order's data with it."""
    assert {role for role in ROLES if await may(owner, role, "order_keys", *WRITING) - {"INSERT"}} == {"api"}
    assert {role for role in ROLES if await may(owner, role, "order_keys", "INSERT")} == {"api", "worker", "relay"}
    worker = await as_role("worker")
    kept = keep_keys(worker, [WrappedKey("o_1", "k1", "one", b"w" * 40)])  # type: ignore[arg-type]  # of no pool
    assert await kept == {"o_1"}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await destroy_key(worker, "o_1")  # type: ignore[arg-type]  # of no pool


async def test_every_table_is_spoken_of(owner: Connection) -> None:
    """A new table gets its line in `ordersaga/stores/roles.py`: who reads, adds to, changes and deletes from it."""
    assert roles.unsaid(await tables(owner)) == set()


async def test_a_part_of_a_table_is_nobodys_by_itself(owner: Connection) -> None:
    """Rules and rights are those of the whole; who could read a part would read every seller's rows."""
    parts = await tables(owner, partitions=True)
    assert len(parts) > 4
    for part in parts:
        for role in ROLES:
            assert await may(owner, role, part, "SELECT", *WRITING) == set(), (part, role)


async def test_a_relay_rotates_and_drops_nothing_else(owner: Connection, as_role: As) -> None:
    """It makes and drops months as the owner, of today: not of a day it makes up, and nobody drops one by hand."""
    (month,) = (await tables(owner, partitions=True))[:1]
    for role in ("relay", "api", "worker"):
        connection = await as_role(role)
        assert await connection.fetchval("SELECT rotate_webhook_record()") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT rotate_webhook_record_at(now() + interval '9 years')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f'DROP TABLE "{month}"')


async def test_everybody_may_exactly_what_is_said(owner: Connection) -> None:
    """PostgreSQL knows of no more rights, and of no fewer, than the table of rights says."""
    for table in set(await tables(owner)) & roles.rights().keys():
        said = roles.rights()[table]
        for role in ROLES:
            found = await may(owner, role, table, "SELECT", *WRITING)
            assert found == {roles.KINDS[letter] for letter in said[role].replace("-", "")}, (table, role)


async def test_triggers_write_as_their_owner(owner: Connection) -> None:
    """What writes the audit trail does so with its owner's rights, and looks no name up where others could put one."""
    asked = "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    found = {row["proname"]: row["proconfig"] for row in await owner.fetch(asked)}
    assert found.keys() == set(roles.DEFINERS)
    assert {name for name, said in found.items() if "search_path=public, pg_temp" not in (said or ())} == set()


@pytest.mark.parametrize("role", ["api", "worker", "relay"])
async def test_a_name_of_ones_own_is_not_read_with_the_owners_rights(as_role: As, role: str) -> None:
    """A temporary view that is called as our table is not looked into: what is in it would run as the owner."""
    connection = await as_role(role)
    await connection.execute("CREATE TEMP TABLE ran_as (who text); GRANT ALL ON ran_as TO PUBLIC")
    run = "BEGIN INSERT INTO pg_temp.ran_as VALUES (current_user); RETURN now(); END"
    await connection.execute(f"CREATE FUNCTION pg_temp.run() RETURNS timestamptz LANGUAGE plpgsql AS $$ {run} $$")
    await connection.execute("CREATE TEMP VIEW recoveries AS SELECT pg_temp.run() AS ended_at")
    await connection.execute("GRANT ALL ON pg_temp.recoveries TO PUBLIC")
    await connection.execute("INSERT INTO orders (order_id) SELECT 'o_1' WHERE false")
    assert await connection.fetch("SELECT who FROM ran_as") == []


async def test_nobody_hangs_what_triggers_call_on_a_table_of_their_own(owner: Connection, as_role: As) -> None:
    """What such a table would hand to it would be done with the owner's rights."""
    worker = await as_role("worker")
    await worker.execute("CREATE TEMP TABLE mine (order_id text)")
    asked = "SELECT proname FROM pg_proc WHERE proname = ANY($1::text[]) AND prorettype = 'trigger'::regtype"
    names = [row["proname"] for row in await owner.fetch(asked, roles.DEFINERS)]
    assert len(names) == len(roles.DEFINERS) - 2, "all but those that processes call themselves"
    for name in names:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="for function"):
            await worker.execute(f"CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION {name}()")


async def at_once(_: str, apply: Callable[[timedelta], Awaitable[None]]) -> None:
    """Nobody holds a table here."""
    await apply(timedelta(seconds=5))


async def test_a_second_time_changes_nothing_and_mends_what_was_changed(owner: Connection) -> None:
    """What a CREATE OR REPLACE takes from a function the next `migrate` gives back; it sees to new tables as well."""
    await secure(owner, at_once)
    await owner.execute("ALTER FUNCTION audit_row() SECURITY INVOKER")
    await owner.execute("ALTER FUNCTION refuse_in_the_clear() SET search_path = public")
    await secure(owner, at_once)
    assert await owner.fetchval("SELECT prosecdef FROM pg_proc WHERE proname = 'audit_row'")
    looked_up_in = await owner.fetchval("SELECT proconfig FROM pg_proc WHERE proname = 'refuse_in_the_clear'")
    assert looked_up_in == ["search_path=public, pg_temp"]
    await owner.execute("CREATE TABLE later (order_id text)")
    await secure(owner, at_once)
    assert await owner.fetchval("SELECT relrowsecurity FROM pg_class WHERE relname = 'later'")
    assert not await may(owner, "seller", "later", "SELECT", *WRITING)


async def test_a_release_that_is_taken_back_leaves_the_later_ones_rights(owner: Connection, database_url: str) -> None:
    """It knows nothing of the later release's tables, and takes nothing of them from anybody."""
    await owner.execute("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_later.sql', 'later')")
    await owner.execute("CREATE TABLE later (order_id text); GRANT SELECT ON later TO ordersaga_seller")
    assert await migrate(database_url) == []
    assert await may(owner, "seller", "later", "SELECT")
    await owner.execute("DELETE FROM schema_migrations WHERE name = '9999_later.sql'")
    await migrate(database_url)
    assert not await may(owner, "seller", "later", "SELECT")


async def test_an_owner_that_may_not_make_roles_migrates_once_they_are_made(database_server: DatabaseServer) -> None:
    """Without them it is told who can; what `ordersaga db roles` prints is enough."""
    name = f"owner_{secrets.token_hex(4)}"
    await database_server.run(f"CREATE ROLE {name} LOGIN PASSWORD 'owns'")
    await database_server.run(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0")
    parts = urlsplit(database_server.url_of(name))
    url = urlunsplit(parts._replace(netloc=f"{name}:owns@{parts.hostname}:{parts.port}"))
    try:
        with pytest.raises(OperatorError, match="ordersaga db roles"):
            await migrate(url)
        printed = CliRunner().invoke(build(["db"]), ["db", "roles", "--owner", name])
        assert printed.exit_code == 0
        await database_server.run(printed.stdout)
        await migrate(url)
        await database_server.run("ALTER ROLE ordersaga_api_login PASSWORD 'api'")
        await _works(url.replace(f"{name}:owns@", "ordersaga_api_login:api@"))
    finally:
        await database_server.drop(database_server.url_of(name))


async def _works(url: str) -> None:
    pool = await create_pool(url, max_size=1)
    async with pool.acquire() as api:
        assert await api.fetchval("SELECT count(*) FROM orders") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.execute("DELETE FROM schema_migrations")
    await close_pool(pool)


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_may_change_the_rules(as_role: As, role: str) -> None:
    """Nobody but the owner makes, alters or drops anything, switches triggers off, or becomes the owner."""
    connection = await as_role(role)
    for statement in (
        "CREATE TABLE mine (a int)",
        "DROP TABLE journal",
        "ALTER TABLE journal DISABLE TRIGGER ALL",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "DROP POLICY of_its_seller ON orders",
        "SET session_replication_role = replica",
        "CREATE ROLE another",
        "SET ROLE ordersaga",
        "COPY orders TO PROGRAM 'cat'",
        "TRUNCATE journal",
        "DELETE FROM orders",
        "UPDATE money_postings SET amount = 0",
        "INSERT INTO api_keys (id, name, role, hash) VALUES ('k', 'k', 'admin', 'k')",
        "UPDATE api_keys SET role = 'admin'",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize("role", ["worker", "relay", "codec", "reader"])
async def test_only_the_api_becomes_a_seller(as_role: As, role: str) -> None:
    """The other processes have no requests of sellers."""
    connection = await as_role(role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("SET ROLE ordersaga_seller")
    api = await as_role("api")
    await api.execute("SET ROLE ordersaga_seller")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await api.execute("SELECT * FROM api_keys")


async def test_what_a_role_adds_is_chained(owner: Connection, as_role: As) -> None:
    """An entry a worker writes is in the audit trail, though the worker may not write there."""
    worker = await as_role("worker")
    await worker.execute(
        "INSERT INTO journal (order_id, entry_id, at, kind, text) VALUES ('o_1', 'e', now(), 'note', 'hello')"
    )
    assert await owner.fetchval("SELECT count(*) FROM audit_entries WHERE order_id = 'o_1'") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker.execute(
            "INSERT INTO audit_entries (order_id, chain_no, source, source_id, hash) "
            "VALUES ('o_1', 2, 'journal', 'x', '')"
        )
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await owner.execute("DELETE FROM journal")
