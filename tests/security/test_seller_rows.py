"""A request of a seller's key sees no other seller's row, whatever its query forgets: asked of every table there is."""

import ast
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.seller_scope import narrow_to, seller_in_scope, whole_house
from ordersaga.stores import pools
from ordersaga.stores.gathering import Gathering
from ordersaga.stores.pools import Pool, close_pool, connection, create_pool, transaction
from tests.security.conftest import Login

OURS, THEIRS = "acme", "bolt"
STORES = Path(pools.__file__).parent

WHOLE_HOUSE: Final = {
    # what is kept in memory, or looked at once, for everybody
    "api_keys._read",
    "catalog._read_terms",
    "catalog._read_unknown",
    "sellers._read_selling",
    "sellers._read_prefixes",
    "stops.standing",
    "stops.keeping",
    "starting.backlog",
    "live.sellers",
    "live.slack",
    "lanes.pauses",
    "breakers.breakers",
    "order_keys.read",
    "order_keys.standing",
    "order_keys.page",
    "order_keys.rewrap",
    # what must see others' in order to refuse what is theirs
    "catalog.load",
    "catalog.standing",
    "sellers.owners",
    "sellers.goods",
    # what is written about an order that was found among the seller's own: the shop's own endpoints hear of it, and
    # others' in the same line move up
    "journal.answer_question",
    "returns.open",
    "waitlist.cancel",
    "waitlist.stands",
    "stops.create",
    "stops.pause",
    "stops.lift",
    "inbox.store",
    "accept.claim_key",
    "findings.begin_run",
    # a key is destroyed with all that only it opens, and who read what is told to the house
    "erasures.of_buyer",
    "erasures.look",
    "erasures.erase",
    "erasures.known",
    "erasures.repeat",
    "key_copies.agree",
    "key_copies.counts",
    "key_copies.forgotten",
    "key_copies.erase_copy",
    "key_copies._bring",
    "codec_reads.tell",
    "codec_reads.told",
    "codec_reads.own",
    # a seal covers the orders of all sellers: the answer is a verdict about one of them
    "audit_chain._reader",
    # looks by an index first, and narrows itself before it answers
    "journal.search",
}
"""Where the stores look beyond a seller's scope."""

_COLUMNS = """
SELECT table_name, column_name, udt_name, is_identity, is_generated FROM information_schema.columns
JOIN pg_class ON relnamespace = 'public'::regnamespace AND relname = table_name AND relkind IN ('r', 'p')
WHERE table_schema = 'public' AND NOT relispartition ORDER BY table_name, ordinal_position
"""
_CHECKS = """
SELECT conrelid::regclass::text AS of_table, quote_ident(conname) AS name FROM pg_constraint
WHERE contype = 'c' AND conislocal AND connamespace = 'public'::regnamespace AND conparentid = 0 AND contypid = 0
"""
_POLICIES = "SELECT tablename, policyname, roles::text[] AS roles FROM pg_policies WHERE schemaname = 'public'"


async def columns_of(owner: Any) -> dict[str, dict[str, str]]:
    """The columns one may write, and their types, by table."""
    found: dict[str, dict[str, str]] = {}
    for row in await owner.fetch(_COLUMNS):
        if row["is_identity"] == "NO" and row["is_generated"] == "NEVER":
            found.setdefault(row["table_name"], {})[row["column_name"]] = row["udt_name"]
    return found


async def isolated(owner: Any) -> set[str]:
    """Tables of which a seller's request sees rows by a rule."""
    return {row["tablename"] for row in await owner.fetch(_POLICIES) if row["policyname"] == "of_its_seller"}


def value(column: str, kind: str, seller: str) -> str:
    """SQL of something that only this seller's row has."""
    if column == "seller":
        return f"'{seller}'"
    if kind == "text":
        return f"'{seller}_1'"
    if kind.startswith("_"):
        return "'{}'"
    return {
        "int4": "1", "int8": "1", "bool": "false", "jsonb": "'{}'", "json": "'{}'", "timestamptz": "now()",
        "date": "current_date", "interval": "'1 day'", "bytea": f"'{seller}'", "uuid": "gen_random_uuid()",
    }[kind]  # fmt: skip


@pytest_asyncio.fixture
async def two_sellers(owner: Any) -> Any:
    """A row of each of two sellers in every table; what is allowed in a column does not matter here."""
    for row in await owner.fetch(_CHECKS):
        await owner.execute(f"ALTER TABLE {row['of_table']} DROP CONSTRAINT {row['name']}")
    await owner.execute("SET session_replication_role = replica")
    for table, columns in (await columns_of(owner)).items():
        for seller in (OURS, THEIRS):
            values = ", ".join(value(column, kind, seller) for column, kind in columns.items())
            names = ", ".join(f'"{column}"' for column in columns)
            await owner.execute(f'INSERT INTO "{table}" ({names}) VALUES ({values}) ON CONFLICT DO NOTHING')
    await owner.execute("SET session_replication_role = DEFAULT")
    return owner


async def test_every_table_with_a_seller_is_isolated(owner: Any) -> None:
    """A table with a seller or an order has its rule, a new one as well."""
    with_seller = {
        table for table, columns in (await columns_of(owner)).items() if {"seller", "order_id"} & set(columns)
    }
    assert with_seller - await isolated(owner) == set()


async def test_what_has_no_rule_a_seller_may_not_touch(owner: Any) -> None:
    """A table without a rule is not granted to the role that sellers' requests have."""
    without = set(await columns_of(owner)) - await isolated(owner)
    granted = {
        table
        for table in without
        if await owner.fetchval(
            "SELECT has_any_column_privilege('ordersaga_seller', $1, 'SELECT, INSERT, UPDATE') "
            "OR has_table_privilege('ordersaga_seller', $1, 'DELETE')",
            table,
        )
    }
    assert granted == set()


async def test_everybody_else_sees_all_of_an_isolated_table(two_sellers: Any, login: Login) -> None:
    """The processes, and an auditor's own login that was granted a table, are let through on each of them."""
    rules: dict[str, set[str]] = {}
    for row in await two_sellers.fetch(_POLICIES):
        rules.setdefault(row["policyname"], set()).add(row["tablename"])
    assert rules["of_everybody"] == rules["of_its_seller"]
    assert set(rules) == {"of_everybody", "of_its_seller"}
    for role in ("api", "worker", "relay", "reader"):
        connection = await asyncpg.connect(await login(role))
        assert {row["seller"] for row in await connection.fetch("SELECT seller FROM orders")} == {OURS, THEIRS}
        await connection.close()


async def test_without_a_condition_only_ones_own_rows(two_sellers: Any) -> None:
    """Of every isolated table a seller reads, changes and deletes its own row only, even were it granted everything."""
    for table in sorted(await isolated(two_sellers)):
        await two_sellers.execute(f'GRANT ALL ON "{table}" TO ordersaga_seller')
    failed = []
    for table in sorted(await isolated(two_sellers)):
        for who, sees in ((OURS, 1), (THEIRS, 1), ("nobody", 0)):
            async with Rollback(two_sellers, who):
                rows = await two_sellers.fetch(f'SELECT * FROM "{table}"')
                strange = [row for row in rows if who not in str(tuple(row))]
                if len(rows) != sees or strange:
                    failed.append((table, who, len(rows)))
    assert failed == []


async def test_no_row_is_written_for_another(two_sellers: Any) -> None:
    """A seller's request may add no row that is another seller's, nor give its own away."""
    columns = await columns_of(two_sellers)
    for table in sorted(await isolated(two_sellers)):
        await two_sellers.execute(f'GRANT ALL ON "{table}" TO ordersaga_seller')
        await two_sellers.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        values = ", ".join(value(column, kind, THEIRS) for column, kind in columns[table].items())
        names = ", ".join(f'"{column}"' for column in columns[table])
        await refused(two_sellers, f'INSERT INTO "{table}" ({names}) VALUES ({values})')
        if "seller" in columns[table]:
            await refused(two_sellers, f"UPDATE \"{table}\" SET seller = '{THEIRS}'")


async def refused(owner: Any, statement: str) -> None:
    """As a request of ours, the statement meets the rule of its table."""
    async with Rollback(owner, OURS):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await owner.execute(statement)


class Rollback:
    """A transaction as a seller's request, undone at its end."""

    def __init__(self, owner: Any, seller: str) -> None:
        self._owner, self._seller = owner, seller
        self._work = owner.transaction()

    async def __aenter__(self) -> None:
        await self._work.start()
        await self._owner.execute(
            "SELECT set_config('ordersaga.seller', $1, true), set_config('role', 'ordersaga_seller', true)",
            self._seller,
        )

    async def __aexit__(self, *_: object) -> None:
        await self._work.rollback()


@pytest_asyncio.fixture
async def as_api(two_sellers: Any, login: Login) -> AsyncIterator[Pool]:
    """The API's pool, of one connection, so that whoever comes next has the same."""
    opened = await create_pool(await login("api"), max_size=1)
    yield opened
    await close_pool(opened)


async def sellers_seen(pool: Pool, *, scoped: bool = True) -> set[str]:
    """Whose orders a query without a condition finds."""
    async with connection(pool, scoped=scoped) as reader:
        return {row["seller"] for row in await reader.fetch("SELECT seller FROM orders")}


async def test_a_scope_holds_reads_and_transactions_and_ends(as_api: Pool) -> None:
    """Whoever has the connection next, or steps out of the scope, sees everybody's again."""
    with whole_house():
        assert await sellers_seen(as_api) == {OURS, THEIRS}
        narrow_to(OURS)
        assert await sellers_seen(as_api) == {OURS}
        async with transaction(as_api) as work:
            assert await work.fetchval("SELECT count(*) FROM orders") == 1
        assert await sellers_seen(as_api, scoped=False) == {OURS, THEIRS}
        with whole_house():
            assert await sellers_seen(as_api) == {OURS, THEIRS}
            narrow_to(THEIRS)
            assert await sellers_seen(as_api) == {THEIRS}
        assert seller_in_scope() == OURS
    assert seller_in_scope() is None
    assert await sellers_seen(as_api) == {OURS, THEIRS}


async def test_a_scope_ends_with_a_failure_too(as_api: Pool) -> None:
    """What fails, in a transaction or not, also by taking too long, leaves no scope on its connection."""
    with whole_house():
        narrow_to(OURS)
        with pytest.raises(OperatorError):
            async with connection(as_api) as reader:
                await reader.execute("SELECT 1/0")
        with pytest.raises(OperatorError):
            async with transaction(as_api) as work:
                await work.execute("SELECT 1/0")
        assert await sellers_seen(as_api, scoped=False) == {OURS, THEIRS}
        with pytest.raises(RetryError):
            async with connection(as_api) as reader:
                raise TimeoutError
    assert await sellers_seen(as_api) == {OURS, THEIRS}


async def test_a_scope_ends_with_a_stream_that_nobody_reads_to_its_end(as_api: Pool) -> None:
    """Whoever stops reading leaves no scope on the connection."""

    async def rows() -> AsyncGenerator[str, None]:
        async with connection(as_api) as reader:
            for row in await reader.fetch("SELECT seller FROM orders"):
                yield row["seller"]

    with whole_house():
        narrow_to(OURS)
        async with aclosing(rows()) as stream:
            assert await anext(stream) == OURS
    assert await sellers_seen(as_api) == {OURS, THEIRS}


async def test_a_scope_of_nobody_shows_nothing(as_api: Pool) -> None:
    """An empty name is nobody's, not everybody's."""
    with whole_house():
        narrow_to("")
        assert await sellers_seen(as_api) == set()


async def test_a_batch_is_everybodys(as_api: Pool) -> None:
    """What gathers requests of several callers is not held to the seller of whoever came first."""
    seen: list[str | None] = []

    async def commit(requests: Sequence[str]) -> list[str]:
        seen.append(seller_in_scope())
        return list(requests)

    with whole_house():
        narrow_to(OURS)
        assert await Gathering[str, str](commit).submit("one") == "one"
    assert seen == [None]


def test_where_the_stores_leave_the_scope_is_known() -> None:
    """Each place that looks beyond a seller's scope stands in the list above, with its reason."""
    found = {
        f"{path.stem}.{function.name}"
        for path in sorted(STORES.glob("*.py"))
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.AsyncFunctionDef)
        for word in ast.walk(function)
        if isinstance(word, ast.keyword) and word.arg == "scoped" and isinstance(word.value, ast.Constant)
    }
    assert found - WHOLE_HOUSE == set()
