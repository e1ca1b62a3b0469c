"""Stock on a real PostgreSQL beside a model of it: one step after another, and two at once on two stores."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ordersaga.domain.catalog import Catalog, Product, Receipt
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import LineQuantity, Order, OrderLine, ParcelPlan
from ordersaga.stores.accept import Accepted, PostgresIntake, Replay
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, SELLER, WEST, catalog, order, sale
from tests.properties.effort import effort
from tests.properties.stock_model import Shelf, StockModel

ORDERS = ["o1", "o2", "o3", "o4"]
NAMES = st.sampled_from(ORDERS)
PARCELS = st.integers(1, 3)
WHERE = st.sampled_from([EAST, WEST])
SKUS = st.sampled_from(["MUG", "TEE"])
SOME = st.integers(1, 4)
UNITS = st.fixed_dictionaries({}, optional={"MUG": SOME, "TEE": SOME})
BOUGHT = st.fixed_dictionaries({"MUG": SOME}, optional={"TEE": SOME})
A_PLAN = st.tuples(WHERE, UNITS)
PLANS = st.fixed_dictionaries({1: A_PLAN}, optional={2: A_PLAN, 3: A_PLAN})
_programs = count(1)


@dataclass(frozen=True)
class Step:
    """A step of both the model and the stores, by its name there."""

    name: str
    inputs: dict[str, Any]

    def on_model(self, model: StockModel) -> object:
        """What must be answered."""
        answer: object = getattr(model, self.name)(**self.inputs)
        return answer

    async def on_store(self, store: "Store") -> object:
        """What is answered; a refusal by its code."""
        method: Callable[..., Awaitable[object]] = getattr(store, self.name)
        try:
            return await method(**self.inputs)
        except OperatorError as refused:
            return refused.code


class Store:
    """The stores of one process, in the words of the model."""

    def __init__(self, pool: Pool, owned: set[str]) -> None:
        self._catalog = PostgresCatalog(pool)
        self._intake = PostgresIntake(pool)
        self._stock = PostgresStock(pool)
        self._owned = owned

    async def receive(self, receipt: str, place: str, sku: str, quantity: int) -> object:
        """Units arrive."""
        arrived = Receipt(receipt_id=receipt, location=place, sku=sku, quantity=quantity)
        await self._catalog.load(Catalog(receipts=(arrived,)))
        return None

    async def accept(self, order: Order, *, expires: bool) -> object:
        """The intake's answer."""
        ttl = timedelta(seconds=-1) if expires else timedelta(hours=1)
        answer = await self._intake.accept(order, hold_ttl=ttl)
        if isinstance(answer, Accepted):
            return answer.parcels
        return "replay" if isinstance(answer, Replay) else "sold_out"

    async def confirm(self, order: Order) -> object:
        """The parcels, or None."""
        return await self._stock.confirm_hold(order)

    async def release(self, name: str, parcel: int) -> object:
        """Units given back."""
        return await self._stock.release(name, parcel)

    async def ship(self, name: str, plan: ParcelPlan) -> object:
        """Shipped."""
        await self._stock.ship(name, plan, sale(name, plan))
        return "shipped"

    async def replan(self, name: str, plans: tuple[ParcelPlan, ...]) -> object:
        """Whether it was possible."""
        return await self._stock.replan(name, plans)

    async def take_back(
        self, name: str, parcel: int, reference: str, lines: tuple[LineQuantity, ...], place: str, *, sellable: bool
    ) -> object:
        """Units taken back."""
        return await self._stock.take_back(name, parcel, reference, lines, place, sellable=sellable)

    async def expire(self) -> object:
        """Whose holds were swept, of this program's orders."""
        swept = await self._intake.expire_holds(prolong=timedelta(hours=1), longest=timedelta(0))
        return tuple(name for name in swept.released if name in self._owned)


class Stock(RuleBasedStateMachine):
    """A program: four orders, two products, two places."""

    steps: asyncio.Runner
    pool: Pool

    def __init__(self) -> None:
        super().__init__()
        self.number = next(_programs)
        self.model = StockModel()
        self.placed: dict[str, Order] = {}
        self.owned: set[str] = set()
        self.stores = (Store(self.pool, self.owned), Store(self.pool, self.owned))
        self.last: Step | None = None

    @initialize(bought=st.fixed_dictionaries(dict.fromkeys(ORDERS, BOUGHT)))
    def four_orders_are_wanted(self, bought: dict[str, dict[str, int]]) -> None:
        """Of these units each; a few are there, and the sagas of two orders run."""
        for name, units in bought.items():
            lines = tuple((self.sku(sku), quantity) for sku, quantity in units.items())
            self.placed[name] = order(f"{name}x{self.number}", *lines)
        self.owned |= {placed.order_id for placed in self.placed.values()}
        self.steps.run(self._known())
        for place, sku in ((EAST, "MUG"), (WEST, "TEE")):
            self.play(self.arrival(f"first-{sku}", place, sku, 6))
        for name in ORDERS[:2]:
            self.play(Step("confirm", {"order": self.placed[name]}))

    async def _known(self) -> None:
        products = tuple(
            Product(sku=self.sku(sku), seller=SELLER, title=sku, weight_grams=100) for sku in ("MUG", "TEE")
        )
        known = catalog()
        await PostgresCatalog(self.pool).load(known.model_copy(update={"products": (*known.products, *products)}))

    def sku(self, sku: str) -> str:
        """A product of this program's own."""
        return f"{sku}-{self.number}"

    # ---- one step --------------------------------------------------------------------------------------------

    def play(self, *steps: Step) -> None:
        """One step, or two at once: the answers and shelves are those of one of the orders they could have run in."""
        orders = [list(steps), list(reversed(steps))]
        outcomes = [(model := self.model.copy(), [step.on_model(model) for step in one], one) for one in orders]
        answers = self.steps.run(self._at_once(steps))
        levels = self.steps.run(self.levels())
        fitting = [
            model
            for model, expected, one in outcomes
            if [answers[steps.index(step)] for step in one] == expected and model.levels() == levels
        ]
        assert fitting, f"answered {answers} with {levels}; {[(told, model.levels()) for model, told, _ in outcomes]}"
        self.model, self.last = fitting[0], steps[-1]

    async def _at_once(self, steps: tuple[Step, ...]) -> list[object]:
        return list(
            await asyncio.gather(*(step.on_store(store) for step, store in zip(steps, self.stores, strict=False)))
        )

    async def levels(self) -> dict[Shelf, tuple[int, int]]:
        """(on hand, held) of this program's shelves that have anything."""
        known = PostgresCatalog(self.pool)
        found = [level for sku in ("MUG", "TEE") for level in await known.stock_levels(sku=self.sku(sku))]
        return {(level.location, level.sku): (level.on_hand, level.held) for level in found if level.on_hand}

    @rule(receipt=st.sampled_from(["r1", "r2"]), place=WHERE, sku=SKUS)
    def units_arrive(self, receipt: str, place: str, sku: str) -> None:
        """Three, once per receipt."""
        self.play(self.arrival(f"{receipt}-{place}-{sku}", place, sku, 3))

    @rule(name=NAMES, expires=st.booleans())
    def a_checkout_is_accepted(self, name: str, expires: bool) -> None:
        """Held, or sold out."""
        self.play(self.acceptance(name, expires))

    @rule(name=NAMES)
    def a_saga_confirms(self, name: str) -> None:
        """The hold becomes permanent."""
        self.play(Step("confirm", {"order": self.placed[name]}))

    @rule(name=NAMES, parcel=PARCELS)
    def a_parcel_is_given_up(self, name: str, parcel: int) -> None:
        """Its units go back."""
        if step := self.giving_up(name, parcel):
            self.play(step)

    @rule(name=NAMES, parcel=PARCELS)
    def a_parcel_ships(self, name: str, parcel: int) -> None:
        """Whether it is held or not."""
        if step := self.shipping(name, parcel):
            self.play(step)

    @rule(name=NAMES, plans=PLANS)
    def the_parcels_are_planned_anew(self, name: str, plans: dict[int, tuple[str, dict[str, int]]]) -> None:
        """Anywhere, with any units."""
        if step := self.planning(name, plans):
            self.play(step)

    @rule(name=NAMES, parcel=PARCELS, reference=st.sampled_from(["a", "b"]), sku=SKUS, place=WHERE, sold=st.booleans())
    def a_unit_comes_back(self, name: str, parcel: int, reference: str, sku: str, place: str, sold: bool) -> None:
        """To be sold again, or not."""
        if self.placed[name].order_id in self.model.orders:
            lines = (LineQuantity(sku=self.sku(sku), quantity=1),)
            inputs = {"parcel": parcel, "reference": reference, "lines": lines, "place": place, "sellable": sold}
            self.play(Step("take_back", {"name": self.placed[name].order_id, **inputs}))

    @rule()
    def holds_are_swept(self) -> None:
        """Those that expired before their saga began."""
        self.play(Step("expire", {}))

    @rule()
    def the_last_step_comes_again(self) -> None:
        """An activity is repeated."""
        if self.last is not None:
            self.play(self.last)

    # ---- two at once -----------------------------------------------------------------------------------------

    @rule(names=st.permutations(ORDERS), expires=st.booleans())
    def two_checkouts_race(self, names: list[str], expires: bool) -> None:
        """For the same units."""
        self.play(*(self.acceptance(name, expires) for name in names[:2]))

    @rule(name=NAMES)
    def a_saga_races_with_the_sweep(self, name: str) -> None:
        """Of an order whose hold has expired."""
        self.play(Step("confirm", {"order": self.placed[name]}), Step("expire", {}))

    @rule(name=NAMES, other=NAMES, parcel=PARCELS)
    def giving_up_races_with_a_checkout(self, name: str, other: str, parcel: int) -> None:
        """Who comes first decides."""
        if step := self.giving_up(name, parcel):
            self.play(step, self.acceptance(other, expires=False))

    @rule(name=NAMES, parcel=PARCELS)
    def shipping_races_with_giving_up(self, name: str, parcel: int) -> None:
        """The same units end once."""
        if (gone := self.shipping(name, parcel)) and (given_up := self.giving_up(name, parcel)):
            self.play(gone, given_up)

    @rule(names=st.permutations(ORDERS), plans=PLANS, others=PLANS)
    def two_plans_race(
        self,
        names: list[str],
        plans: dict[int, tuple[str, dict[str, int]]],
        others: dict[int, tuple[str, dict[str, int]]],
    ) -> None:
        """Over the same shelves."""
        if (first := self.planning(names[0], plans)) and (second := self.planning(names[1], others)):
            self.play(first, second)

    # ---- the steps -------------------------------------------------------------------------------------------

    def arrival(self, receipt: str, place: str, sku: str, quantity: int) -> Step:
        """Units arrive."""
        inputs = {"place": place, "sku": self.sku(sku), "quantity": quantity}
        return Step("receive", {"receipt": f"{receipt}-{self.number}", **inputs})

    def acceptance(self, name: str, expires: bool) -> Step:
        """A checkout comes in."""
        return Step("accept", {"order": self.placed[name], "expires": expires})

    def giving_up(self, name: str, parcel: int) -> Step | None:
        """Of an order we know."""
        known = self.placed[name].order_id in self.model.orders
        return Step("release", {"name": self.placed[name].order_id, "parcel": parcel}) if known else None

    def shipping(self, name: str, parcel: int) -> Step | None:
        """Of a parcel that is planned, by an order whose saga runs."""
        known = self.model.orders.get(self.placed[name].order_id)
        if known is None or not known.started or parcel not in known.plans or not known.plans[parcel].lines:
            return None
        return Step(
            "ship", {"name": known.order.order_id, "plan": known.plans[parcel].model_copy(update={"amount": 0})}
        )

    def planning(self, name: str, plans: dict[int, tuple[str, dict[str, int]]]) -> Step | None:
        """Of an order whose saga runs."""
        known = self.model.orders.get(self.placed[name].order_id)
        if known is None or not known.started:
            return None
        wanted = tuple(self._plan(number, *plans[number]) for number in sorted(plans))
        return Step("replan", {"name": known.order.order_id, "plans": wanted})

    def _plan(self, number: int, place: str, units: dict[str, int]) -> ParcelPlan:
        lines = tuple(
            OrderLine(sku=self.sku(sku), quantity=quantity, unit_price=1000) for sku, quantity in units.items()
        )
        return ParcelPlan(parcel=number, location=place, provider="shipbob", lines=lines, amount=0)

    @invariant()
    def the_movements_add_up(self) -> None:
        """To what is on the shelves, and to what is held; never more held than there is."""
        assert self.steps.run(self._differences()) == []

    async def _differences(self) -> list[object]:
        over = [level for level in (await self.levels()).values() if not 0 <= level[1] <= level[0]]
        return [*await PostgresBooks(self.pool).unit_differences(), *over]


@pytest.fixture
def stock(steps: asyncio.Runner, shared_pool: Pool) -> type[Stock]:
    """The machine, with a database to play on."""
    Stock.steps, Stock.pool = steps, shared_pool
    return Stock


def test_stock_is_what_its_model_says(stock: type[Stock]) -> None:
    """Nothing is promised twice, nothing ends twice, and every repetition is harmless: a few programs."""
    run_state_machine_as_test(stock, settings=effort(examples=5, steps=12))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_stock_is_what_its_model_says_however_long(stock: type[Stock]) -> None:
    """Many programs."""
    run_state_machine_as_test(stock, settings=effort(examples=100, steps=40))
