"""`python -m ordersaga.api` as a process of its own, Temporal being away."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import httpx

from ordersaga.bootstrap import issue_api_key, open_services
from ordersaga.embedded.environment import as_environment
from tests.fakes.samples import catalog
from tests.support.api import order_body, settings_for
from tests.support.database import database_server, database_url
from tests.support.emulators import free_port

__all__ = ["database_server", "database_url"]


async def test_the_process_takes_orders_without_temporal_and_ends_when_asked(database_url: str, tmp_path: Path) -> None:
    """Not ready, saying why; an order with `Prefer: wait` is 202; SIGTERM ends it with 0; no secret in its log."""
    settings = settings_for(database_url, api_port=free_port())
    async with open_services(settings) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
    key = await issue_api_key(settings, "checkout", "test")
    environment = {
        **os.environ,
        **as_environment(settings),
        "ORDERSAGA_DATABASE_URL": database_url,
        "ORDERSAGA_TEMPORAL_ADDRESS": settings.temporal_address,
        "ORDERSAGA_API_PORT": str(settings.api_port),
    }
    log = (tmp_path / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ordersaga.api", env=environment, stdout=log, stderr=log
    )
    try:
        url = f"http://127.0.0.1:{settings.api_port}"
        async with httpx.AsyncClient(base_url=url, timeout=15, trust_env=False) as http:
            await _until_alive(http, process)
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["temporal"]) == (503, "unavailable")
            headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=3"}
            placed = await http.post("/v1/orders", json=order_body(order_id="web_1"), headers=headers)
            assert (placed.status_code, placed.json()["status"]) == (202, "pending")
    finally:
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 15)
        log.close()
    assert code == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request" and line.get("order_id") == "web_1"] == [202]
    assert key not in str(lines)
    assert "Main St" not in str(lines)


async def _until_alive(http: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    limit = time.monotonic() + 40
    while True:
        assert process.returncode is None, "the API stopped"
        assert time.monotonic() < limit, "the API never answered"
        try:
            assert (await http.get("/healthz")).json() == {"status": "ok"}
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
