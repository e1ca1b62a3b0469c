"""A parcel whose label a stop keeps from being bought: as long as it waits, it looks whether the stop is undone."""

from datetime import datetime, timedelta

from temporalio import workflow

from activities.choosing import ChoosingCarriers, StoppedFor
from workflows.activity_policies import StepFailedError, in_task
from workflows.desk import Desk
from workflows.order_state import ParcelState

SOONEST = timedelta(minutes=1)
LATEST = timedelta(hours=1)


class StopWatch:
    """`undone`: one of the stops that stood at the first look does not any more. `over`: nobody waits for it."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self._desk, self._parcel = desk, parcel
        self.undone = self.over = False

    async def look(self) -> None:
        """Look until then, each time after another quarter of the time it has waited: a minute to an hour."""
        began, at_first = workflow.now(), await self._standing()
        while not await self._is_over(began):
            now = await self._standing()
            if now is not None and not (at_first and at_first <= now):
                self.undone = True
                return

    async def _is_over(self, began: datetime) -> bool:
        now = workflow.now()
        due = now + min(max((now - began) / 4, SOONEST), LATEST)
        return await self._desk.alarm.until(lambda: self.over, due, "the stop of a carrier to be undone")

    async def _standing(self) -> set[str] | None:
        """The carriers that are stopped; None: nobody can tell."""
        asked = StoppedFor(order=self._desk.state.order_of(self._parcel), provider=self._parcel.plan.provider)
        try:
            return set(await in_task(ChoosingCarriers.stopped_carriers, asked, "Look at the stops of carriers"))
        except StepFailedError as failure:
            workflow.logger.warning("stops could not be looked at: %s", failure)
            return None
