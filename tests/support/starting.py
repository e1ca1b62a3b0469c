"""Accepted orders whose saga is not started, for tests."""

import asyncio

from ordersaga.stores.pools import Pool


async def unstarted(pool: Pool) -> list[str]:
    """Ids of the orders that wait for their saga, the one accepted first in front."""
    rows = await pool.fetch(
        "SELECT order_id FROM orders WHERE started_at IS NULL AND status = 'pending' ORDER BY accepted_at, order_id"
    )
    return [row["order_id"] for row in rows]


async def make_due(pool: Pool) -> None:
    """Nobody starts these orders at this moment: a starter may."""
    await pool.execute("UPDATE orders SET start_after = now() WHERE started_at IS NULL")


async def unreadable(pool: Pool, order_id: str) -> None:
    """A later version wrote this order: its request has a field that nobody knows."""
    await pool.execute("UPDATE orders SET request = request || '{\"later\": 1}'::jsonb WHERE order_id = $1", order_id)


async def begun(pool: Pool, order_id: str) -> None:
    """Wait for a start that the answer did not wait for."""
    async with asyncio.timeout(20):
        while order_id in await unstarted(pool):  # noqa: ASYNC110 - another task does it
            await asyncio.sleep(0.02)
