"""A database as good as new: taking out what a test wrote is a tenth of the work of another database."""

from typing import Final

import asyncpg

_MOST: Final = 20_000_000
"""Bytes that a database may have, twice those of a new one; a larger one is slower to empty than to make."""

_LEAVE: Final = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_EMPTY: Final = """
DO $$
DECLARE
    each record;
BEGIN
    SET LOCAL session_replication_role = replica;  -- rows that nothing may delete, and who refers to them
    FOR each IN
        SELECT oid::regclass AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname <> 'schema_migrations' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('DELETE FROM %s', each.name);
    END LOOP;
    PERFORM setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
END $$
"""
_SHAPE: Final = """
SELECT ARRAY[
    (SELECT sum(xmin::text::bigint) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT sum(xmin::text::bigint) FROM pg_attribute WHERE attnum > 0),
    (SELECT sum(xmin::text::bigint) FROM pg_constraint),
    (SELECT sum(xmin::text::bigint) FROM pg_trigger),
    (SELECT sum(xmin::text::bigint) FROM pg_policy),
    (SELECT sum(xmin::text::bigint) FROM pg_proc),
    (SELECT sum(xmin::text::bigint) FROM schema_migrations),
    (SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'),
    (SELECT count(*) FROM pg_db_role_setting)
]::text
"""
"""Another one once anything but the rows of our tables has changed."""


async def shape_of(url: str) -> str:
    """What stands for tables, rules and functions of a database, and for who last changed each."""
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(_SHAPE))
    finally:
        await connection.close()


async def emptied(url: str, shape: str) -> bool:
    """Whether the database is as good as new now: of the shape it must have, and not large."""
    try:
        connection = await asyncpg.connect(url)
    except asyncpg.PostgresError:
        return False
    try:
        await connection.execute(_LEAVE)
        await connection.execute(_EMPTY)
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        return bool(size < _MOST and await connection.fetchval(_SHAPE) == shape)
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.close()
