"""Every process of ours is stopped by SIGTERM again and again, under load and with orders open: each ends by itself.

What it has begun it finishes; nobody's order is lost, repeated or asked about.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import pytest
import pytest_asyncio

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import OrderStatus
from tests.recovery.drill import SOCKS, at_shipbob, go_on
from tests.support.stack import RealShop, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROUNDS: Final = 2
OPEN: Final = 4
SHOPPERS: Final = 4
EVERY: Final = 0.6
"""Seconds between two orders of a shopper."""


@dataclass
class Drained:
    """What came of it."""

    shop: RealShop
    open: list[Case] = field(default_factory=list)
    load: list[Case] = field(default_factory=list)
    ends: dict[str, OrderStatus] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    repeated: dict[str, int] = field(default_factory=dict)

    async def place(self, closing: asyncio.Event) -> None:
        """Orders, one after the other, until the shop closes."""
        while not closing.is_set():
            case = self.shop.case(f"load_{len(self.load)}", SOCKS)
            self.load.append(case)
            await case.place("confirmed")
            await asyncio.sleep(EVERY)

    async def stop_everybody(self) -> None:
        """One process after the other is asked to end, and started again."""
        for _ in range(ROUNDS):
            for name in ("worker", "api"):
                await self.shop.stack.restart(name)
                await self.shop.stack.wait_ready(name)

    def ended_by_itself(self) -> int:
        """How often a worker said that it had finished all it had begun."""
        log = (self.shop.stack.data / "logs" / "worker.log").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line)["event"] for line in log if line.startswith("{")]
        return events.count("worker_stopped")


@pytest_asyncio.fixture(scope="module")
async def drained(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Drained]:
    """Played once."""
    async with open_shop_at(tmp_path_factory.mktemp("drain") / "state") as shop:
        found, closing = Drained(shop), asyncio.Event()
        found.open = [shop.case(f"open_{number}", SOCKS) for number in range(OPEN)]
        await asyncio.gather(*map(at_shipbob, found.open))
        load = [asyncio.create_task(found.place(closing)) for _ in range(SHOPPERS)]
        try:
            await found.stop_everybody()
        finally:
            closing.set()
        await asyncio.gather(*load)
        await asyncio.gather(*map(go_on, found.open))
        for name in shop.placed:
            found.ends[name] = (await shop.ended(name)).status
            found.repeated[name] = len(await shop.effects(name, "hand_off"))
        found.differences, found.questions = await shop.differences(), await shop.every_question()
        yield found


def test_every_worker_ends_by_itself(drained: Drained) -> None:
    """None is killed because it would not end in its grace."""
    assert drained.ended_by_itself() == ROUNDS


def test_no_order_is_lost_or_repeated(drained: Drained) -> None:
    """Those that were open, and those that came meanwhile: completed, handed over once, and nobody is asked."""
    assert set(drained.ends.values()) == {OrderStatus.COMPLETED}
    assert len(drained.load) >= 2 * SHOPPERS
    assert set(drained.repeated.values()) == {1}
    assert drained.questions == []


def test_books_and_companies_agree(drained: Drained) -> None:
    """0 differences, and no answer surprised a checkout."""
    assert drained.differences == []
    assert [case.surprises for case in (*drained.load, *drained.open) if case.surprises] == []
