"""Orders in a real database, companies that are fakes: disagreements are planted at the companies or in our books."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest_asyncio

from activities.carriers import BookLabel, Carriers, VoidLabel
from activities.effects import Effects
from activities.inventory import Inventory, ShipUnits
from activities.looking import Sources
from activities.payments import ParcelPayment, Payments
from activities.providers import HandOffParcel, Providers, WithdrawParcel
from activities.reconciliation import MatchAsk, Reconciling
from activities.repairs import Means, RepairAsk, RepairResult, Repairs
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.reconciliation import FindingFilter, RunRecord, StoredFinding
from ordersaga.domain.shipping import HandOff
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.evidence import PostgresEvidence
from ordersaga.stores.findings import PostgresFindings
from ordersaga.stores.inbox import WebhookInbox
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.payments import FakePayments
from tests.fakes.sagas import FakeSagas
from tests.fakes.samples import EAST, WEST, catalog, order
from tests.fakes.shipping import FakeCarrier, FakeProvider

GRACE = timedelta(minutes=10)
MUGS = 100


class Forgetful(FakeProvider):
    """A provider that can lose an order."""

    def forget(self, reference: str) -> None:
        """It knows nothing of it any more."""
        del self.orders[reference], self._changed[reference]


@dataclass
class World:
    """Stores, activities and companies. `books_carrier`: the provider buys the labels, not we."""

    pool: Pool
    books_carrier: bool = True

    def __post_init__(self) -> None:
        self._runs = count(1)
        self.ledger, self.stock = PostgresEffects(self.pool), PostgresStock(self.pool)
        self.journal, self.inbox = PostgresJournal(self.pool), WebhookInbox(self.pool)
        self.evidence, self.findings = PostgresEvidence(self.pool), PostgresFindings(self.pool)
        self.gateway, self.carrier, self.sagas = FakePayments(), FakeCarrier(), FakeSagas()
        self.ups = FakeCarrier("ups")
        accounts = {"easypost": self.carrier, "ups": self.ups}
        self.provider = Forgetful(books_carrier=self.books_carrier)
        effects = Effects(self.ledger, timedelta(0))
        providers = {"shipbob": self.provider}
        self.payments = Payments(self.gateway, effects, self.ledger)
        self.providers = Providers(providers, effects, self.ledger)
        self.carriers = Carriers(accounts, self.stock, effects, self.ledger)
        self.inventory = Inventory(self.stock, self.ledger)
        self.sources = Sources(
            evidence=self.evidence,
            findings=self.findings,
            sagas=self.sagas,
            payments=self.gateway,
            payment_history=self.gateway,
            carriers=accounts,
            labels=accounts,
            providers=providers,
            stock={"shipbob": self.provider},
        )
        self.means = Means(effects, self.ledger, self.stock, self.journal, self.journal, self.inbox)
        self.reconciling, self.repairs = Reconciling(self.sources), Repairs(self.sources, self.means)

    async def prepare(self) -> None:
        """A catalog with mugs in the East and the West."""
        await PostgresCatalog(self.pool).load(catalog((EAST, "MUG", MUGS), (WEST, "MUG", MUGS)))
        self.provider.count("MUG", 2 * MUGS)

    async def placed(self, order_id: str = "o1", **changes: Any) -> "Life":
        """An order with its stock held and its saga running, nothing asked of anybody."""
        placed = order(order_id, **changes)
        parcels = await self.stock.confirm_hold(placed)
        assert parcels is not None
        life = Life(self, placed, parcels[0])
        await life.record(OrderStatus.PENDING)
        self.sagas.running[order_id] = {1: ParcelStatus.PLANNED}
        return life

    async def shipped(self, order_id: str = "o1", **changes: Any) -> "Life":
        """An order that was paid, delivered and closed."""
        life = await self.placed(order_id, **changes)
        await life.authorize()
        await life.hand_over()
        await life.leave()
        await life.ship()
        await life.capture()
        await life.end(OrderStatus.COMPLETED)
        return life

    async def canceled(self, order_id: str = "o1") -> "Life":
        """An order that was undone before its goods left."""
        life = await self.placed(order_id)
        await life.authorize()
        await life.hand_over()
        await life.undo()
        await life.end(OrderStatus.CANCELED)
        return life

    async def run(self, order_id: str | None = None, *, grace: timedelta = GRACE) -> list[StoredFinding]:
        """One whole run, an hour from now; answers what is not settled after it."""
        now = datetime.now(UTC) + (timedelta(hours=1) if grace == GRACE else timedelta(seconds=1))
        record = RunRecord(run_id=f"run-{next(self._runs)}", since=now - timedelta(days=1), started_at=now)
        ask = MatchAsk(
            run_id=record.run_id, since=record.since, now=now, grace=grace, order_id=order_id, provider="shipbob"
        )
        await self.reconciling.open_run(record)
        steps = {
            "payments": self.reconciling.match_payments,
            "labels": self.reconciling.match_labels,
            "provider:shipbob": self.reconciling.match_provider,
            "stock:shipbob": self.reconciling.match_stock,
            "orders": self.reconciling.match_orders,
        }
        looked_at = {source: (await match(ask)).looked_at for source, match in steps.items()}
        at_ups = await self.reconciling.match_labels(ask.model_copy(update={"account": "ups"}))
        looked_at["labels:ups"] = at_ups.looked_at
        await self.findings.end_run(record.model_copy(update={"ended_at": now, "looked_at": looked_at}), order_id)
        return list(await self.findings.findings(FindingFilter()))

    async def kinds(self) -> list[str]:
        """What a run finds, by kind."""
        return sorted(stored.finding.kind.value for stored in await self.run())

    async def repair(self, stored: StoredFinding) -> RepairResult:
        """Ask for a repair in the name of two people, and make it."""
        finding_id = stored.finding.finding_id
        for person in ("ann", "bob"):
            if (await self.findings.claim(finding_id, by=person, reason="planted")).result == "claimed":
                break
        now = datetime.now(UTC) + timedelta(hours=1)
        return await self.repairs.apply_repair(
            RepairAsk(finding_id=finding_id, by="ann", reason="planted", now=now, grace=GRACE)
        )

    async def repaired(self, kind: str) -> str:
        """A run finds exactly this; it is repaired, and the next run is clean. Answers what the repair says."""
        (stored,) = await self.run()
        assert stored.finding.kind == kind
        result = await self.repair(stored)
        assert result.status == "repaired", result.outcome
        assert await self.run() == []
        return result.outcome


@dataclass
class Life:
    """One order on its way, by the saga's own activities."""

    world: World
    order: Order
    plan: ParcelPlan

    @property
    def payment(self) -> ParcelPayment:
        return ParcelPayment(
            order_id=self.order.order_id,
            parcel=1,
            amount=self.plan.amount,
            currency="USD",
            payment_method="pm_card_visa",
        )

    @property
    def payment_id(self) -> str:
        """Its first payment."""
        return self.world.gateway.references[f"{self.order.order_id}/authorize/1/1"]

    @property
    def reference(self) -> str:
        return self.plan.reference(self.order.order_id)

    async def authorize(self, generation: int = 1) -> None:
        await self.world.payments.authorize(self.payment.model_copy(update={"generation": generation}))

    async def hand_over(self) -> None:
        hand_off = HandOff(
            reference=self.reference,
            order_id=self.order.order_id,
            seller=self.order.seller,
            location=self.plan.location,
            lines=self.plan.lines,
            ship_to=self.order.ship_to,
            ship_by=self.order.ship_by,
        )
        await self.world.providers.hand_off(
            HandOffParcel(provider="shipbob", parcel=1, generation=1, hand_off=hand_off)
        )
        await self.record(OrderStatus.FULFILLING)
        if not self.world.books_carrier:
            await self.world.carriers.book_label(BookLabel(order=self.order, plan=self.plan))

    async def leave(self) -> None:
        """The provider's goods leave, and the order hears of it."""
        self.world.provider.advance(self.reference, ParcelStatus.IN_TRANSIT)
        left = sum(line.quantity for line in self.plan.lines)
        level = self.world.provider.shelves["MUG"]
        self.world.provider.count("MUG", level.on_hand - left)
        if not self.world.books_carrier:
            self.world.carrier.track(self.reference, ParcelStatus.IN_TRANSIT)

    async def ship(self) -> None:
        await self.hear(ParcelStatus.IN_TRANSIT)
        await self.world.inventory.ship_stock(ShipUnits(order_id=self.order.order_id, plan=self.plan, currency="USD"))

    async def hear(self, status: ParcelStatus) -> None:
        """The saga is told, and writes it into the story."""
        entry = JournalEntry(
            entry_id=f"{self.order.order_id}-{status}", at=datetime.now(UTC), kind=status.value, text="told", parcel=1
        )
        await self.record(OrderStatus.SHIPPED, entry)
        if self.order.order_id in self.world.sagas.running:
            self.world.sagas.running[self.order.order_id][1] = status

    async def capture(self) -> None:
        await self.world.payments.capture(self.payment)

    async def undo(self) -> None:
        order_id = self.order.order_id
        await self.world.providers.withdraw(WithdrawParcel(provider="shipbob", order_id=order_id, parcel=1))
        await self.world.carriers.void_label(VoidLabel(order_id=order_id, parcel=1))
        await self.world.stock.release(order_id, 1)
        await self.world.payments.release(self.payment)

    async def end(self, status: OrderStatus) -> None:
        """Its saga ends, the books being what they are."""
        await self.record(status)
        self.desert()

    def desert(self) -> None:
        """Its saga is gone, whatever the order's status."""
        self.world.sagas.running.pop(self.order.order_id, None)
        self.world.sagas.ended.add(self.order.order_id)

    async def record(self, status: OrderStatus, *entries: JournalEntry) -> None:
        await self.world.journal.record(
            JournalUpdate(order_id=self.order.order_id, status=status, outcome="confirmed", entries=entries)
        )

    async def balanced(self) -> None:
        """Nothing is reserved, owed or unknown."""
        assert await self.world.evidence.differences(self.order.order_id) == []


@pytest_asyncio.fixture
async def world(pool: Pool) -> World:
    """A provider that books its own carrier."""
    world = World(pool)
    await world.prepare()
    return world


@pytest_asyncio.fixture
async def own(pool: Pool) -> World:
    """A provider for whose parcels we buy the labels."""
    world = World(pool, books_carrier=False)
    await world.prepare()
    return world
