"""What keeps a process from starting is told in one line that a machine can read, and it ends."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from ordersaga.embedded.environment import as_environment
from ordersaga.settings import Settings
from tests.support.api import settings_for
from tests.support.emulators import ROOT, free_port

MODULES = ["ordersaga.api", "ordersaga.codec_server", "workers"]


def begun(module: str, settings: Settings, folder: Path) -> "asyncio.Future[asyncio.subprocess.Process]":
    """A process of ours; what it says is kept."""
    return asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **as_environment(settings)},
            cwd=folder,
            stderr=asyncio.subprocess.PIPE,
        )
    )


@pytest.mark.parametrize("module", MODULES)
async def test_a_database_that_is_away_is_one_line_and_exit_code_1(module: str, tmp_path: Path) -> None:
    """No traceback; whoever keeps the process running tries again. The password is not repeated."""
    settings = settings_for(f"postgresql://shop:pa55w0rd@127.0.0.1:{free_port()}/ordersaga")
    process = await begun(module, settings, tmp_path)
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    (line,) = errors.decode().splitlines()
    told = json.loads(line)
    assert process.returncode == 1
    assert (told["event"], told["code"], told["level"]) == ("not_started", "database_lost", "error")
    assert "pa55w0rd" not in line


@pytest.mark.parametrize("module", MODULES[:2])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_what_serves_ends_with_0_when_it_is_asked_to(
    module: str, how: signal.Signals, database_url: str, tmp_path: Path
) -> None:
    """Temporal being away: it answers, and leaves without a traceback."""
    port = free_port()
    settings = settings_for(database_url, api_port=port, codec_port=port)
    process = await begun(module, settings, tmp_path)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http, asyncio.timeout(60):
        while True:
            try:
                assert (await http.get("/healthz")).status_code == 200
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    process.send_signal(how)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert "Traceback" not in errors.decode()
