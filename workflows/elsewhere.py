"""A parcel whose provider fails it goes from another location, for the same ship-by, as the seller's terms let it.

It is handed over there only once it is on record that the former provider does not have it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow

from activities.elsewhere import LookElsewhere, Moving
from ordersaga.domain.elsewhere import Elsewhere, patience
from ordersaga.domain.orders import MoveCause, ParcelPlan
from workflows.activity_policies import in_task
from workflows.change import Change, ChangeRefusedError
from workflows.desk import Desk
from workflows.order_state import ParcelState
from workflows.promise import Promise
from workflows.stock_plan import planned_at


class Moves:
    """Where one parcel may go instead."""

    def __init__(self, desk: Desk, parcel: ParcelState, promise: Promise) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._promise = promise
        self._looks = 0
        self._said = ""

    @property
    def allowed(self) -> bool:
        """Whether there is anything to look for; never in orders that began before there was."""
        return self._desk.state.moves and self._desk.state.order.terms.moves_at_most > 0

    def patience(self, most: timedelta) -> timedelta:
        """How long a hand-off is tried before another place is looked for, `most` where none is."""
        if not self.allowed:
            return most
        return patience(workflow.now(), self._promise.ship_by, self._looks, most)

    def forget(self) -> None:
        """Patience begins anew."""
        self._looks = 0

    async def look(self, cause: MoveCause, plan: ParcelPlan | None = None) -> Elsewhere | None:
        """A place to move to; None: there is none, which the order's story says once. `plan`: a part of the parcel."""
        self._looks += 1
        request = LookElsewhere(
            order=self._desk.state.order_of(self.parcel),
            plan=plan or self.parcel.plan,
            cause=cause,
            tried=self.parcel.moved_from,
            slack=self._promise.ship_by - workflow.now(),
        )
        found = await in_task(Moving.look_elsewhere, request, f"Look for another place for parcel {self._number}")
        if found.location is not None:
            return found
        await self.stays(found.why)
        return None

    async def stays(self, why: str) -> None:
        """Say it once."""
        if why != self._said:
            self._said = why
            self._desk.note("stays", f"stays at {self.parcel.plan.location}: {why}", self._number)
            await self._desk.publish()

    async def move(self, found: Elsewhere) -> bool:
        """Plan it there; it must be here. False: the units are gone by now."""
        parcel, former, summary = self.parcel, self.parcel.plan, f"Plan parcel {self._number} at {found.location}"
        assert found.location is not None, "looked for before"
        assert found.provider is not None, "told with the location"
        if not await planned_at(self._desk, parcel, found.location, found.provider, summary):
            await self.stays(f"what {found.location} had is gone")
            return False
        parcel.moved_from = (*parcel.moved_from, former.location)
        parcel.moved_why = found.why
        self._looks = 0
        until = f"to be shipped by {self._promise.ship_by:%d %b %H:%M} UTC as promised"
        late = "" if workflow.now() < self._promise.ship_by else ", which is over"
        self._desk.note(
            "moved", f"moved from {former.location} to {found.location}, {until}{late}: {found.why}", self._number
        )
        await self._desk.publish()
        return True

    async def after_missed_pick(self, news: Callable[[], bool]) -> None:
        """Nobody has picked it although most of the time is over: where it could go, it is moved or a person asked."""
        found = await self.look(MoveCause.MISSED_PICK) if self.allowed else None
        if found is None or news():
            return
        if not found.automatic:
            question = f"Parcel {self._number} is late: {found.why}. Move it there?"
            due = self._promise.ship_by
            choices = ("move", "keep_waiting")
            ended = _or_over(news, due)
            if await self._desk.park("pick_missed", question, choices, self._number, ended, due) != "move":
                return
        change_id = f"{self._desk.state.order.order_id}-{self._number}-c{len(self.parcel.changes) + 1}"
        what = f"parcel {self._number}: ships from {found.location}"
        self.parcel.changes.append(Change(change_id, what, partial(self._make, found)))

    async def _make(self, found: Elsewhere) -> None:
        if not await self.move(found):
            raise ChangeRefusedError(f"{found.location} has not enough units of this parcel any more")


def _or_over(news: Callable[[], bool], due: datetime) -> Callable[[], bool]:
    return lambda: news() or workflow.now() >= due
