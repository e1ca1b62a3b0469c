"""The same five steps as a DBOS workflow, whose checkpoints are rows in the same PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import asyncpg
from dbos import DBOS, DBOSConfig, SetWorkflowID, _migration

from benchmarks.peers.steps import Planned, Steps
from ordersaga.domain.orders import Order, ParcelPlan

CONNECTIONS: Final = 20
"""As many as the product's processes have each."""
DATABASE: Final = "dbos"
EXTENSION: Final = 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp";'
"""Its first migration asks for this and nothing uses it; the embedded PostgreSQL comes without contributed modules."""

_steps: list[Steps] = []
Undo = tuple[Callable[..., Awaitable[None]], Any]


@DBOS.step()
async def charge(order: Order) -> int:
    """Reserve the money and take it."""
    return await _steps[-1].charge(order)


@DBOS.step()
async def refund(order: Order) -> None:
    """Undo of `charge`."""
    await _steps[-1].refund(order)


@DBOS.step()
async def reserve(order: Order) -> ParcelPlan:
    """Hold the units."""
    return await _steps[-1].reserve(order)


@DBOS.step()
async def release(order: Order) -> None:
    """Undo of `reserve`."""
    await _steps[-1].release(order)


@DBOS.step()
async def hand_off(planned: Planned) -> None:
    """Give the parcel to its provider."""
    await _steps[-1].hand_off(planned)


@DBOS.step()
async def withdraw(planned: Planned) -> None:
    """Undo of `hand_off`."""
    await _steps[-1].withdraw(planned)


@DBOS.step()
async def book(planned: Planned) -> None:
    """Buy the label."""
    await _steps[-1].book(planned)


@DBOS.step()
async def void(planned: Planned) -> None:
    """Undo of `book`."""
    await _steps[-1].void(planned)


@DBOS.step()
async def notify(order: Order) -> None:
    """Write down that the order is on its way."""
    await _steps[-1].notify(order)


@DBOS.workflow()
async def saga(order: Order) -> str:
    """The order's id once all is done; whatever fails, everything before it is undone, last first."""
    undo: list[Undo] = []
    try:
        undo.append((refund, order))
        await charge(order)
        undo.append((release, order))
        planned = Planned(order=order, plan=await reserve(order))
        undo.append((withdraw, planned))
        await hand_off(planned)
        undo.append((void, planned))
        await book(planned)
        await notify(order)
    except Exception:
        for undone, argument in reversed(undo):
            await undone(argument)
        raise
    return order.order_id


@contextlib.asynccontextmanager
async def launched(database_url: str, steps: Steps) -> AsyncIterator[None]:
    """DBOS runs in this process until the block ends; its tables are in a database of their own on the same server."""
    await _create_database(database_url)
    config: DBOSConfig = {
        "name": "peer",
        "system_database_url": f"{database_url.rsplit('/', 1)[0]}/{DATABASE}",
        "sys_db_pool_size": CONNECTIONS,
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    _forgo_extension()
    DBOS(config=config)
    _steps.append(steps)
    DBOS.launch()
    try:
        yield
    finally:
        DBOS.destroy()
        _steps.pop()
        # It made its executor the loop's own, and shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())


async def run(order: Order) -> None:
    """One saga, to its end."""
    with SetWorkflowID(f"order-{order.order_id}"):
        handle = await DBOS.start_workflow_async(saga, order)
    await handle.get_result()


def _forgo_extension() -> None:
    first = _migration.get_dbos_migration_one
    _migration.get_dbos_migration_one = lambda *known: first(*known).replace(EXTENSION, "")


async def _create_database(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
