"""The whole saga on a real Temporal server: whatever happens in whatever order, every order ends explained."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.orders import CapturePolicy, LineQuantity, LostPolicy, Payment
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus as P
from tests.properties.audit import Audit
from tests.properties.companies import CALLS, FAULTS
from tests.properties.effort import effort
from tests.properties.ending import the_end
from tests.properties.life import SHARED, Life
from tests.properties.operator import Operator
from tests.workflows import changes
from workflows.messages import CancelAnswer, CancelRequest, HoldRequest

ORDERS = [(("MUG", 2),), (("MUG", 2), ("TEE", 3)), (("MUG", 12),), (("MUG", 12), ("TEE", 1))]
PROVIDERS = ["shipbob", "seller_warehouse", *SHARED]
CARDS = {"a card": Payment(payment_method="pm_card_visa"), "a saved card": changes.SAVED}
MOVES = [*P][1:]
ASKS: dict[str, tuple[str, Any]] = {
    "another address": ("change_address", changes.to_boston()),
    "the faster service": ("expedite", changes.expedited()),
    "a parcel of its own for a mug": ("split_parcel", changes.split(("MUG", 1))),
    "the other warehouse": ("move_parcel", changes.moved()),
    "another carrier": ("change_carrier", changes.with_carrier()),
    "some money back": ("refund", changes.goodwill(300)),
    "another card": ("change_payment", changes.paying_with("pm_card_mastercard", "cus_ada")),
    "a hold": ("place_hold", HoldRequest(kind="fraud", by="risk")),
    "no hold": ("release_hold", HoldRequest(kind="fraud", by="risk")),
}
some = st.integers(0, 3)


class Orders(RuleBasedStateMachine):
    """A program: one order is placed, and then anything happens."""

    environment: WorkflowEnvironment
    steps: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(self.environment)
        self.operator = Operator(self.life)
        self.placed = False

    def run(self, step: Coroutine[Any, Any, object]) -> None:
        """Play one step."""
        self.steps.run(step)

    @initialize(
        lines=st.sampled_from(ORDERS),
        provider=st.sampled_from(PROVIDERS),
        card=st.sampled_from(sorted(CARDS)),
        capture=st.sampled_from(CapturePolicy),
        lost=st.sampled_from(LostPolicy),
        grace_hours=st.sampled_from([0, 0, 0, 1]),
        bank=st.sampled_from(["yes", "yes", "yes", "challenge", "no"]),
        short=st.sampled_from([True, False, False]),
    )
    def an_order_is_placed(
        self,
        lines: tuple[tuple[str, int], ...],
        provider: str,
        card: str,
        capture: CapturePolicy,
        lost: LostPolicy,
        grace_hours: int,
        bank: str,
        short: bool,
    ) -> None:
        """Anybody's order, at any provider, with any terms; `short`: a provider finds at once that it lacks a unit."""
        if bank == "challenge":
            self.life.world.payments.require_action_next()
        if bank == "no":
            self.life.world.payments.decline_next()
        terms = {"capture": capture, "lost_parcel": lost, "hand_off_delay": timedelta(hours=grace_hours)}
        self.placed = True
        self.run(self.life.begin(lines, provider, payment=CARDS[card], terms=terms))
        if short:
            self.run(self.life.lacks(0, 1))

    # ---- what companies do -----------------------------------------------------------------------------------

    @rule(which=some, to=st.sampled_from(MOVES), heard=st.sampled_from([1, 1, 1, 2, 0]))
    def a_parcel_moves(self, which: int, to: P, heard: int) -> None:
        """Forward, aside, or to an end; heard once, twice or never."""
        self.run(self.life.moves(which, to, heard))

    @rule(which=some)
    def a_parcel_goes_its_way(self, which: int) -> None:
        """Picked, scanned and delivered, heard step by step."""
        for to in (P.PICKED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED):
            self.run(self.life.moves(which, to, 1))

    @rule(which=some, heard=st.sampled_from([1, 1, 2, 0]))
    def a_unit_is_missing(self, which: int, heard: int) -> None:
        """Its provider took the parcel and has not all of it: the unit goes from elsewhere, or is given back."""
        self.run(self.life.lacks(which, heard))

    @rule(which=some)
    def a_missing_unit_goes_from_elsewhere(self, which: int) -> None:
        """Its provider says so, and the order is given the time to plan it anew."""
        self.run(self.life.lacks(which, 1))
        self.everything_settles()

    @rule(which=some)
    def the_rest_leaves_while_a_missing_unit_is_planned(self, which: int) -> None:
        """Its provider says both, one right after the other."""
        self.run(self.life.lacks(which, 1))
        self.run(self.life.moves(which, P.IN_TRANSIT, 1))

    @rule(which=some)
    def a_report_comes_again(self, which: int) -> None:
        """Late, and out of order."""
        if self.life.told:
            self.run(self.life.tell([self.life.told[which % len(self.life.told)]]))

    @rule(status=st.sampled_from(MOVES), parcel=st.integers(1, 3), generation=st.integers(7, 9))
    def a_stray_report_comes(self, status: P, parcel: int, generation: int) -> None:
        """About a hand-off that never was."""
        stray = self.life.companies.event("shipbob", f"x-{parcel}-{generation}", status)
        self.run(self.life.signal("parcel_event", stray))

    @rule(which=some)
    def a_canceled_parcel_ships_all_the_same(self, which: int) -> None:
        """Its provider had agreed to cancel it."""
        self.run(self.life.ships_all_the_same(which))

    @rule(which=some)
    def a_payment_changes(self, which: int) -> None:
        """The shopper pays, or a reservation lapses."""
        self.run(self.life.payment_changes(which))

    @rule(call=st.sampled_from(CALLS), kind=st.sampled_from(sorted(FAULTS)), times=st.sampled_from([1, 1, 3]))
    def a_call_will_fail(self, call: str, kind: str, times: int) -> None:
        """The next one of its kind, or the next three."""
        for _ in range(times):
            self.life.companies.fault(call, kind)

    @rule(decision=st.sampled_from([CancelDecision.REFUSED, CancelDecision.PENDING]))
    def the_provider_will_not_just_cancel(self, decision: CancelDecision) -> None:
        """The next request to stop a parcel is refused, or decided later."""
        self.life.world.provider.answer_cancel_next(decision)
        self.life.world.warehouse.answer_cancel_next(decision)

    # ---- what people do --------------------------------------------------------------------------------------

    @rule(by=st.sampled_from(["update", "signal", "temporal"]))
    def the_order_is_canceled(self, by: str) -> None:
        """Through any door."""
        self.run(self._cancel(by, CancelRequest(by="agent", reason="changed mind")))

    @rule(sku=st.sampled_from(["MUG", "TEE"]), by=st.sampled_from(["update", "signal"]))
    def one_unit_is_canceled(self, sku: str, by: str) -> None:
        """Out of whichever parcel has it."""
        lines = (LineQuantity(sku=sku, quantity=1),)
        self.run(self._cancel(by, CancelRequest(by="agent", reason="too many", lines=lines)))

    async def _cancel(self, by: str, asked: CancelRequest) -> None:
        handle = self.life.handle
        if by == "update":
            await self.life.ask(self._answered(asked))
        elif by == "signal":
            await self.life.signal("request_cancel", asked)
        elif await self.life.running():
            await handle.cancel()

    async def _answered(self, asked: CancelRequest) -> None:
        answer = await self.life.handle.execute_update("cancel", asked, result_type=CancelAnswer)
        self.life.cancel_answers.append(answer)

    @rule(what=st.sampled_from(sorted(ASKS)))
    def somebody_asks_for(self, what: str) -> None:
        """A change, or a hold."""
        name, asked = ASKS[what]
        self.run(self.life.ask(self.life.handle.execute_update(name, asked)))

    @rule(pick=some)
    def the_operator_answers(self, pick: int) -> None:
        """Whatever is asked."""
        self.run(self.operator.answers(pick))

    # ---- what happens to us ----------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 1, 6, 30, 100]))
    def hours_pass(self, hours: int) -> None:
        """Deadlines come."""
        self.run(self.life.time_passes(timedelta(hours=hours)))

    @rule()
    def everything_settles(self) -> None:
        """What is under way comes to an end."""
        self.run(asyncio.sleep(0.15))

    @rule()
    def the_workers_are_replaced(self) -> None:
        """The order goes on from its history."""
        self.run(self.life.workers_are_replaced())

    # ---- the end ---------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """The world gets well; then the order must end, with everything explained."""
        if not self.placed:
            return
        try:
            self.run(self._ends_well())
        finally:
            self.run(self.life.end())

    async def _ends_well(self) -> None:
        result = await the_end(self.life, self.operator)
        await asyncio.wait_for(asyncio.gather(*self.life.asked), 20)
        found = await Audit(self.life, result, await self.life.view()).findings()
        found += [*await self.life.failures(), *await self.life.replays()]
        note("\n".join(["what the order tells:", *self.life.story()]))
        assert found == []


@pytest.fixture
def orders(steps: asyncio.Runner, temporal: WorkflowEnvironment) -> type[Orders]:
    """The machine, with a server to play on."""
    Orders.steps, Orders.environment = steps, temporal
    return Orders


def test_every_order_ends_explained(orders: type[Orders]) -> None:
    """Final status, balanced books, the companies' records agree: a few programs."""
    run_state_machine_as_test(orders, settings=effort(examples=3, steps=10, shorten=False))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_order_ends_explained_however_it_goes(orders: type[Orders]) -> None:
    """Many programs."""
    run_state_machine_as_test(orders, settings=effort(examples=60, steps=20, shorten=False))
