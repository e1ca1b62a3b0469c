"""Contract of the ProviderStock port, on the fake and on each company."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import OrderLine
from ordersaga.domain.reconciliation import StockLevel
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf
from ordersaga.gateways.shipbob.provider import ShipBob
from ordersaga.ports import ProviderStock
from tests.contracts.house_amazon import amazon_2020, amazon_company, amazon_emulator
from tests.contracts.house_newegg import Wanted, newegg_company, newegg_emulator, newegg_gateway, order_by_hand
from tests.fakes.shipping import FakeProvider
from tests.gateways.conftest import shipbob_company, shipbob_emulator
from tests.gateways.support import TIMEOUT, hand_off, new_order
from tests.support.by_hand import ShipBobByHand
from tests.support.emulators import EmulatorProcess

__all__ = [
    "amazon_2020",
    "amazon_company",
    "amazon_emulator",
    "newegg_company",
    "newegg_emulator",
    "shipbob_company",
    "shipbob_emulator",
]


@dataclass(frozen=True)
class Shelves:
    """A provider's count, and the hands that count, take an order in, and lose an answer."""

    company: ProviderStock
    count: Callable[[str, int], Awaitable[object]]
    commit: Callable[[str, int], Awaitable[object]]
    lose_answer: Callable[[], Awaitable[object]]

    async def levels(self, *skus: str) -> list[StockLevel]:
        """What it counts of these; others lie there too."""
        return [level for level in await self.company.stock() if level.sku in skus]


def fake_shelves() -> Shelves:
    """In memory."""
    fake = FakeProvider()

    async def count(sku: str, on_hand: int) -> None:
        fake.count(sku, on_hand)

    async def commit(sku: str, quantity: int) -> None:
        fake.count(sku, fake.shelves[sku].on_hand, quantity)

    async def lose_answer() -> None:
        fake.fail_next("stock", RetryError("no_answer", "lost", unknown=True), after_doing=True)

    return Shelves(fake, count, commit, lose_answer)


def shipbob_shelves(gateway: ShipBob, emulator: EmulatorProcess) -> Shelves:
    """The real adapter over HTTP."""

    async def count(sku: str, on_hand: int) -> None:
        await emulator.post("inventory", sku=sku, on_hand=on_hand)

    async def commit(sku: str, quantity: int) -> None:
        await ShipBobByHand(emulator.url).order(f"{new_order()}-1-1", sku, quantity)

    async def lose_answer() -> None:
        await emulator.post("faults", kind="lose_answer", path="/inventory-level$", skip=1, times=1)

    return Shelves(gateway, count, commit, lose_answer)


@pytest.fixture
async def paged_shipbob(shipbob_emulator: EmulatorProcess) -> AsyncIterator[ShipBob]:
    """The gateway, with two SKUs to a page."""
    gateway = ShipBob("pat_stock", base_url=shipbob_emulator.url, channel_id=7, timeout=TIMEOUT, page_size=2)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def fake_stock() -> Shelves:
    """The fake."""
    return fake_shelves()


@pytest.fixture
def shipbob_stock(paged_shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> Shelves:
    """ShipBob."""
    return shipbob_shelves(paged_shipbob, shipbob_emulator)


@pytest.fixture
async def newegg_stock(newegg_emulator: EmulatorProcess) -> AsyncIterator[Shelves]:
    """Newegg, asked for two SKUs in a call; it tells only of those it is asked for."""
    wanted = Wanted()
    gateway = newegg_gateway(newegg_emulator.url, page_size=2, skus=wanted)

    async def count(sku: str, on_hand: int) -> None:
        wanted.skus.append(sku)
        await newegg_emulator.post("inventory", sku=sku, on_hand=on_hand)

    async def commit(sku: str, quantity: int) -> None:
        await order_by_hand(newegg_emulator, sku, quantity)

    async def lose_answer() -> None:
        await newegg_emulator.post("faults", kind="lose_answer", path="/inventorylist$", skip=1, times=1)

    yield Shelves(gateway, count, commit, lose_answer)
    await gateway.aclose()


@pytest.fixture
async def amazon_stock(amazon_2020: AmazonMcf, amazon_emulator: EmulatorProcess) -> Shelves:
    """Amazon, with two SKUs to a page."""
    await amazon_emulator.post("page-size", size=2)

    async def count(sku: str, on_hand: int) -> None:
        await amazon_emulator.post("inventory", sku=sku, on_hand=on_hand)

    async def commit(sku: str, quantity: int) -> None:
        lines = (OrderLine(sku=sku, quantity=quantity, unit_price=100),)
        await amazon_2020.submit(hand_off(new_order(), lines=lines))

    async def lose_answer() -> None:
        await amazon_emulator.post("faults", kind="lose_answer", path="/summaries$", skip=1, times=1)

    return Shelves(amazon_2020, count, commit, lose_answer)


@pytest.fixture(params=["fake_stock", "shipbob_stock", "newegg_stock", "amazon_stock"])
def shelves(request: pytest.FixtureRequest) -> Shelves:
    """Shelves of each kind: the fixture named after its company."""
    found: Shelves = request.getfixturevalue(request.param)
    return found


async def test_what_was_counted_is_told(shelves: Shelves) -> None:
    """Each SKU once, however many pages they fill; a new count replaces the old one, zero is a count."""
    skus = [f"{new_order()}-{number}" for number in range(5)]
    for number, sku in enumerate(skus):
        await shelves.count(sku, number)
    await shelves.count(skus[3], 30)
    assert {level.sku: level.on_hand for level in await shelves.levels(*skus)} == dict(
        zip(skus, (0, 1, 2, 30, 4), strict=True)
    )
    assert len(await shelves.levels(*skus)) == 5


async def test_units_promised_to_orders_still_lie_there(shelves: Shelves) -> None:
    """An order commits units; they are on hand until they leave."""
    sku = new_order()
    await shelves.count(sku, 9)
    await shelves.commit(sku, 2)
    assert await shelves.levels(sku) == [StockLevel(sku=sku, on_hand=9, committed=2)]


async def test_what_it_does_not_know_is_not_listed(shelves: Shelves) -> None:
    """Not even as zero: nothing is said of it."""
    assert await shelves.levels(new_order()) == []


async def test_an_answer_lost_midway(shelves: Shelves) -> None:
    """No part of a count is taken for the whole; again it is whole."""
    skus = [new_order() for _ in range(3)]
    for sku in skus:
        await shelves.count(sku, 1)
    await shelves.lose_answer()
    with pytest.raises(RetryError):
        await shelves.company.stock()
    assert len(await shelves.levels(*skus)) == 3
