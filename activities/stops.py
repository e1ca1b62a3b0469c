"""Carrying out a stop: its orders are gone through in pages, each is treated once and its answer written down."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import AwareDatetime
from temporalio import activity

from activities.failures import translated
from activities.reconciliation import kept_alive
from ordersaga.domain.errors import OperatorError, OrdersagaError
from ordersaga.domain.journal import AttentionItem, OrderRecord, UnreadOrder
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stop_decisions import Decision, SeenOrder, decide
from ordersaga.domain.stops import (
    STOP_FAILED,
    Stage,
    StopRecord,
    StopResult,
    Told,
    Treatment,
    hold_kind,
    question_id,
    stop_workflow_id,
)
from ordersaga.domain.values import Message
from ordersaga.stop_ports import Queue, StopSagas, StopStore

PAGE: Final = 25
AT_ONCE: Final = 6
"""Orders that one stop treats at the same time: what else wants the orders' queue gets its turns."""
TRIES_BEFORE_ASKING: Final = 3
MOVING: Final = 6
"""How often an order that moves on while it is being treated is looked at anew."""
PAUSE: Final = 0.25
"""Seconds between two of these looks."""

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Behind(Message):
    """Where a look has come to: the last order it treated."""

    accepted_at: AwareDatetime = _FIRST
    order_id: str = ""


class Standing(Message):
    """How a stop stands. `what` is stopped, for people. `effective_at` may lie in the future."""

    what: str = ""
    effective_at: AwareDatetime
    until: AwareDatetime | None = None
    look_every: timedelta
    dry_run: bool = False
    paused: bool = False
    lifted: bool = False


class StopPage(Message):
    """The orders to be treated next; `behind` those before."""

    stop_id: str
    behind: Behind = Behind()


class StopPaged(Message):
    """What became of a page. `behind`: None when no order is left. `failed`: could not be treated."""

    behind: Behind | None
    treated: int
    failed: int
    standing: Standing


class StopLooked(Message):
    """All orders were gone through; `looks`: how often before."""

    stop_id: str
    looks: int


class LiftStop(Message):
    """Open the door."""

    stop_id: str
    by: str
    reason: str


class StopHeld(Message):
    """The held orders to be released next; behind `after`."""

    stop_id: str
    after: str = ""


class StopReleased(Message):
    """What became of them. `after`: None when none is left."""

    after: str | None
    released: int
    failed: int


class Stopping:
    """Activities of stops."""

    def __init__(self, store: StopStore, sagas: StopSagas, queue: Queue) -> None:
        self._store = store
        self._sagas = sagas
        self._queue = queue

    @activity.defn
    @translated
    async def read_stop(self, stop_id: str) -> Standing:
        """How it stands now."""
        return _standing(await self._stop(stop_id))

    @activity.defn
    @translated
    @kept_alive()
    async def treat_page(self, page: StopPage) -> StopPaged:
        """Treat the next orders, a few at a time. Those that were treated before are not among them."""
        stop = await self._stop(page.stop_id)
        behind = (page.behind.accepted_at, page.behind.order_id)
        found = await self._store.page(stop.rule, behind, PAGE)
        turn = asyncio.Semaphore(AT_ONCE)

        async def treat(record: OrderRecord | UnreadOrder) -> StopResult | None:
            async with turn:
                if await self._store.lifted(stop.stop_id):
                    return None
                if isinstance(record, UnreadOrder):
                    return await self._written(stop, _unread(stop, record))
                return await self._treat(stop, record)

        results = [result for result in await asyncio.gather(*map(treat, found)) if result is not None]
        return StopPaged(
            behind=_behind(found),
            treated=len(results),
            failed=sum(result.answer == "could_not" for result in results),
            standing=_standing(await self._stop(page.stop_id)),
        )

    @activity.defn
    @translated
    async def stop_looked(self, looked: StopLooked) -> None:
        """All orders were gone through."""
        await self._store.looked(looked.stop_id, looked.looks)

    @activity.defn
    @translated
    async def lift_stop(self, lifting: LiftStop) -> None:
        """Open the door."""
        await self._store.lift(lifting.stop_id, by=lifting.by, reason=lifting.reason)

    @activity.defn
    @translated
    @kept_alive()
    async def release_page(self, page: StopHeld) -> StopReleased:
        """Release the next holds, a few at a time."""
        stop = await self._stop(page.stop_id)
        found = await self._store.held(page.stop_id, page.after, PAGE)
        turn = asyncio.Semaphore(AT_ONCE)

        async def release(order_id: str) -> bool:
            async with turn:
                return await self._release(stop, order_id)

        done = await asyncio.gather(*map(release, found))
        after = found[-1] if len(found) == PAGE else None
        return StopReleased(after=after, released=sum(done), failed=len(done) - sum(done))

    @activity.defn
    @translated
    async def end_stop(self, stop_id: str) -> None:
        """Nothing of it goes on."""
        await self._store.end(stop_id)

    async def _stop(self, stop_id: str) -> StopRecord:
        stop = await self._store.get(stop_id)
        if stop is None:
            raise OperatorError("stop_unknown", f"There is no stop {stop_id}")
        return stop

    async def _treat(self, stop: StopRecord, record: OrderRecord) -> StopResult | None:
        """What became of an order, written down; None: it does not match, or has ended."""
        decision = _undecided(stop, record)
        try:
            seen = await self._seen(record)
            found = decide(stop.rule, record, seen) if seen else None
            if found is None:
                return None
            decision, told = await self._done(stop, record, found)
        except OrdersagaError as error:
            told = Told(answer="could_not", detail=f"{error.code}: {error.message}")
        return await self._written(stop, _result(record, decision, told))

    async def _written(self, stop: StopRecord, result: StopResult) -> StopResult:
        attempts = await self._store.record(stop.stop_id, result)
        if result.answer == "could_not" and attempts >= TRIES_BEFORE_ASKING:
            await self._store.ask(_question(stop, result))
        return result

    async def _seen(self, record: OrderRecord) -> SeenOrder | None:
        if record.status is OrderStatus.WAITLISTED:
            return SeenOrder(status=record.status)
        return await self._sagas.look(record)

    async def _done(self, stop: StopRecord, record: OrderRecord, found: Decision) -> tuple[Decision, Told]:
        """Do what was decided. A hold that comes too late is decided anew: by then the order is further on."""
        if stop.dry_run:
            return found, Told(answer="foreseen")
        for _ in range(MOVING):
            told = await self._carried_out(stop, record, found)
            if told.answer != "too_late" or found.treatment is not Treatment.HOLD or _far(found.stage):
                return found, told
            await asyncio.sleep(PAUSE)
            seen = await self._seen(record)
            found = (decide(stop.rule, record, seen) if seen else None) or found
        return found, told

    async def _carried_out(self, stop: StopRecord, record: OrderRecord, found: Decision) -> Told:
        if found.treatment is Treatment.DRAIN:
            return Told(answer="drained")
        if record.status is OrderStatus.WAITLISTED:
            return await self._in_line(stop, record, found)
        if found.treatment is Treatment.CANCEL:
            request = stop_workflow_id(stop.stop_id)
            return await self._sagas.cancel(record, found, request, stop.asked_by, _why(stop))
        if _far(found.stage):
            return Told(answer="too_late", detail="its hand-off had begun: nothing can be held any more")
        return await self._sagas.hold(record, hold_kind(stop.stop_id), stop.asked_by, _why(stop))

    async def _in_line(self, stop: StopRecord, record: OrderRecord, found: Decision) -> Told:
        """Whoever waits in line is passed over by whoever gives out units; nothing else is to be held."""
        if found.treatment is Treatment.HOLD:
            return Told(answer="in_line")
        if await self._queue.cancel(record.order.order_id, by=stop.asked_by, reason=_why(stop)):
            return Told(answer="canceled", detail="left its line")
        return Told(answer="could_not", detail="left_line: it had just got what it waited for")

    async def _release(self, stop: StopRecord, order_id: str) -> bool:
        by, reason = stop.lifted_by or stop.asked_by, f"stop {stop.stop_id} is lifted"
        try:
            told = await self._sagas.release(order_id, hold_kind(stop.stop_id), by, reason)
        except OrdersagaError:
            activity.logger.warning("%s could not be released", order_id, exc_info=True)
            return False
        await self._store.settle(stop.stop_id, order_id, told.answer, told.detail)
        return True


def _undecided(stop: StopRecord, record: OrderRecord) -> Decision:
    return Decision(stage=Stage.ACCEPTED, treatment=stop.policy.accepted, money=record.order.total)


def _far(stage: Stage) -> bool:
    return stage not in (Stage.ACCEPTED, Stage.CONFIRMED)


def _why(stop: StopRecord) -> str:
    named = f"stop {stop.stop_id}: {stop.reason}"
    return (f"{named} ({stop.legal_reference})" if stop.legal_reference else named)[:300]


def _standing(stop: StopRecord) -> Standing:
    return Standing(
        what=stop.rule.match.words(),
        effective_at=stop.effective_at,
        until=stop.until,
        look_every=stop.look_every,
        dry_run=stop.dry_run,
        paused=stop.paused,
        lifted=stop.lifted_at is not None,
    )


def _behind(found: Sequence[OrderRecord | UnreadOrder]) -> Behind | None:
    if len(found) < PAGE:
        return None
    last = found[-1]
    order_id = last.order_id if isinstance(last, UnreadOrder) else last.order.order_id
    return Behind(accepted_at=last.accepted_at, order_id=order_id)


def _unread(stop: StopRecord, order: UnreadOrder) -> StopResult:
    """An order that this version cannot read may well match: it is told as one that could not be treated."""
    return StopResult(
        order_id=order.order_id,
        seller=order.seller,
        currency=order.currency,
        money=order.total,
        stage=Stage.ACCEPTED,
        treatment=stop.policy.accepted,
        answer="could_not",
        detail=f"unreadable: this version cannot read its {', '.join(order.fields)}"[:500],
    )


def _result(record: OrderRecord, decision: Decision, told: Told) -> StopResult:
    order = record.order
    return StopResult(
        order_id=order.order_id,
        seller=order.seller,
        currency=order.currency,
        money=decision.money,
        stage=decision.stage,
        treatment=decision.treatment,
        answer=told.answer,
        detail=told.detail[:500],
    )


def _question(stop: StopRecord, result: StopResult) -> AttentionItem:
    order_id = result.order_id
    asked = f"Stop {stop.stop_id} could not {result.treatment} this order ({result.detail})."
    return AttentionItem(
        item_id=question_id(order_id, stop.stop_id),
        order_id=order_id,
        parcel=0,
        kind=STOP_FAILED,
        question=f"{asked} It is tried again at every look; see to it, or treat the order by hand.",
        choices=("noted",),
        opened_at=datetime.now(UTC),
        money=result.money,
        currency=result.currency,
    )
