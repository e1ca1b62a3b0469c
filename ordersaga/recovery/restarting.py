"""Temporal is behind: sagas it lost are started again, and those it has are told what they missed.

A saga that is started again makes every call again, and the effect ledger answers what is done already. It waits under
a hold until it was told everything, unless its goods are at a provider: then it catches up with them first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from temporalio.service import RPCError, RPCStatusCode

from ordersaga.bootstrap import Begun, Services, recovery_of
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.identifiers import parse_return_id, return_id, return_workflow_id, workflow_id
from ordersaga.domain.journal import OrderRecord, TimelineEntry
from ordersaga.domain.recovering import Deed
from ordersaga.domain.returns import FINAL_RETURNS, ReturnUpdate
from ordersaga.domain.shipping import PaymentEvent
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus, ParcelStatus
from ordersaga.domain.stops import stop_workflow_id
from ordersaga.recovery.histories import History
from ordersaga.recovery.missed import BY, KEPT, NEVER, Known, return_standing
from workflows.messages import HoldRequest, OrderView

CATCHES_UP: Final = timedelta(seconds=60)
LOOK_EVERY: Final = 0.5
AT_ONCE: Final = 16
_KEPT: Final = HoldRequest(kind=KEPT, by=BY, reason="its saga was started again and is told what it missed")
_PAID: Final = PaymentEvent(source=KEPT, source_id=KEPT, parcel=1, payment_id="", kind="authorized")
"""Wakes a saga that waits for the shopper: it looks at the payment by itself."""
_WAITING: Final = FINAL_STATUSES | {OrderStatus.NEEDS_ATTENTION}
"""A saga that is there has nothing to catch up with."""


class Restarting:
    """Temporal's side of a recovery. `histories` by workflow id.

    `begun`: this recovery, if it may have been broken off before; what it started or found behind then was not told
    everything, perhaps.
    """

    def __init__(self, services: Services, histories: Mapping[str, History], begun: Begun | None = None) -> None:
        self._begun = begun
        self._services = services
        self._recovery = recovery_of(services)
        self._histories = histories
        self._places = asyncio.Semaphore(AT_ONCE)
        self.lost: list[Known] = []
        self.behind: list[Known] = []
        self.over: list[str] = []
        self._late: dict[str, datetime] = {}

    async def look(self) -> list[Deed]:
        """What is to be done, and what only a person can do. Nothing is done."""
        deeds: list[Deed] = []
        after = ""
        while page := await self._recovery.open_orders(after):
            after = page[-1]
            for order_id in page:
                deeds += await self._look_at(order_id)
        return [*deeds, *await self._outlived()]

    async def _look_at(self, order_id: str) -> list[Deed]:
        record = await self._services.journal.get(order_id)
        assert record is not None, "orders are never deleted"
        history = self._histories.get(workflow_id(order_id))
        standing = ("running" if history.running else "ended") if history else await self._standing(order_id)
        if standing == "ended":
            return [
                Deed(subject=order_id, what="asked", detail=f"its saga has ended, and the order is {record.status}")
            ]
        known = await self._known(record, history)
        return self._lost_one(known) if standing == "never" else self._behind_one(known)

    def _lost_one(self, known: Known) -> list[Deed]:
        if why := known.started_anew():
            return [Deed(subject=known.order_id, what="asked", detail=f"its saga is gone, and {why}")]
        self.lost.append(known)
        told = ", ".join(known.missed) or "nothing"
        return [Deed(subject=known.order_id, what="started_again", detail=f"its saga was gone; told: {told}")]

    def _behind_one(self, known: Known) -> list[Deed]:
        asked = known.beyond_telling()
        deeds = [Deed(subject=known.order_id, what="asked", detail=f"its saga is behind, and {asked}")] if asked else []
        late = [item.item_id for item in known.answered if item.resolved_at and item.resolved_at > known.since]
        if missed := [*known.missed, *(f"the answer to {item}" for item in late)]:
            self.behind.append(known)
            deeds.append(Deed(subject=known.order_id, what="told_again", detail=f"missed: {', '.join(missed)}"))
        return deeds

    async def _outlived(self) -> list[Deed]:
        """Sagas that run although their order has ended on record: they would live its last days once more."""
        deeds = []
        for history in self._histories.values():
            order_id = history.workflow_id.removeprefix("order-")
            if history.kind != "OrderFulfillment" or not history.running or _closed(history):
                continue
            record = await self._services.journal.get(order_id)
            if record is not None and record.status in FINAL_STATUSES:
                self.over.append(history.workflow_id)
                deeds.append(Deed(subject=order_id, what="ended", detail=f"the order is {record.status} on record"))
        return deeds

    async def _known(self, record: OrderRecord, history: History | None) -> Known:
        order_id = record.order.order_id
        since = self._since(order_id, history)
        return Known(
            record=record,
            since=since,
            story=[line for line in await self._services.journal.timeline(order_id) if _is_later(line, since)],
            effects=await self._recovery.effects(order_id),
            answered=await self._recovery.answered(order_id),
            untold=await self._recovery.untold(order_id, since),
        )

    def _since(self, order_id: str, history: History | None) -> datetime:
        """Until when its saga knew the order, before anything was told again."""
        if history is None:
            return NEVER
        if self._begun is not None:
            if history.began >= self._begun.began_at:
                return NEVER
            return self._begun.behind.get(order_id, history.last)
        return history.last

    async def _standing(self, order_id: str) -> str:
        return "ended" if await self._is_there(workflow_id(order_id)) else "never"

    async def _is_there(self, name: str) -> bool:
        try:
            await self._services.orders.temporal.get_workflow_handle(name).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def others(self) -> list[Deed]:
        """Returns and stops that Temporal lost, and returns that it has as they were; nothing is done."""
        deeds = [deed for history in self._histories.values() for deed in await self._look_at_return(history)]
        for order_id, number, inspected in await self._recovery.open_returns([each.value for each in FINAL_RETURNS]):
            if return_workflow_id(order_id, number) in self._histories:
                continue
            if not await self._is_there(return_workflow_id(order_id, number)):
                told = "its workflow is gone"
                name = return_id(order_id, number)
                asked = Deed(subject=name, what="asked", detail=f"{told}, and its goods were inspected")
                deeds.append(asked if inspected else Deed(subject=name, what="started_again", detail=told))
        for stop in await self._recovery.standing_stops():
            if not await self._is_there(stop_workflow_id(stop)):
                deeds.append(Deed(subject=stop_workflow_id(stop), what="started_again", detail="its workflow is gone"))
        return deeds

    async def _look_at_return(self, history: History) -> list[Deed]:
        found = parse_return_id(history.subject)
        record = await self._services.returns.get(*found) if found else None
        if record is None or not history.running or history.unread:
            return []
        said = [argument for call in history.calls for argument in call.arguments[:1]]
        told = [update.record for update in said if isinstance(update, ReturnUpdate)]
        match return_standing(told, record):
            case "level":
                return []
            case "over":
                self.over.append(history.workflow_id)
                return [Deed(subject=history.subject, what="ended", detail=f"the return is {record.status} on record")]
            case "inspected":
                detail = "its workflow is behind, and its goods were inspected: say once more what came back"
                return [Deed(subject=history.subject, what="asked", detail=detail)]
            case "late":
                self._late[history.subject] = history.last
                return [Deed(subject=history.subject, what="told_again", detail="its workflow missed messages")]

    async def start_others(self, deeds: Sequence[Deed]) -> None:
        """Have the workers start again, or be told, what `others` found."""
        for deed in deeds:
            if deed.what == "told_again":
                await self._recovery.tell_again(deed.order_id, self._late[deed.subject])
            if deed.what == "started_again":
                found = parse_return_id(deed.subject)
                if found is not None:
                    await self._recovery.start_return_again(*found)
                else:
                    await self._recovery.start_stop_again(deed.subject.removeprefix("stop-"))

    async def end_outlived(self) -> None:
        """Terminate sagas whose order has ended, and workflows of returns that have."""
        for name in self.over:
            handle = self._services.orders.temporal.get_workflow_handle(name)
            await handle.terminate(reason="recovered: it has ended on record")

    async def warn(self) -> list[asyncio.Task[Deed | None]]:
        """Before any worker goes on: cancellations and holds that sagas missed. The holds answer once workers run."""
        for known in self.behind:
            if known.cancel:
                await self._services.orders.request_cancel(known.order_id, known.cancel)
        return [
            asyncio.create_task(self._patiently_held(known, kind, hold))
            for known in self.behind
            for kind, hold in known.holds.items()
        ]

    async def _patiently_held(self, known: Known, kind: str, hold: HoldRequest | None) -> Deed | None:
        """What could not be told, if anything. Nobody answers before the workers have begun."""
        try:
            await _patiently(lambda: self._set_hold(known, kind, hold))
        except (OrdersagaError, TimeoutError) as error:
            return Deed(subject=known.order_id, what="asked", detail=f"hold {kind} could not be told again: {error}")
        return None

    async def _set_hold(self, known: Known, kind: str, hold: HoldRequest | None) -> None:
        orders = self._services.orders
        if hold is not None:
            await orders.place_hold(known.order_id, hold)
        else:
            await orders.release_hold(known.order_id, HoldRequest(kind=kind, by=BY, reason="told again"))

    async def go_on(self) -> list[Deed]:
        """While workers run: start what was lost, tell what was missed. Returns what could not be told."""
        async with asyncio.TaskGroup() as tasks:
            told = [tasks.create_task(self._one_of(known, again=True)) for known in self.lost]
            told += [tasks.create_task(self._one_of(known, again=False)) for known in self.behind]
        return [deed for task in told if (deed := task.result())]

    async def _one_of(self, known: Known, *, again: bool) -> Deed | None:
        async with self._places:
            try:
                await _patiently(lambda: self._start(known) if again else self._tell_more(known))
                await self._recovery.tell_again(known.order_id, known.since)
            except (OrdersagaError, TimeoutError) as error:
                detail = f"its saga was not told everything: {error or 'it did not catch up in time'}"
                return Deed(subject=known.order_id, what="asked", detail=detail)
        return None

    async def _start(self, known: Known) -> None:
        orders, order = self._services.orders, known.record.order
        providers = sorted({plan.provider for plan in known.record.parcels})
        if known.handed:
            await orders.start(order, providers=providers)
        else:
            await orders.ask_first(order, "place_hold", _KEPT, OrderView, providers=providers)
        await self._caught_up(known)
        await self._tell(known)
        if known.handed and known.cancel:
            await orders.request_cancel(known.order_id, known.cancel)

    async def _tell_more(self, known: Known) -> None:
        """A saga that a broken-off recovery started knows nothing yet: it catches up first."""
        if known.since == NEVER:
            await self._caught_up(known)
        await self._tell(known)

    async def _tell(self, known: Known) -> None:
        """Answers and wishes; a hold that a recovery placed is released, for one that was broken off as well."""
        orders, view = self._services.orders, await self._answer(known)
        if KEPT not in view.holds:
            return
        for kind, hold in known.holds.items():
            if hold is not None:
                await self._set_hold(known, kind, hold)
        if known.cancel:
            await orders.request_cancel(known.order_id, known.cancel)
        await orders.release_hold(known.order_id, _KEPT)

    async def _caught_up(self, known: Known) -> OrderView:
        while True:
            view = await self._services.orders.state(known.order_id)
            if _is_level(view, known):
                return view
            if view.status is OrderStatus.ACTION_REQUIRED:
                await self._services.orders.payment_event(known.order_id, _PAID)
            await asyncio.sleep(LOOK_EVERY)

    async def _answer(self, known: Known) -> OrderView:
        """Answers that people gave are given again to the same questions."""
        view = await self._services.orders.state(known.order_id)
        for item in view.attention:
            said = known.answer_to(item)
            if said is not None:
                await self._services.orders.resolve_attention(known.order_id, said)
        return view


async def _patiently(tell: Callable[[], Awaitable[None]]) -> None:
    """Once a worker answers. Temporal waits a while for one that is gone, such as that of a killed recovery."""
    async with asyncio.timeout(CATCHES_UP.total_seconds()):
        while True:
            with suppress(RetryError):
                return await tell()
            await asyncio.sleep(LOOK_EVERY)


def _is_later(line: TimelineEntry, since: datetime) -> bool:
    return line.source == "journal" and line.at > since


def _is_level(view: OrderView, known: Known) -> bool:
    """Whether a saga that was started again is where its parcels are."""
    if view.status in _WAITING:
        return True
    if view.status is OrderStatus.ACTION_REQUIRED:
        return not known.paid
    if not known.handed:
        return view.outcome is not None
    at = {parcel.plan.parcel: parcel.status for parcel in view.parcels}
    return all(at.get(parcel, ParcelStatus.PLANNED) is not ParcelStatus.PLANNED for parcel in known.handed)


def _closed(history: History) -> bool:
    """Its last step is under way: it ends by itself."""
    closes = [call for call in history.calls if call.activity == "close"]
    return bool(closes) and (closes[-1].outcome == "open" or not closes[-1].result.differences)
