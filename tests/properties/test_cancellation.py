"""Cancellations of a running order, whole or in units, each foretold: what is said is what is then done."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.orders import CapturePolicy, LineQuantity
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus as P
from tests.properties.audit import Audit
from tests.properties.companies import LEFT
from tests.properties.effort import effort
from tests.properties.ending import the_end
from tests.properties.life import Life
from tests.properties.operator import Operator
from tests.workflows.cancels import preview
from workflows.messages import CancelAnswer, CancelRequest

ORDERS = [(("MUG", 3),), (("MUG", 3), ("TEE", 2)), (("MUG", 12), ("TEE", 1))]
COMES_TO: dict[str, set[str]] = {
    "canceled": {"canceled"},
    "pending": {"canceled", "too_late", "partly_canceled", "pending"},
    "intercepting": {"intercepting", "too_late"},
    "too_late": {"too_late"},
}
"""What a part of a preview may come to when it is asked for."""
STANDS = (P.PICKED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED)
_requests = count(1)


class Cancellations(RuleBasedStateMachine):
    """A program: parcels move, and somebody cancels all of it or some units, again and again."""

    environment: WorkflowEnvironment
    steps: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(self.environment)
        self.placed = False
        self.answers: dict[str, CancelAnswer] = {}

    def run(self, step: Coroutine[Any, Any, object]) -> None:
        """Play one step, once the order has come to rest."""
        self.steps.run(self._at_rest())
        self.steps.run(step)

    @initialize(
        lines=st.sampled_from(ORDERS),
        provider=st.sampled_from(["shipbob", "seller_warehouse", "both"]),
        capture=st.sampled_from(CapturePolicy),
        intercepts=st.booleans(),
    )
    def an_order_is_placed(
        self, lines: tuple[tuple[str, int], ...], provider: str, capture: CapturePolicy, intercepts: bool
    ) -> None:
        """And handed over."""
        self.life.world.carrier.can_intercept = intercepts
        self.placed = True
        self.steps.run(self.life.begin(lines, provider, shipping=499, tax=77, terms={"capture": capture}))

    @rule(which=st.integers(0, 2), to=st.sampled_from(STANDS))
    def a_parcel_moves(self, which: int, to: P) -> None:
        """And that is heard."""
        self.run(self.life.moves(which, to, 1))

    @rule(decision=st.sampled_from([None, None, CancelDecision.REFUSED, CancelDecision.PENDING]))
    def everything_is_canceled(self, decision: CancelDecision | None) -> None:
        """The provider agrees, or answers otherwise for once."""
        self.run(self._cancel("all of it", CancelRequest(by="agent", reason="changed mind"), decision))

    @rule(
        sku=st.sampled_from(["MUG", "TEE"]),
        quantity=st.integers(1, 3),
        decision=st.sampled_from([None, None, None, CancelDecision.REFUSED, CancelDecision.PENDING]),
    )
    def units_are_canceled(self, sku: str, quantity: int, decision: CancelDecision | None) -> None:
        """Out of whichever parcels have them."""
        name = f"request {next(_requests)}"
        lines = (LineQuantity(sku=sku, quantity=quantity),)
        self.run(self._cancel(name, CancelRequest(by="agent", lines=lines, request_id=name), decision))

    # ---- one cancellation ------------------------------------------------------------------------------------

    async def _at_rest(self) -> None:
        """Nothing is under way: every parcel that goes on is where its company has it."""
        for _ in range(100):
            await asyncio.sleep(0.05)
            view = await self.life.view()
            if not await self.life.running() or (view.parcels and all(p.status is not P.PLANNED for p in view.parcels)):
                break
            if view.attention:
                break
        await asyncio.sleep(0.1)

    async def _cancel(self, name: str, asked: CancelRequest, decision: CancelDecision | None) -> None:
        if not await self.life.running():
            return
        foretold = await self._foretold(asked)
        self._providers_decide(decision)
        answer = await self._answered(asked)
        self._providers_decide(None)
        if answer is not None:
            if name not in self.answers:  # the first request for the whole order answers every later one
                self._compare(foretold, answer, decision)
            self.answers[name] = answer

    async def _foretold(self, asked: CancelRequest) -> CancelAnswer:
        """What a preview says; it does nothing, and says the same again."""
        before, calls = await self.life.view(), len(self.life.world.log)
        foretold = await preview(self.life.handle, asked)
        again = await preview(self.life.handle, asked)
        assert (foretold.outcome, foretold.parts) == (again.outcome, again.parts)
        assert (await self.life.view(), len(self.life.world.log)) == (before, calls)
        return foretold

    def _providers_decide(self, decision: CancelDecision | None) -> None:
        for provider in self.life.providers:
            provider.decides = decision

    async def _answered(self, asked: CancelRequest) -> CancelAnswer | None:
        """The answer, after the half minute that a provider has for it; None: refused, or the order has ended."""
        asking = asyncio.create_task(self.life.handle.execute_update("cancel", asked, result_type=CancelAnswer))
        await asyncio.wait([asking], timeout=0.4)
        if not asking.done():
            await self.life.time_passes(timedelta(seconds=40))
        try:
            return await asyncio.wait_for(asking, 20)
        except (WorkflowUpdateFailedError, RPCError):
            return None

    def _compare(self, foretold: CancelAnswer, answer: CancelAnswer, decision: CancelDecision | None) -> None:
        """Part by part: only what was foretold, with the money that was foretold."""
        said = {part.parcel: part for part in foretold.parts}
        assert set(said) == {part.parcel for part in answer.parts}, f"{foretold}, then {answer}"
        for part in answer.parts:
            before = said[part.parcel]
            assert part.outcome in COMES_TO[before.outcome], f"{before}, then {part}"
            assert part.lines == before.lines
            if part.outcome in ("canceled", "pending", "intercepting"):
                assert (part.voided, part.refunded) == (before.voided, before.refunded), f"{before}, then {part}"
            if decision is None and before.outcome == "pending":
                assert part.outcome == "canceled", f"{before}, then {part}"

    # ---- the end ---------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """What is not canceled arrives and is paid; what is canceled is neither."""
        if not self.placed:
            return
        try:
            self.steps.run(self._ends_well())
        finally:
            self.steps.run(self.life.end())

    async def _ends_well(self) -> None:
        result = await the_end(self.life, Operator(self.life))
        found = await Audit(self.life, result, await self.life.view()).findings()
        note("\n".join(["what the order tells:", *self.life.story()]))
        assert found + await self.life.failures() == []
        self._nothing_is_both_shipped_and_refunded()

    def _nothing_is_both_shipped_and_refunded(self) -> None:
        """What was told as given back, and what the company keeps, are the price; told units and gone units, all."""
        told = [part for answer in self.answers.values() for part in answer.parts]
        if any(part.outcome not in ("canceled", "too_late") for part in told):
            return
        undone = [part for part in told if part.outcome == "canceled"]
        kept = sum(payment.captured - payment.refunded for payment in self.life.world.payments.payments.values())
        back = sum(part.voided + part.refunded for part in undone)
        assert kept + back == self.life.placed.total, f"{kept} kept, {back} told as given back"
        canceled = Counter[str]()
        for line in (line for part in undone for line in part.lines):
            canceled[line.sku] += line.quantity
        gone = Counter[str]()
        for reference, order in self.life.companies.orders.items():
            if self.life.companies.standing(reference) in LEFT:
                handed = self.life.companies.provider_of(reference).hand_offs[order.reference]
                gone.update({line.sku: line.quantity for line in handed.lines})
        assert gone + canceled == Counter({line.sku: line.quantity for line in self.life.placed.lines})


@pytest.fixture
def cancellations(steps: asyncio.Runner, temporal: WorkflowEnvironment) -> type[Cancellations]:
    """The machine, with a server to play on."""
    Cancellations.steps, Cancellations.environment = steps, temporal
    return Cancellations


def test_a_cancellation_does_what_its_preview_says(cancellations: type[Cancellations]) -> None:
    """Whatever was canceled before, and wherever the parcels are: a few programs."""
    run_state_machine_as_test(cancellations, settings=effort(examples=2, steps=4, shorten=False))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cancellation_does_what_its_preview_says_however_often(cancellations: type[Cancellations]) -> None:
    """Many programs."""
    run_state_machine_as_test(cancellations, settings=effort(examples=30, steps=8, shorten=False))
