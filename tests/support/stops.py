"""A scripted database for the workflow of a stop: pages as they are told, and everything it was asked."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.failures import translated
from activities.stops import Behind, LiftStop, Standing, StopHeld, StopLooked, StopPage, StopPaged, StopReleased
from workers.activities import Activity, ActivitySet


class ScriptedStops:
    """A stop whose every look has `pages` pages of ten orders, `failing` of which cannot be treated.

    `asked` are the calls by name; `errors` are raised by the next pages.
    """

    def __init__(self, *, pages: int = 1, held: int = 0, **standing: object) -> None:
        now = datetime.now(UTC)
        known = {"what": "region US-CA, carrier ups", "effective_at": now, "look_every": timedelta(minutes=5)}
        self.standing = Standing.model_validate({**known, **standing})
        self.pages, self.held, self.failing = pages, held, 0
        self.asked: list[str] = []
        self.errors: list[Exception] = []
        self.lifted: list[LiftStop] = []
        self.looks: list[int] = []

    def now_stands(self, **changes: object) -> None:
        """Somebody changed the stop in the database."""
        self.standing = self.standing.model_copy(update=changes)

    @activity.defn
    async def read_stop(self, stop_id: str) -> Standing:
        self.asked.append("read_stop")
        return self.standing

    @activity.defn
    @translated
    async def treat_page(self, page: StopPage) -> StopPaged:
        self.asked.append("treat_page")
        if self.errors:
            raise self.errors.pop(0)
        done = int(page.behind.order_id or "0") + 1
        behind = Behind(order_id=str(done)) if done < self.pages else None
        return StopPaged(behind=behind, treated=10, failed=self.failing, standing=self.standing)

    @activity.defn
    async def stop_looked(self, looked: StopLooked) -> None:
        self.asked.append("stop_looked")
        self.looks.append(looked.looks)

    @activity.defn
    async def lift_stop(self, lifting: LiftStop) -> None:
        self.asked.append("lift_stop")
        self.lifted.append(lifting)
        self.now_stands(lifted=True)

    @activity.defn
    async def release_page(self, page: StopHeld) -> StopReleased:
        self.asked.append("release_page")
        released, self.held = min(self.held, 25), max(0, self.held - 25)
        return StopReleased(after="more" if self.held else None, released=released, failed=0)

    @activity.defn
    async def end_stop(self, stop_id: str) -> None:
        self.asked.append("end_stop")

    def beside(self, known: ActivitySet) -> ActivitySet:
        """The same activities, and these."""
        ours: list[Activity] = [self.read_stop, self.stop_looked, self.lift_stop, self.end_stop]
        return ActivitySet(
            orders=[*known.orders, *ours],
            books=[*known.books, *ours, self.treat_page, self.release_page],
            payments=known.payments,
            providers=known.providers,
            carriers=known.carriers,
            channels=known.channels,
        )
