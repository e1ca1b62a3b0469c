"""A stop: everything that matches is held, let go on or canceled, for as long as it is in force.

What a stop is, whether it is paused or lifted, and what became of each order stands in PostgreSQL; the workflow goes
through the orders. Whoever changes the stop there signals `stop_changed`, and the workflow looks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime
from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from activities.stops import (
    Behind,
    LiftStop,
    Standing,
    StopHeld,
    StopLooked,
    StopPage,
    Stopping,
)
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.stops import StopMatch, stop_workflow_id
from ordersaga.domain.values import Message
from workflows.activity_policies import StepFailedError, in_task, on_lane
from workflows.doors import never_fails
from workflows.messages import BOOKS_QUEUE
from workflows.presentation import CARRIER, CHANNEL, PROVIDER, REGION, SELLER

A = TypeVar("A")
R = TypeVar("R")

SOON = timedelta(seconds=10)
"""When it looks again after the first look: for orders that were being accepted when the door closed."""
AGAIN = timedelta(seconds=30)
"""When it looks again for orders that could not be treated, and when a page is tried again that was refused."""
PAGE_ATTEMPT = timedelta(minutes=5)
SILENCE = timedelta(minutes=1)
PAGES_A_RUN = 100
"""Pages after which the history begins anew."""

Phase = Literal["waiting", "looking", "resting", "paused", "releasing", "ended"]


class StopProgress(Message):
    """Where a stop's workflow is; its input too, when its history begins anew.

    `looks`: how often all orders were gone through; `treated`, `failed` and `released`: orders, `failed` in the look
    that goes on. `behind` and `after`: where the look, or the release of its holds, has come to.
    """

    stop_id: str
    phase: Phase = "waiting"
    looks: int = 0
    treated: int = 0
    failed: int = 0
    released: int = 0
    behind: Behind | None = None
    after: str = ""
    next_look: AwareDatetime | None = None


@workflow.defn
class StopOrders:
    """One stop, workflow id `stop-{stop_id}`."""

    @workflow.init
    def __init__(self, progress: StopProgress) -> None:
        self._progress = progress
        self._changed = False
        self._pages = 0
        self._standing: Standing | None = None

    @workflow.run
    async def run(self, progress: StopProgress) -> StopProgress:
        """A raw Temporal cancellation is a request to lift the stop."""
        life = asyncio.create_task(self._live())
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            reason = workflow.cancellation_reason()
            if reason is None:
                raise
            await self._lift("temporal", reason.strip()[:300] or "not given")
            return await life

    async def _live(self) -> StopProgress:
        """Wait until it takes effect, look for orders as long as it is in force, then release what it held."""
        await self._read()
        await self._wait_for_effect()
        while not self._over():
            if self._progress.next_look is None:
                await self._look()
            if self._stop.dry_run:
                break
            await self._rest()
        await self._end()
        return self._progress

    @workflow.signal(name="stop_changed", description="The stop was paused, resumed or lifted: look at it")
    @never_fails
    def on_stop_changed(self, _: object = None) -> None:
        """Look at the stop; what changed stands in the database."""
        self._changed = True

    @workflow.query(description="Where the stop is")
    def progress(self) -> StopProgress:
        """How far it has come. The counts by stage and answer are in the database."""
        return self._progress

    def ignore(self, what: str) -> None:
        """Note a message that changes nothing."""
        workflow.logger.info("ignored: %s", what)

    @property
    def _stop(self) -> Standing:
        assert self._standing is not None, "read before anything else"
        return self._standing

    @property
    def _what(self) -> str:
        """What is stopped: Temporal gives a run that goes on with another's work no title."""
        return self._standing.what if self._standing else ""

    def _over(self) -> bool:
        ends = self._stop.until is not None and workflow.now() >= self._stop.until
        return self._stop.lifted or ends

    async def _wait_for_effect(self) -> None:
        if not self._stop.dry_run:
            await self._until(lambda: self._stop.effective_at, "it takes effect")

    async def _rest(self) -> None:
        """Until the next look."""
        due = self._progress.next_look
        if due is None:
            return
        self._begin_anew_in_time()
        await self._until(lambda: due, "the next look")
        self._show(next_look=None)

    def _next_look(self) -> datetime:
        """Soon after the first one, or when some could not be treated; else in its rhythm."""
        progress, every = self._progress, self._stop.look_every
        return workflow.now() + min(every, SOON if progress.looks <= 1 else AGAIN if progress.failed else every)

    async def _until(self, due: Callable[[], datetime], what: str) -> None:
        """Wait until then, or until the stop is over; it may be changed meanwhile."""
        while not self._over() and workflow.now() < due():
            await self._wait(min(due(), self._stop.until or due()), what)
            if self._changed:
                await self._read()

    async def _wait(self, until: datetime | None, what: str) -> None:
        seconds = max((until - workflow.now()).total_seconds(), 0.001) if until else None
        try:
            await workflow.wait_condition(lambda: self._changed, timeout=seconds, timeout_summary=what)
        except TimeoutError:
            return

    async def _look(self) -> None:
        """Go through all orders once, page by page."""
        if self._progress.behind is None:
            self._show(behind=Behind(), failed=0)
        while self._progress.behind is not None:
            await self._while_paused()
            if self._over():
                return
            await self._treat_page(self._progress.behind)
            if self._progress.behind is not None:
                self._begin_anew_in_time()
        looked = StopLooked(stop_id=self._progress.stop_id, looks=self._progress.looks)
        await in_task(Stopping.stop_looked, looked, "Write that all were looked at")
        self._show(looks=self._progress.looks + 1)
        self._show(phase="resting", next_look=self._next_look())

    async def _treat_page(self, behind: Behind) -> None:
        self._show(phase="looking")
        page = StopPage(stop_id=self._progress.stop_id, behind=behind)
        paged = await self._insist(Stopping.treat_page, page, "Treat the next orders")
        self._standing = paged.standing
        treated, failed = self._progress.treated + paged.treated - paged.failed, self._progress.failed + paged.failed
        self._show(behind=paged.behind, treated=treated, failed=failed)
        self._pages += 1

    async def _while_paused(self) -> None:
        if self._changed:
            await self._read()
        while self._stop.paused and not self._over():
            self._show(phase="paused")
            await self._wait(self._stop.until, "the end of the stop, which is paused")
            await self._read()

    async def _end(self) -> None:
        """Open the door, release every hold, end. What was canceled stays canceled."""
        if not self._stop.lifted:
            why = "all was foreseen" if self._stop.dry_run else "its time is over"
            await self._lift(stop_workflow_id(self._progress.stop_id), why)
        more = not self._stop.dry_run
        while more:
            more = await self._release_page()
        await in_task(Stopping.end_stop, self._progress.stop_id, "End the stop")
        self._show(phase="ended", behind=None, next_look=None)

    async def _release_page(self) -> bool:
        """Release some holds; those that could not be released are tried again until they are."""
        self._show(phase="releasing", next_look=None)
        page = StopHeld(stop_id=self._progress.stop_id, after=self._progress.after)
        freed = await self._insist(Stopping.release_page, page, "Release the next holds")
        failed = freed.failed + (self._progress.failed if self._progress.after else 0)
        released = self._progress.released + freed.released
        self._show(after=freed.after or "", released=released, failed=failed)
        if freed.after is None and failed:
            await workflow.sleep(AGAIN, summary="some holds could not be released")
        self._pages += 1
        self._begin_anew_in_time()
        return freed.after is not None or failed > 0

    async def _lift(self, by: str, reason: str) -> None:
        lifting = LiftStop(stop_id=self._progress.stop_id, by=by, reason=reason)
        await in_task(Stopping.lift_stop, lifting, "Open the door")
        self._changed = True

    async def _read(self) -> None:
        self._changed = False
        self._standing = await in_task(Stopping.read_stop, self._progress.stop_id, "Look at the stop")
        self._show()

    async def _insist(self, step: Callable[[Any, A], Awaitable[R]], arg: A, summary: str) -> R:
        """A page is never given up: what is refused is seen in the details, and tried again."""
        while True:
            try:
                return await on_lane(
                    step,
                    arg,
                    queue=BOOKS_QUEUE,
                    summary=summary,
                    urgency=Urgency.SOON,
                    attempt=PAGE_ATTEMPT,
                    patience=None,
                    heartbeat=SILENCE,
                )
            except StepFailedError as failure:
                workflow.set_current_details(details(self._progress, self._what, f"**refused**: {failure}"))
                await workflow.sleep(AGAIN, summary="the database refused a page")

    def _begin_anew_in_time(self) -> None:
        if self._pages >= PAGES_A_RUN or workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(self._progress)

    def _show(self, **changes: Any) -> None:
        self._progress = self._progress.model_copy(update=changes)
        workflow.set_current_details(details(self._progress, self._what))


def initial_attributes(match: StopMatch) -> TypedSearchAttributes:
    """What is stopped: a list of a seller's or a region's workflows has the stop too. There is none for a SKU."""
    keys: dict[str, SearchAttributeKey[str]] = {"seller": SELLER, "channel": CHANNEL, "region": REGION}
    lists: dict[str, SearchAttributeKey[Sequence[str]]] = {"provider": PROVIDER, "carrier": CARRIER}
    named = match.named()
    pairs: list[SearchAttributePair[Any]] = []
    pairs += [SearchAttributePair(keys[name], named[name]) for name in keys if name in named]
    pairs += [SearchAttributePair(lists[name], [named[name]]) for name in lists if name in named]
    return TypedSearchAttributes(pairs)


def static_summary(stop_id: str, match: StopMatch | None) -> str:
    """The workflow's title in Temporal's UI."""
    return f"stop {match.words() if match else stop_id}"


def details(progress: StopProgress, what: str, now: str = "") -> str:
    """A stop in Markdown, as Temporal's UI shows it. `now`: in place of its phase."""
    lines = [now or f"**{progress.phase}**", "", f"Stop {progress.stop_id}: {what}", ""]
    lines += [f"- {progress.treated} orders treated in {progress.looks} whole looks"]
    lines += [f"- **{progress.failed} could not be treated**"] if progress.failed else []
    lines += [f"- {progress.released} released"] if progress.released else []
    lines += [f"- looks again at {progress.next_look:%Y-%m-%d %H:%M:%S} UTC"] if progress.next_look else []
    return "\n".join(lines)
