"""Makes a migrated database what `roles` says: roles, grants, whose rows a seller's request sees. Repeated, no change.

Each table is done in a transaction of its own, so that none is locked for longer than its own takes.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import asyncpg

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.roles import DEFINERS, NAMES, PREFIX, SEEN_AS, SELLER, Table, becoming, statements

_MISSING: Final = (
    "SELECT role FROM unnest($1::text[]) AS role WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)"
)
_MAY_BECOME: Final = f"SELECT pg_has_role($1, '{PREFIX}{SELLER}', 'SET')"
_TABLES: Final = """
SELECT table_name AS name, array_agg(column_name::text) AS columns FROM information_schema.columns
JOIN pg_tables ON schemaname = table_schema AND tablename = table_name
JOIN pg_class ON pg_class.oid = format('%I.%I', schemaname, tablename)::regclass AND NOT relispartition
WHERE table_schema = current_schema() GROUP BY 1 ORDER BY 1
"""
_FUNCTIONS: Final = """
SELECT proname AS name, prorettype = 'trigger'::regtype AS of_triggers FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND proname = ANY($1::text[]) AND NOT (
    prosecdef AND format('search_path=%I, pg_temp', current_schema()) = ANY(coalesce(proconfig, '{}'))
    AND NOT (prorettype = 'trigger'::regtype AND has_function_privilege('public', oid, 'EXECUTE')))
ORDER BY 1
"""
"""Those that are not as they are wanted."""
_SAID: Final = "SELECT obj_description(to_regprocedure('its_seller()'), 'pg_proc')"

Patience = Callable[[str, Callable[[timedelta], Awaitable[None]]], Awaitable[None]]


async def secure(connection: "asyncpg.Connection[asyncpg.Record]", between_others: Patience) -> None:
    """Bring roles and rights to this version. `between_others` tries something again while its locks are not to be had.

    Raises OperatorError `roles_missing` when the roles are not there and this login may not make them.
    """
    await _see_to_roles(connection)
    await _see_to_functions(connection)
    tables = [Table(row["name"], frozenset(row["columns"])) for row in await connection.fetch(_TABLES)]
    wanted = [list(statements(table)) for table in tables]
    print_of_all = hashlib.sha256(repr(wanted).encode()).hexdigest()
    if await connection.fetchval(_SAID) == print_of_all:
        return
    async with connection.transaction():
        await connection.execute(SEEN_AS)
    for table, each in zip(tables, wanted, strict=True):
        await between_others(f"the rights of {table.name}", partial(_together, connection, each))
    await connection.execute(f"COMMENT ON FUNCTION its_seller() IS '{print_of_all}'")


async def _see_to_roles(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """They belong to the whole server: another database's migration may be making them at this moment."""
    try:
        for row in await connection.fetch(_MISSING, list(NAMES)):
            await _once(connection, f"CREATE ROLE {row['role']} NOLOGIN")
        for who in (f"{PREFIX}api", await connection.fetchval("SELECT current_user")):
            if not await connection.fetchval(_MAY_BECOME, who):
                await _once(connection, becoming(f'"{who}"'))
    except asyncpg.InsufficientPrivilegeError as error:
        told = f"the roles {PREFIX}* are not there ({error}): let an administrator run what `ordersaga db roles` prints"
        raise OperatorError("roles_missing", told) from error


async def _once(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> None:
    try:
        await connection.execute(statement)
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        return


async def _see_to_functions(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A migration that replaced a function has taken its owner's rights from it: they are given again.

    What is called by a trigger is called by ours alone, and every name in it is looked up in our schema first.
    """
    schema = await connection.fetchval("SELECT quote_ident(current_schema())")
    for row in await connection.fetch(_FUNCTIONS, list(DEFINERS)):
        name = row["name"]
        await connection.execute(f"ALTER FUNCTION {name}() SECURITY DEFINER SET search_path = {schema}, pg_temp")
        if row["of_triggers"]:
            await connection.execute(f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC")


async def _together(
    connection: "asyncpg.Connection[asyncpg.Record]", wanted: Sequence[str], lock_wait: timedelta
) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{lock_wait / timedelta(milliseconds=1):.0f}ms'")
        await connection.execute("; ".join(wanted))
