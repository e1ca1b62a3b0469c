"""Every wait has a deadline. All waits of an order share one durable timer, set to the earliest of their deadlines."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow


class Alarm:
    """Wakes the workflow at each deadline somebody is waiting for, with as few timers as possible.

    A timer that is already running and rings no later than a new deadline is reused: it is set again when it rings.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, str]] = []
        self._rings_at: datetime | None = None
        self._timers: set[asyncio.Task[None]] = set()

    @property
    def next_deadline(self) -> datetime | None:
        """The earliest deadline somebody is waiting for."""
        return min((deadline for deadline, _ in self._waiting), default=None)

    async def until(self, condition: Callable[[], bool], deadline: datetime, what: str) -> bool:
        """Wait for `condition`, at most until `deadline`; returns whether it came true. `what` names the timer."""
        if not condition():
            self._waiting.append((deadline, what))
            self._cover(deadline, what)
            await workflow.wait_condition(lambda: condition() or workflow.now() >= deadline)
            self._waiting.remove((deadline, what))
        return condition()

    def _cover(self, deadline: datetime, what: str) -> None:
        if self._rings_at is None or deadline < self._rings_at:
            self._rings_at = deadline
            timer = asyncio.create_task(self._ring(deadline, what))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)

    async def _ring(self, deadline: datetime, what: str) -> None:
        by = f"{what} (by {deadline:%d %b %H:%M} UTC)"
        await workflow.sleep(max(deadline - workflow.now(), timedelta(0)), summary=by)
        if self._rings_at == deadline:
            self._rings_at = None
            later = [waiting for waiting in self._waiting if waiting[0] > workflow.now()]
            if later:
                self._cover(*min(later))
