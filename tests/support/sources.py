"""Scripted sources of reconciliation, for tests of what stands around them: workflows, API, command line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields

from temporalio import activity
from temporalio.testing import WorkflowEnvironment

from activities.failures import translated
from activities.reconciliation import CloseRun, MatchAsk, MatchResult
from activities.repairs import GiveUp, RepairAsk, RepairResult
from ordersaga.domain.reconciliation import FindingKind, RunRecord
from ordersaga.reconciliation_ports import FindingStore
from workers.activities import ActivitySet
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker


class Sources:
    """What every source answers, and what it was asked; `failing` by source, `held` keeps payments and repairs waiting.

    `findings`: where runs and repairs are written as the real activities do, if anywhere.
    """

    def __init__(self, findings: FindingStore | None = None) -> None:
        self.findings = findings
        self.asked: list[tuple[str, str, MatchAsk]] = []
        self.opened: list[RunRecord] = []
        self.closed: list[CloseRun] = []
        self.repairs: list[tuple[str, RepairAsk]] = []
        self.given_up: list[GiveUp] = []
        self.failing: dict[str, Exception] = {}
        self.asks_a_person = False
        self.held = asyncio.Event()
        self.held.set()
        self.reached = asyncio.Event()

    @activity.defn
    async def open_run(self, run: RunRecord) -> None:
        self.opened.append(run)
        if self.findings:
            await self.findings.begin_run(run)

    @activity.defn
    async def close_run(self, closing: CloseRun) -> None:
        self.closed.append(closing)
        if self.findings:
            await self.findings.end_run(closing.run, closing.order_id)

    @activity.defn
    @translated
    async def match_payments(self, ask: MatchAsk) -> MatchResult:
        self.reached.set()
        await self.held.wait()
        found = {FindingKind.ORPHAN_AUTHORIZATION: 2, FindingKind.CASH_DIFFERS: 1}
        return self._answer("payments", ask, MatchResult(looked_at=7, found=found))

    @activity.defn
    @translated
    async def match_labels(self, ask: MatchAsk) -> MatchResult:
        return self._answer("labels", ask, MatchResult(looked_at=3))

    @activity.defn
    @translated
    async def match_orders(self, ask: MatchAsk) -> MatchResult:
        return self._answer("orders", ask, MatchResult(looked_at=5, found={FindingKind.CASH_DIFFERS: 1}))

    @activity.defn
    @translated
    async def match_provider(self, ask: MatchAsk) -> MatchResult:
        return self._answer(f"provider:{ask.provider}", ask, MatchResult(looked_at=1))

    @activity.defn
    @translated
    async def match_stock(self, ask: MatchAsk) -> MatchResult:
        return self._answer(f"stock:{ask.provider}", ask, MatchResult(looked_at=4))

    @activity.defn
    @translated
    async def apply_repair(self, ask: RepairAsk) -> RepairResult:
        self.reached.set()
        await self.held.wait()
        self.repairs.append((activity.info().task_queue, ask))
        if error := self.failing.get("repair"):
            raise error
        result = RepairResult(status="repaired", outcome="released")
        if self.asks_a_person:
            result = RepairResult(status="refused", outcome="asked a person: reset it", asked=True)
        if self.findings:
            await self.findings.settle(ask.finding_id, result.status, result.outcome, ask.now)
        return result

    @activity.defn
    async def repair_given_up(self, given_up: GiveUp) -> None:
        self.given_up.append(given_up)
        if self.findings:
            await self.findings.settle(given_up.finding_id, "open", given_up.why, given_up.now)

    def _answer(self, source: str, ask: MatchAsk, result: MatchResult) -> MatchResult:
        self.asked.append((source, activity.info().task_queue, ask))
        if error := self.failing.get(source):
            raise error
        return result

    def activities(self) -> ActivitySet:
        """By lane, as the workers poll them."""
        records: list[Callable[..., object]] = [self.open_run, self.close_run, self.repair_given_up]
        return ActivitySet(
            orders=records,
            books=[*records, self.match_orders, self.apply_repair],
            payments=[self.match_payments, self.apply_repair],
            providers=[self.match_provider, self.match_stock, self.apply_repair],
            carriers=[self.match_labels, self.apply_repair],
        )


@asynccontextmanager
async def polling(environment: WorkflowEnvironment, sources: Sources) -> AsyncIterator[None]:
    """Workers on every lane."""
    lanes = lane_workers(
        environment.client, sources.activities(), ["shipbob", "seller_warehouse"], accounts=["easypost", "ups"]
    )
    async with running([order_worker(environment.client, sources.activities()), *lanes], settle=0):
        yield


def beside(known: ActivitySet, sources: Sources) -> ActivitySet:
    """Activities of orders and returns, and scripted sources, on the same lanes."""
    more = sources.activities()
    return ActivitySet(**{lane.name: getattr(known, lane.name) + getattr(more, lane.name) for lane in fields(known)})
