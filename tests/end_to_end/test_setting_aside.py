"""The whole stack with Amazon: orders on hold keep their units there, as Amazon's own records show."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services, open_services
from ordersaga.demo.acts import put_on_hold
from ordersaga.demo.case import Case
from ordersaga.demo.network import AMAZON
from ordersaga.domain.reconciliation import Finding
from ordersaga.domain.shipping import HandOff
from ordersaga.domain.statuses import OrderStatus
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf
from tests.support.stack import RealShop, Record, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GRACE: Final = timedelta(seconds=1)
WITHIN: Final = 60.0
CHALLENGED: Final = {"payment_method": "pm_card_threeDSecure2Required"}
RELEASED, DROPPED = ("released", "astray"), ("dropped", "strayed")
LOST: Final[tuple[dict[str, str], ...]] = (
    {"method": "POST", "match": "astray-1-1"},
    {"method": "POST", "match": "strayed-1-1"},
    {"method": "PUT", "path": "ulfillmentOrders/astray-1-1$"},
    {"method": "PUT", "path": "ulfillmentOrders/strayed-1-1/cancel$"},
)
"""Amazon does it, and its answer is lost: two of the holds, the end of one, the cancellation of another."""
CHARGER: Final = ("CHARGER-65W", 2, 3900)
BROOKLYN: Final = {
    "name": "Ada Nilsson",
    "line1": "210 Joralemon St",
    "city": "Brooklyn",
    "region": "NY",
    "postal_code": "11201",
    "country": "US",
}


@dataclass
class Kept:
    """The running shop, and what was seen at Amazon: `held` while the orders waited, `ended` afterwards.

    `struck`: how often each fault was met.
    """

    shop: RealShop
    services: Services
    held: dict[str, Record] = field(default_factory=dict)
    ended: dict[str, Record] = field(default_factory=dict)
    statuses: dict[str, OrderStatus] = field(default_factory=dict)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    struck: list[int] = field(default_factory=list)

    async def play(self) -> None:
        """Four orders wait; two are released and ship, two are canceled; then units are kept that nobody needs."""
        for call in LOST:
            await self.shop.world.companies[AMAZON].tell("faults", kind="lose_answer", times=1, **call)
        released, dropped = [[self.case(name) for name in names] for names in (RELEASED, DROPPED)]
        await asyncio.gather(*(put_on_hold(case) for case in (*released, *dropped)))
        for name in (*RELEASED, *DROPPED):
            self.held[name] = await self.at_amazon(name, lambda order: order["stage"] == "Received")
            await self.known_here(name)
        self.findings["held"] = await self.found()
        await asyncio.gather(*(case.release_hold() for case in released), *(one.cancel("canceled") for one in dropped))
        self.statuses = {name: (await self.shop.ended(name)).status for name in self.held}
        for name in self.held:
            self.ended[name] = await self.at_amazon(name, lambda _: True)
        self.struck = [fault["applied"] for fault in await self.shop.world.companies[AMAZON].faults()]
        self.differences = await self.shop.differences()
        self.findings["ended"] = await self.found()
        await self.keep_once_more("dropped")
        self.findings["planted"] = await self.found()

    def case(self, name: str) -> Case:
        """An order whose bank asks the shopper, which leaves time for a hold."""
        return self.shop.case(name, CHARGER, seller="volt-audio", ship_to=BROOKLYN, payment=CHALLENGED)

    async def at_amazon(self, name: str, seen: Callable[[Record], bool]) -> Record:
        """The one order that Amazon has for one of ours."""
        company = self.shop.world.companies[AMAZON]
        async with asyncio.timeout(WITHIN):
            while True:
                records: dict[str, list[dict[str, Any]]] = await company.records(match=f"{name}-1-", kind="orders")
                orders = records.get("orders", [])
                if orders and seen(orders[0]):
                    assert len(orders) == 1
                    return orders[0]
                await asyncio.sleep(0.3)

    async def known_here(self, name: str) -> None:
        """Until it is on record that the units are kept, also where that had to be looked up."""
        async with asyncio.timeout(WITHIN):
            while [row["status"] for row in await self.shop.effects(name, "set_aside")] != ["done"]:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.3)

    async def found(self) -> list[Finding]:
        """What a run of reconciliation finds, once everything is old enough to be compared."""
        await asyncio.sleep(2 * GRACE.total_seconds())
        operator = self.shop.world.operator
        run = await operator.reconcile(since=datetime.now(UTC) - timedelta(hours=1))
        async with asyncio.timeout(WITHIN):
            while run.ended_at is None:
                await asyncio.sleep(0.3)
                run = await operator.reconciliation(run.run_id)
        assert run.failed == {}
        return [each.finding for each in (await operator.findings()).findings]

    async def keep_once_more(self, name: str) -> None:
        """Somebody keeps units for a canceled order."""
        amazon = self.services.providers[AMAZON]
        assert isinstance(amazon, AmazonMcf)
        record = await self.services.journal.get(name)
        assert record is not None
        order, plan = record.order, record.parcels[0]
        await amazon.reserve(
            HandOff(
                reference=f"{name}-1-7",
                order_id=name,
                seller=order.seller,
                location=plan.location,
                lines=plan.lines,
                ship_to=order.ship_to,
                ship_by=order.ship_by,
            )
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kept]:
    """Everything played once, for all tests to look at."""
    state = tmp_path_factory.mktemp("aside") / "state"
    async with (
        open_shop_at(state, changed={"reconcile_grace": GRACE}, all_companies=True) as shop,
        open_services(shop.stack.settings) as services,
    ):
        it = Kept(shop, services)
        await it.play()
        yield it


@pytest.mark.parametrize("name", RELEASED)
async def test_what_waits_is_kept_and_then_shipped(kept: Kept, name: str) -> None:
    """One order at Amazon, on hold first and shipped later, delivered; also where each answer was lost."""
    assert (kept.held[name]["action"], kept.ended[name]["action"]) == ("Hold", "Ship")
    assert (kept.ended[name]["id"], kept.ended[name]["stage"]) == (f"{name}-1-1", "Delivered")
    assert kept.statuses[name] is OrderStatus.COMPLETED
    steps = {step: await kept.shop.effects(name, step) for step in ("set_aside", "hand_off", "let_go")}
    assert {step: [row["status"] for row in rows] for step, rows in steps.items()} == {
        "set_aside": ["done"],
        "hand_off": ["done"],
        "let_go": [],
    }


@pytest.mark.parametrize("name", DROPPED)
async def test_what_is_canceled_while_it_waits_is_let_go(kept: Kept, name: str) -> None:
    """Amazon canceled its order before any of it was planned; it never was to be shipped."""
    ended = kept.ended[name]
    assert (kept.held[name]["action"], ended["action"]) == ("Hold", "Hold")
    assert (ended["outcome"], ended["stage"]) == ("Cancelled", "Received")
    assert kept.statuses[name] is OrderStatus.CANCELED
    assert await kept.shop.effects(name, "hand_off") == []


async def test_every_lost_answer_was_lost(kept: Kept) -> None:
    """Otherwise nothing is proved; and nobody was asked."""
    assert kept.struck == [1] * len(LOST)
    assert await kept.shop.every_question() == []


async def test_neither_reconciliation_nor_audit_finds_anything(kept: Kept) -> None:
    """Units kept for an order that waits are no order too many; afterwards everybody agrees."""
    assert (kept.findings["held"], kept.findings["ended"], kept.differences) == ([], [], [])


async def test_units_kept_for_a_canceled_order_are_found(kept: Kept) -> None:
    """As a live order at its provider, to be withdrawn."""
    assert [(each.kind.value, each.order_id) for each in kept.findings["planted"]] == [
        ("live_provider_order", "dropped")
    ]
