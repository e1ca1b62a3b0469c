"""Connections, transactions, and the one place where database errors become errors that say who must act."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ordersaga.domain.errors import OperatorError, OrdersagaError, RetryError
from ordersaga.seller_scope import seller_in_scope
from ordersaga.stores.storable import dump_json

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = PoolConnectionProxy[asyncpg.Record]
    Session = asyncpg.Connection[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = PoolConnectionProxy
    Session = asyncpg.Connection

_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # what asyncpg says when the server's goodbye has arrived and the end of the stream has not yet
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
_BUSY = (
    TimeoutError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
)
_OF_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_UNANSWERED: Final = timedelta(seconds=2)
"""How much longer than the server's own limit we wait for it: then the connection is taken for dead."""
_LOCK_WAIT: Final = "SELECT set_config('lock_timeout', $1, true)"
_NARROW: Final = "SELECT set_config('ordersaga.seller', $1, $2), set_config('role', 'ordersaga_seller', $2)"
_WIDEN: Final = "RESET ROLE; RESET ordersaga.seller"
_RECOVERING: Final = "OS001"
"""How the database refuses orders while a recovery is under way (migration `recovery`)."""
_IN_THE_CLEAR: Final = "OS002"
"""And one that is not encrypted where encryption is on (migration `encryption`)."""
_LATE = (TimeoutError, asyncio.CancelledError)
_GONE_WORDS = ("closed", "closing", "released", "terminated")


class LockedError(RetryError):
    """Somebody else kept a lock for longer than was waited for it: nothing was written."""


class _Lean(Session):
    """A connection that need not be reset when it goes back to the pool: a round trip less for every use.

    Nothing here changes a session for longer than its use: settings and locks are those of transactions, listeners and
    a seller's scope take themselves off. An open transaction is rolled back all the same.
    """

    def get_reset_query(self) -> str:
        """None is needed."""
        return ""


async def create_pool(
    database_url: str,
    *,
    application_name: str = "ordersaga",
    min_size: int = 1,
    max_size: int = 10,
    statement_timeout: timedelta = timedelta(seconds=15),
) -> Pool:
    """Open a pool whose connections cannot hang: statements, lock waits and idle transactions are bounded.

    The server bounds them, and so do we: a connection that only looks open brings no answer, not even a refusal.

    Raises RetryError `database_lost` when the server cannot be reached, OperatorError `database_refused` when it does
    not let us in: a wrong password, an unknown database, an address that is none.
    """
    limit = str(int(statement_timeout.total_seconds() * 1000))
    settings = {
        "application_name": application_name,
        "statement_timeout": limit,
        "lock_timeout": limit,
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
    }
    try:
        return await asyncpg.create_pool(
            database_url,
            min_size=min_size,
            max_size=max_size,
            server_settings=settings,
            init=use_json,
            connection_class=_Lean,
            timeout=10,
            command_timeout=(statement_timeout + _UNANSWERED).total_seconds(),
        )
    except (*_LOST, TimeoutError) as error:
        raise _refusal(error) from error
    except (asyncpg.PostgresError, ValueError) as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> Exception:
    """Why there is no connection. What an address that cannot be read holds may be a password: it is not repeated."""
    if isinstance(error, ValueError):
        return OperatorError("database_refused", "The database's address cannot be read")
    told = _translate(error, in_doubt=False)
    if isinstance(told, OrdersagaError):
        return told
    return OperatorError("database_refused", f"The database refused the connection: {error}")


async def use_json(connection: "asyncpg.Connection[asyncpg.Record] | Connection") -> None:
    """Read and write `json` and `jsonb` columns as Python values."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=dump_json, decoder=json.loads, schema="pg_catalog")


@asynccontextmanager
async def transaction(
    pool: Pool, *, lock_wait: timedelta | None = None, scoped: bool = True
) -> AsyncIterator[Connection]:
    """One transaction, committed when the block ends and rolled back when it raises.

    A connection that did not answer in time, or whose answer nobody waits for, is not asked to roll back: the server
    does that when it is closed. `lock_wait`: how long a lock is waited for; None: as long as the pool says. For a
    request of a seller's key (`seller_scope`) the database shows this seller's rows only, unless `scoped` is False.

    Raises RetryError `database_lost` or `database_busy`, with `unknown=True` only when the connection broke during
    the commit itself, LockedError when a lock was waited for in vain; OperatorError `integrity_violation` when the
    database refused what the block wrote.
    """
    committing = False
    try:
        async with pool.acquire(timeout=10) as connection:
            with _closed_once_late(connection):
                work = connection.transaction()
                await work.start()
                try:
                    if scoped:
                        await narrow(connection)
                    if lock_wait is not None:
                        await connection.execute(_LOCK_WAIT, f"{lock_wait / timedelta(milliseconds=1):.0f}")
                    yield connection
                except _LATE:
                    raise
                except BaseException:
                    with suppress(Exception):
                        await work.rollback()
                    raise
                committing = True
                await work.commit()
    except OrdersagaError:
        raise
    except _OF_DATABASE as error:
        raise _translate(error, in_doubt=committing) from error


async def answers(pool: Pool) -> bool:
    """That PostgreSQL answers: asked for nothing that grows, nor for what somebody may have locked."""
    async with connection(pool) as work:
        return bool(await work.fetchval("SELECT true"))


@asynccontextmanager
async def connection(pool: Pool, *, scoped: bool = True) -> AsyncIterator[Connection]:
    """A connection for single statements, with the same translation of errors and `scoped` as `transaction`.

    A statement that was cut off counts as in doubt: it commits by itself.
    """
    acquired = False
    try:
        async with pool.acquire(timeout=10) as proxy:
            acquired = True
            with _closed_once_late(proxy):
                async with _narrowed(proxy, seller_in_scope() if scoped else None):
                    yield proxy
    except OrdersagaError:
        raise
    except _OF_DATABASE as error:
        raise _translate(error, in_doubt=acquired) from error


async def narrow(work: Connection) -> None:
    """From here to the end of this database transaction, only the rows of the seller in scope, if any, are seen."""
    seller = seller_in_scope()
    if seller is not None:
        await work.execute(_NARROW, seller, True)


@asynccontextmanager
async def _narrowed(connection: Connection, seller: str | None) -> AsyncIterator[None]:
    if seller is None:
        yield
        return
    await connection.execute(_NARROW, seller, False)
    try:
        yield
    except _LATE:
        raise  # the connection is closed
    except BaseException:  # whoever stops reading a stream leaves by GeneratorExit
        await _widen(connection)
        raise
    else:
        await _widen(connection)


async def _widen(connection: Connection) -> None:
    """Whoever has the connection next is not this seller; one that cannot be asked any more is closed."""
    try:
        await connection.execute(_WIDEN)
    except Exception:
        connection.terminate()


@contextmanager
def _closed_once_late(connection: Connection) -> Iterator[None]:
    """Whether a connection that brings no answer is dead cannot be asked: it is closed, and the pool opens another."""
    try:
        yield
    except _LATE:
        connection.terminate()
        raise


def _translate(error: Exception, *, in_doubt: bool) -> Exception:
    """The same error, saying who must act; a programming mistake stays what it is."""
    if isinstance(error, asyncpg.LockNotAvailableError):
        return LockedError("database_busy", f"The database could not finish in time: {_words(error)}")
    if isinstance(error, _BUSY):
        unknown = in_doubt and isinstance(error, TimeoutError)
        return RetryError("database_busy", f"The database could not finish in time: {_words(error)}", unknown=unknown)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return OperatorError(
            "database_refused", f"This process's role in the database may not do this: {_words(error)}"
        )
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate == _RECOVERING:
        return RetryError("recovering", "the database is being recovered; no order is accepted meanwhile")
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate == _IN_THE_CLEAR:
        told = "encryption is on, and this process has no master keys: start it anew with ORDERSAGA_ENCRYPTION_KEYS"
        return OperatorError("not_encrypted", told)
    if isinstance(error, asyncpg.DataError):
        return OperatorError("data_refused", f"The database cannot store a value: {type(error).__name__}")
    if isinstance(error, asyncpg.InterfaceError) and not any(word in str(error) for word in _GONE_WORDS):
        return error
    if isinstance(error, _LOST):
        return RetryError("database_lost", f"The connection to the database was lost: {error}", unknown=in_doubt)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return OperatorError(
            "integrity_violation", f"The database refused a change that breaks its rules: {_words(error)}"
        )
    return error


def _words(error: Exception) -> str:
    """What the server says of it, without the details, in which it quotes rows."""
    return str(error.args[0]) if isinstance(error, asyncpg.PostgresError) and error.args else str(error)


async def lock_orders(connection: Connection, order_ids: Iterable[str]) -> None:
    """Let one transaction at a time work on the stock of these orders, also of an order that has no row yet.

    Always taken before any row lock on holds and stock, and in sorted order: no two transactions wait in a circle.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(number) FROM "
        "(SELECT DISTINCT hashtextextended(id, 0) AS number FROM unnest($1::text[]) AS id ORDER BY number) AS sorted",
        list(order_ids),
    )


def columns(rows: Iterable[tuple[Any, ...]], count: int) -> list[list[Any]]:
    """Turn rows into `count` columns, as `unnest($1, $2, ...)` takes them."""
    turned: list[list[Any]] = [[] for _ in range(count)]
    for row in rows:
        for column, value in zip(turned, row, strict=True):
            column.append(value)
    return turned


@asynccontextmanager
async def opened_pool(
    database_url: str, name: str, *, max_size: int = 1, statement_timeout: timedelta = timedelta(seconds=15)
) -> AsyncIterator[Pool]:
    """A pool, closed when the block ends. Raises what `create_pool` does."""
    pool = await create_pool(
        database_url, application_name=name, max_size=max_size, statement_timeout=statement_timeout
    )
    try:
        yield pool
    finally:
        await close_pool(pool)


async def close_pool(pool: Pool, *, patience: timedelta = timedelta(seconds=5)) -> None:
    """Close a pool; connections still busy after `patience` are cut."""
    try:
        await asyncio.wait_for(pool.close(), patience.total_seconds())
    except TimeoutError:
        pool.terminate()
