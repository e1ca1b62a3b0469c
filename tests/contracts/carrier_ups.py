"""UPS as the Carrier contract needs it: the real adapter over HTTP, beside its emulator."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.gateways.ups.calls import Credentials
from ordersaga.gateways.ups.carrier import UPS
from ordersaga.gateways.ups.requests import Requester
from tests.contracts.carrier_counter import Counter
from tests.gateways.support import TIMEOUT
from tests.support.emulators import EmulatorProcess, running

CREDENTIALS = Credentials("ups-client", "ups-secret-of-tests", "A1B2C3")
REQUESTER = Requester("Acme", "3125550111", "desk@acme.example")
PATHS = {"book": "/ship$", "void": "/void/cancel/"}


@pytest.fixture(scope="session")
async def ups_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    """The emulated UPS, at real pace: nothing moves there unless a test moves it."""
    async with running("ups", tmp_path_factory.mktemp("ups")) as process:
        await process.post("rate-limit", per_minute=100_000)
        yield process


@pytest.fixture
async def ups_emulator(ups_company: EmulatorProcess) -> EmulatorProcess:
    """The same, without the faults of the test before."""
    await ups_company.delete("faults")
    return ups_company


def gateway(emulator: EmulatorProcess, **changes: Any) -> UPS:
    """The adapter talking to it; close it."""
    timeout: timedelta = changes.pop("timeout", TIMEOUT)
    return UPS(CREDENTIALS, base_url=emulator.url, timeout=timeout, **changes)


@pytest.fixture
async def ups(ups_emulator: EmulatorProcess) -> AsyncIterator[UPS]:
    """An account without Delivery Intercept."""
    carrier = gateway(ups_emulator)
    yield carrier
    await carrier.aclose()


@pytest.fixture
async def turning_ups(ups_emulator: EmulatorProcess) -> AsyncIterator[UPS]:
    """An account with Delivery Intercept."""
    carrier = gateway(ups_emulator, intercepts=REQUESTER)
    yield carrier
    await carrier.aclose()


def ups_counter(carrier: UPS, emulator: EmulatorProcess, *, turns_around: bool = False) -> Counter:
    """Its price is told once, and its label is printed until the first scan."""

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", path=PATHS[method], times=1)

    async def scan(reference: str) -> None:
        await emulator.post("advance", match=reference, to="in_transit")

    forgets = frozenset({"cost", "url"})
    return Counter(carrier, lose_answer, scan, sells="ups", forgets=forgets, turns_around=turns_around)
