"""Amazon in the contracts: one emulated company, asked in either version of its API."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.gateways.amazon_mcf.client import Credentials
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf, ApiVersion
from tests.contracts.houses import House
from tests.gateways.support import TIMEOUT
from tests.support.emulators import EmulatorProcess, running

CREDENTIALS = Credentials("amzn1.application-oa2-client.tests", "amzn1.oa2-cs.tests", "Atzr|tests")
PATHS = {
    "submit": ("POST", "/(fulfillmentOrders|orders)$"),
    "reserve": ("POST", "/(fulfillmentOrders|orders)$"),
    "ship": ("PUT", "/(fulfillmentOrders|orders)/[^/]+$"),
    "cancel": ("PUT", "/cancel$"),
}


def amazon(emulator: EmulatorProcess, version: ApiVersion, **changes: Any) -> AmazonMcf:
    """The gateway, in a hurry."""
    token_url = f"{emulator.url}/auth/o2/token"
    known = {"base_url": emulator.url, "token_url": token_url, "timeout": TIMEOUT, "pace": timedelta(0)}
    return AmazonMcf(changes.pop("credentials", CREDENTIALS), version=version, **{**known, **changes})


@pytest.fixture(scope="session")
async def amazon_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    """The emulated Amazon at real pace: nothing moves there unless a test moves it."""
    async with running("amazon_mcf", tmp_path_factory.mktemp("amazon")) as process:
        await process.post("rate-limit", per_second=10_000, burst=10_000)
        yield process


@pytest.fixture
async def amazon_emulator(amazon_company: EmulatorProcess) -> EmulatorProcess:
    """The same, without the faults of the test before."""
    await amazon_company.delete("faults")
    await amazon_company.post("page-size", size=50)
    return amazon_company


@pytest.fixture
async def amazon_2020(amazon_emulator: EmulatorProcess) -> AsyncIterator[AmazonMcf]:
    """The gateway in the version that answers at once."""
    gateway = amazon(amazon_emulator, ApiVersion.V2020)
    yield gateway
    await gateway.aclose()


@pytest.fixture
async def amazon_2026(amazon_emulator: EmulatorProcess) -> AsyncIterator[AmazonMcf]:
    """The gateway in the version that decides later."""
    gateway = amazon(amazon_emulator, ApiVersion.V2026)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def amazon_2020_at_home(amazon_2020: AmazonMcf, amazon_emulator: EmulatorProcess) -> House:
    """Amazon, synchronous."""
    return amazon_house(amazon_2020, amazon_emulator)


@pytest.fixture
def amazon_2026_at_home(amazon_2026: AmazonMcf, amazon_emulator: EmulatorProcess) -> House:
    """Amazon, asynchronous."""
    return amazon_house(amazon_2026, amazon_emulator)


def amazon_house(provider: AmazonMcf, emulator: EmulatorProcess) -> House:
    """The real adapter over HTTP."""

    async def pick(reference: str) -> None:
        await emulator.post("advance", match=reference, to="Processing")

    async def lose_answer(method: str) -> None:
        verb, path = PATHS[method]
        await emulator.post("faults", kind="lose_answer", method=verb, path=path, times=1)

    async def decide(reference: str) -> None:
        await emulator.post("decide", match=reference)

    async def streets(reference: str) -> list[str]:
        return [(await record(emulator, reference))["address"]["addressLine1"]]

    return House("amazon_mcf", provider, pick, lose_answer, streets, decide=decide)


async def record(emulator: EmulatorProcess, reference: str) -> dict[str, Any]:
    """What Amazon itself knows of an order."""
    records = await emulator.get("records", match=f'"{reference}"', kind="orders")
    found: list[dict[str, Any]] = [each for each in records.get("orders", []) if each["id"] == reference]
    (order,) = found
    return order
