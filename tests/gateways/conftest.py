"""One process per company for all gateway tests; each test brings its own order ids."""

from collections.abc import AsyncIterator

import pytest

from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.shipbob.provider import ShipBob
from ordersaga.gateways.stripe.payments import StripePayments
from tests.contracts.carrier_courier import courier_company, courier_emulator, turning_courier
from tests.gateways.support import EASYPOST_SECRET, SHIPBOB_SECRET, STRIPE_SECRET, TIMEOUT, company
from tests.support.emulators import EmulatorProcess, WebhookReceiver

__all__ = ["courier_company", "courier_emulator", "turning_courier"]

Company = tuple[EmulatorProcess, WebhookReceiver]


@pytest.fixture(scope="session")
async def stripe_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """The emulated Stripe and what it sends."""
    async with company("stripe", tmp_path_factory.mktemp("stripe"), STRIPE_SECRET) as started:
        yield started


@pytest.fixture
async def stripe_emulator(stripe_company: Company) -> EmulatorProcess:
    """The emulated Stripe, without the faults of the test before."""
    process, _ = stripe_company
    await process.delete("faults")
    await process.post("search-delay", seconds=0)
    return process


@pytest.fixture
async def stripe_payments(stripe_emulator: EmulatorProcess) -> AsyncIterator[StripePayments]:
    """The gateway talking to it."""
    gateway = StripePayments("sk_test_gateways", base_url=stripe_emulator.url, timeout=TIMEOUT)
    yield gateway
    await gateway.aclose()


@pytest.fixture(scope="session")
async def shipbob_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """The emulated ShipBob and what it sends."""
    async with company("shipbob", tmp_path_factory.mktemp("shipbob"), SHIPBOB_SECRET) as started:
        await started[0].post("rate-limit", per_minute=100_000)
        yield started


@pytest.fixture
async def shipbob_emulator(shipbob_company: Company) -> EmulatorProcess:
    """The emulated ShipBob, without the faults of the test before."""
    process, _ = shipbob_company
    await process.delete("faults")
    return process


@pytest.fixture
async def shipbob(shipbob_emulator: EmulatorProcess) -> AsyncIterator[ShipBob]:
    """The gateway talking to it."""
    gateway = ShipBob("pat_gateways", base_url=shipbob_emulator.url, channel_id=7, timeout=TIMEOUT)
    yield gateway
    await gateway.aclose()


@pytest.fixture(scope="session")
async def easypost_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """The emulated EasyPost and what it sends."""
    async with company("easypost", tmp_path_factory.mktemp("easypost"), EASYPOST_SECRET) as started:
        yield started


@pytest.fixture
async def easypost_emulator(easypost_company: Company) -> EmulatorProcess:
    """The emulated EasyPost, without the faults of the test before."""
    process, _ = easypost_company
    await process.delete("faults")
    return process


@pytest.fixture
async def easypost(easypost_emulator: EmulatorProcess) -> AsyncIterator[EasyPost]:
    """The gateway talking to it."""
    gateway = EasyPost("EZTK-gateways", base_url=easypost_emulator.url, timeout=TIMEOUT)
    yield gateway
    await gateway.aclose()
