"""One Stripe emulator process for all tests of this folder, forgotten between tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stripe

from tests.support.emulators import EmulatorProcess, WebhookReceiver, receiving, running

SECRET = "whsec_test"


@pytest.fixture(scope="session")
def receiver() -> Iterator[WebhookReceiver]:
    """Where the shared emulator sends its webhooks."""
    with receiving() as started:
        yield started


@pytest.fixture(scope="session")
async def stripe_process(
    tmp_path_factory: pytest.TempPathFactory, receiver: WebhookReceiver
) -> AsyncIterator[EmulatorProcess]:
    """The shared process; virtual time runs 100 times faster."""
    options = {"time_scale": 100, "webhook_url": receiver.url, "webhook_secret": SECRET}
    async with running("stripe", tmp_path_factory.mktemp("stripe"), **options) as started:
        yield started


@pytest.fixture
async def emulator(stripe_process: EmulatorProcess, receiver: WebhookReceiver) -> EmulatorProcess:
    """The shared process without anything from the test before."""
    await stripe_process.post("reset")
    receiver.deliveries.clear()
    receiver.statuses.clear()
    return stripe_process


@pytest.fixture
def client(emulator: EmulatorProcess) -> stripe.StripeClient:
    """The real SDK, as the product configures it."""
    return stripe_client(emulator.url)


def stripe_client(url: str) -> stripe.StripeClient:
    """The SDK talking to a URL: no retries of its own, so that a test sees every answer."""
    return stripe.StripeClient(
        "sk_test_emulator",
        base_addresses={"api": url},
        http_client=stripe.HTTPXClient(timeout=10),
        max_network_retries=0,
    )
