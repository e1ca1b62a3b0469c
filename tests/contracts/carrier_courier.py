"""A private courier as the Carrier and LabelHistory contracts need it: the real adapter beside the reference."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ordersaga.gateways.private_delivery.carrier import PrivateDelivery
from ordersaga.ports import Carrier
from tests.contracts.carrier_counter import Counter
from tests.gateways.support import TIMEOUT, address, company
from tests.support.emulators import EmulatorProcess, WebhookReceiver

KEY = "sandbox_contracts"
SECRET = "whsec_Y291cmllci1nYXRld2F5LXRlc3RzLTAwMQ=="
PATHS = {"book": "/v1/shipments$", "void": "/void$"}
ALL = "gw"
"""What every reference of these tests begins with."""
CourierCompany = tuple[EmulatorProcess, WebhookReceiver]


@pytest.fixture(scope="session")
async def courier_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CourierCompany]:
    """The reference courier at real pace: nothing moves there unless a test moves it."""
    async with company("courier", tmp_path_factory.mktemp("courier"), SECRET) as (process, receiver):
        await process.post("rate-limit", per_minute=100_000)
        yield process, receiver


@pytest.fixture
async def courier_emulator(courier_company: CourierCompany) -> EmulatorProcess:
    """The same, without the faults of the test before; it turns parcels around."""
    process, _ = courier_company
    await process.delete("faults")
    await process.post("scripts", **{"match": ALL, "return": "accepted"})
    return process


def gateway(url: str, **changes: Any) -> PrivateDelivery:
    """The adapter talking to it; close it."""
    return PrivateDelivery(KEY, base_url=url, **{"timeout": TIMEOUT, **changes})


@pytest.fixture
async def turning_courier(courier_emulator: EmulatorProcess) -> AsyncIterator[PrivateDelivery]:
    """A courier that turns parcels around."""
    carrier = gateway(courier_emulator.url)
    yield carrier
    await carrier.aclose()


@pytest.fixture
async def courier(turning_courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> PrivateDelivery:
    """A courier that does not."""
    await courier_emulator.post("scripts", **{"match": ALL, "return": "not_offered"})
    return turning_courier


@pytest.fixture
async def paged_courier(courier_emulator: EmulatorProcess) -> AsyncIterator[PrivateDelivery]:
    """The gateway, with two labels to a page."""
    carrier = gateway(courier_emulator.url, page_size=2)
    yield carrier
    await carrier.aclose()


def courier_counter(carrier: Carrier, emulator: EmulatorProcess, *, turns_around: bool = False) -> Counter:
    """Its counter."""

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", method="POST", path=PATHS[method], times=1)

    async def scan(reference: str) -> None:
        await emulator.post("advance", match=reference, to="picked_up")

    return Counter(carrier, lose_answer, scan, sells="private_delivery", turns_around=turns_around)


async def lose_second_page(emulator: EmulatorProcess) -> None:
    """Of the next listing."""
    await emulator.post("faults", kind="lose_answer", method="GET", path="/v1/shipments$", skip=1, times=1)


class CourierByHand:
    """Somebody who buys labels on the account."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def buy(self, reference: str) -> str:
        """A label, a second one if the reference has one already; returns the shipment's id."""
        place = address().model_dump(exclude_none=True)
        body = {"reference": reference, "kind": "outbound", "from": place, "to": place, "weight_grams": 250}
        async with httpx.AsyncClient(base_url=self._url, timeout=15, trust_env=False) as client:
            answer = await client.post(
                "/v1/shipments",
                json={**body, "service": "standard", "currency": "USD"},
                headers={"authorization": f"Bearer {KEY}", "idempotency-key": f"by-hand-{uuid4()}"},
            )
        answer.raise_for_status()
        return str(answer.json()["id"])
