"""How to deploy: the steps, run against an empty database and a Temporal server that knows nothing of us."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from ordersaga.embedded.sockets import HOST
from tests.architecture.test_deployment import bare_server
from tests.docs.pages import ROOT, Block, blocks
from tests.docs.shell import shell_beside
from tests.support.database import DatabaseServer, database_server
from tests.support.emulators import free_port

__all__ = ["bare_server", "database_server"]

PAGE: Final = ROOT / "docs" / "how-to" / "deploy.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest_asyncio.fixture
async def empty_database(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database without a table."""
    url = await database_server.create(migrated=False)
    yield url
    await database_server.drop(url)


async def test_the_steps_lead_to_a_stack_that_is_ready(
    tmp_path: Path, bare_server: dict[str, int], empty_database: str
) -> None:
    """Attributes, schema, key, processes, stock: in this order, as printed."""
    walk = [block for block in blocks(PAGE) if block.runnable]
    assert len(walk) == 6
    port = free_port()
    variables = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LOGS": str(tmp_path),
        "ORDERSAGA_DATABASE_URL": empty_database,
        "ORDERSAGA_TEMPORAL_ADDRESS": f"{HOST}:{bare_server['temporal']}",
        "ORDERSAGA_TEMPORAL_NAMESPACE": "shop",
        "ORDERSAGA_API_PORT": str(port),
        "ORDERSAGA_SHIPBOB_CHANNEL_ID": "7",
        "ORDERSAGA_SHIPBOB_WEBHOOK_SECRET": "whsec_c2VjcmV0LW9mLXRlc3Rz",
    }
    for name in (
        "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "SHIPBOB_TOKEN",
        "EASYPOST_API_KEY",
        "EASYPOST_WEBHOOK_SECRET",
    ):
        variables[f"ORDERSAGA_{name}"] = "of-tests"
    for name in ("STRIPE", "SHIPBOB", "EASYPOST"):
        variables[f"ORDERSAGA_{name}_BASE_URL"] = f"http://{HOST}:9"
    async with shell_beside(tmp_path, variables) as shell:
        try:
            await shell.walk(walk)
        finally:
            await shell.run(Block("bash", "kill $(jobs -p); wait", ""))
