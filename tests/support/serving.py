"""An application over real HTTP in the test's own process, ended as soon as it is idle."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn


@contextlib.asynccontextmanager
async def served(config: uvicorn.Config) -> AsyncIterator[None]:
    """Serve until the block ends, as `uvicorn.Server.serve` does but for its two rests of a tenth of a second."""
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    assert server.started, "the application stopped while it was starting"
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        ticking.cancel()
        await _ended(server)


async def _ended(server: uvicorn.Server) -> None:
    """What was begun is answered first."""
    for each in server.servers:
        each.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    for each in server.servers:
        await each.wait_closed()
    await server.lifespan.shutdown()
