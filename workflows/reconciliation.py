"""What the companies say, laid beside our ledgers, on a schedule and by hand; and the repair of one finding.

Neither carries findings in its history: they are written by the activities, and read from the database.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import AwareDatetime, Field
from temporalio import workflow

from activities.reconciliation import CloseRun, MatchAsk, MatchResult, Reconciling
from activities.repairs import GiveUp, RepairAsk, RepairResult, Repairs
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import not_given
from ordersaga.domain.reconciliation import (
    LABELS,
    ORDERS,
    PAYMENTS,
    Repair,
    RunRecord,
    label_source,
    provider_source,
    read_source,
    stock_source,
)
from ordersaga.domain.values import Message
from workflows.activity_policies import StepFailedError, in_task, on_lane
from workflows.messages import BOOKS_QUEUE, CARRIER_QUEUE, PAYMENT_QUEUE, carrier_queue, provider_queue
from workflows.presentation import ATTENTION

RUN_ID_PREFIX = "reconciliation-"
LISTING = timedelta(minutes=15)
"""One attempt to read a source: a busy day is tens of thousands of payments, a hundred to a page."""
SILENCE = timedelta(minutes=1)
"""A listing that reports no progress for so long is begun anew."""
SOURCE_PATIENCE = timedelta(minutes=30)
"""How long a source is asked before the run ends without it; the next run asks again."""
REPAIR_ATTEMPT = timedelta(minutes=1)
"""A repair looks again first: several calls."""

_LANES = {
    Repair.VOID: PAYMENT_QUEUE,
    Repair.CAPTURE: PAYMENT_QUEUE,
    Repair.REFUND: PAYMENT_QUEUE,
    Repair.ENTER: PAYMENT_QUEUE,
}


class Reconcile(Message):
    """What to look at. `since` wins over `window`; `order_id`: this order only, whatever is on the shelves.

    `providers`: whose orders are matched; `counting`: those of them that count their shelves. `accounts`: of carriers,
    besides the first, that list their labels.
    """

    since: AwareDatetime | None = None
    window: timedelta
    grace: timedelta
    order_id: str | None = None
    requested_by: str = "schedule"
    providers: tuple[str, ...] = ()
    counting: tuple[str, ...] = ()
    accounts: tuple[str, ...] = Field(default=(), exclude_if=not_given)


class RepairOrder(Message):
    """Repair a finding that was claimed. `repair` and `source`, as the finding says, name the lane it runs on."""

    finding_id: str
    repair: Repair
    source: str
    by: str
    reason: str
    grace: timedelta


class Source(NamedTuple):
    """Who is asked: as the run's record names it, its lane, and by which activity."""

    name: str
    lane: str
    activity: Callable[[Any, MatchAsk], Awaitable[MatchResult]]
    provider: str = ""
    account: str = ""


_ALWAYS = (
    Source(PAYMENTS, PAYMENT_QUEUE, Reconciling.match_payments),
    Source(LABELS, CARRIER_QUEUE, Reconciling.match_labels),
    Source(ORDERS, BOOKS_QUEUE, Reconciling.match_orders),
)


def run_workflow_id(run_id: str) -> str:
    """Workflow id of a run; those of the schedule are named by Temporal in the same way."""
    return f"{RUN_ID_PREFIX}{run_id}"


def repair_workflow_id(finding_id: str) -> str:
    """Workflow id of a finding's repair, so that two never run at the same time."""
    return f"repair-{finding_id}"


@workflow.defn
class Reconciliation:
    """One run, workflow id `reconciliation-{run_id}`. A source that fails does not keep the others from it."""

    @workflow.init
    def __init__(self, asked: Reconcile) -> None:
        self._asked = asked
        now = workflow.now()
        self._run = RunRecord(
            run_id=workflow.info().workflow_id.removeprefix(RUN_ID_PREFIX),
            since=asked.since or now - asked.window,
            started_at=now,
            requested_by=asked.requested_by,
        )

    @workflow.run
    async def run(self, asked: Reconcile) -> RunRecord:
        """Ask every source at once, each on its own lane."""
        await in_task(Reconciling.open_run, self._run, "Open the run")
        self._show()
        try:
            await asyncio.gather(*(self._match(source) for source in self._sources()))
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is not None:
                await self._close({source.name: "canceled" for source in self._sources()})
            raise
        await self._close({})
        return self._run

    @workflow.query(description="What has been looked at so far")
    def progress(self) -> RunRecord:
        """What has been looked at so far."""
        return self._run

    def _sources(self) -> list[Source]:
        asked = self._asked
        orders_of = [
            Source(provider_source(name), provider_queue(name), Reconciling.match_provider, provider=name)
            for name in asked.providers
        ]
        shelves_of = [
            Source(stock_source(name), provider_queue(name), Reconciling.match_stock, provider=name)
            for name in asked.counting
        ]
        labels_of = [
            Source(label_source(name), carrier_queue(name), Reconciling.match_labels, account=name)
            for name in asked.accounts
        ]
        return [*_ALWAYS, *labels_of, *orders_of, *(() if asked.order_id else shelves_of)]

    async def _match(self, source: Source) -> None:
        try:
            result = await on_lane(
                source.activity,
                self._ask(source),
                queue=source.lane,
                summary=f"Match {source.name}",
                urgency=Urgency.BACKGROUND,
                attempt=LISTING,
                patience=SOURCE_PATIENCE,
                heartbeat=SILENCE,
            )
        except StepFailedError as failure:
            self._note(failed={**self._run.failed, source.name: str(failure)})
        else:
            found = Counter(self._run.found) + Counter({kind.value: count for kind, count in result.found.items()})
            self._note(looked_at={**self._run.looked_at, source.name: result.looked_at}, found=dict(found))

    def _ask(self, source: Source) -> MatchAsk:
        return MatchAsk(
            run_id=self._run.run_id,
            since=self._run.since,
            now=self._run.started_at,
            grace=self._asked.grace,
            order_id=self._asked.order_id,
            provider=source.provider,
            account=source.account,
        )

    async def _close(self, failed: dict[str, str]) -> None:
        """Write the end. `failed`: sources that are not asked any more, if they have not answered yet."""
        unasked = {name: why for name, why in failed.items() if name not in self._run.looked_at}
        self._note(failed={**unasked, **self._run.failed}, ended_at=workflow.now())
        await in_task(Reconciling.close_run, CloseRun(run=self._run, order_id=self._asked.order_id), "Close the run")
        if self._run.found:
            workflow.upsert_search_attributes([ATTENTION.value_set(sorted(self._run.found))])

    def _note(self, **changes: Any) -> None:
        self._run = self._run.model_copy(update=changes)
        self._show()

    def _show(self) -> None:
        workflow.set_current_details(details(self._run))


@workflow.defn
class RepairFinding:
    """The repair of one finding, workflow id `repair-{finding_id}`: done once, however often it is tried."""

    @workflow.run
    async def run(self, order: RepairOrder) -> RepairResult:
        """A raw Temporal cancellation changes nothing: what moves money or goods is never abandoned."""
        repair = asyncio.create_task(self._repair(order))
        try:
            return await asyncio.shield(repair)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise
            return await repair

    async def _repair(self, order: RepairOrder) -> RepairResult:
        """Repair it; what gets no answer in time is open again."""
        workflow.set_current_details(f"**repairing** {order.finding_id}: {order.repair.value}, asked for by {order.by}")
        ask = RepairAsk(
            finding_id=order.finding_id, by=order.by, reason=order.reason, now=workflow.now(), grace=order.grace
        )
        try:
            result = await on_lane(
                Repairs.apply_repair,
                ask,
                queue=_lane(order),
                summary=f"{order.repair.value}: {order.finding_id}",
                urgency=Urgency.SOON,
                attempt=REPAIR_ATTEMPT,
            )
        except StepFailedError as failure:
            giving_up = GiveUp(finding_id=order.finding_id, why=str(failure), now=workflow.now())
            await in_task(Repairs.repair_given_up, giving_up, "Open the finding again")
            result = RepairResult(status="open", outcome=str(failure))
        workflow.set_current_details(f"**{result.status}**: {result.outcome}")
        return result


def _lane(order: RepairOrder) -> str:
    _, name = read_source(order.source)
    if order.repair is Repair.WITHDRAW:
        return provider_queue(name)
    if order.repair is Repair.VOID_LABEL:
        return carrier_queue(name)
    return _LANES.get(order.repair, BOOKS_QUEUE)


def details(run: RunRecord) -> str:
    """A run in Markdown, as Temporal's UI shows it."""
    state = "ended" if run.ended_at else "running"
    lines = [f"**{state}**, since {run.since:%Y-%m-%d %H:%M} UTC, asked for by {run.requested_by}", ""]
    lines += [f"- {source}: {count} looked at" for source, count in sorted(run.looked_at.items())]
    lines += [f"- {source} failed: {why}" for source, why in sorted(run.failed.items())]
    lines += [f"- **{count} {kind}**" for kind, count in sorted(run.found.items())]
    return "\n".join(lines)
