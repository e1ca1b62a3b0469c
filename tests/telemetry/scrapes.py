"""Scrapes: of this process, of any address, and of Temporal's SDK in a worker process of its own."""

import asyncio
import sys
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ordersaga import meters
from tests.support.emulators import free_port

Samples = dict[str, float]


def samples(text: str) -> Samples:
    """A scrape, by `name{label="value",...}`, labels by name."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def counted() -> Samples:
    """What this process has counted so far."""
    found: Samples = {}
    for family in meters.REGISTRY.collect():
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def scrape(address: str) -> Samples:
    """What is served at host:port."""
    with await asyncio.to_thread(urllib.request.urlopen, f"http://{address}/metrics", timeout=10) as answer:
        return samples(answer.read().decode())


async def scraped_from_temporals_sdk(temporal: str) -> Samples:
    """What the SDK of a worker process tells that has run sagas to their end, with a failure of each kind of task."""
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.telemetry.small_worker", temporal, address),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0
    return samples(told.decode())
