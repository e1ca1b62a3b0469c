"""A workflow that does nothing but wait by an Alarm; in a module of its own, so that the sandbox loads little."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.alarm import Alarm


@workflow.defn
class Waits:
    """Waits for several deadlines (in seconds from its start) at once; `release` ends the wait of that name."""

    def __init__(self) -> None:
        self.released: set[str] = set()
        self.ended: list[tuple[str, bool, int]] = []

    @workflow.run
    async def run(self, waits: list[tuple[str, int]]) -> list[tuple[str, bool, int]]:
        alarm, start = Alarm(), workflow.now()
        await asyncio.gather(*(self._wait(alarm, start, name, seconds) for name, seconds in waits))
        assert alarm.next_deadline is None
        return self.ended

    async def _wait(self, alarm: Alarm, start: datetime, name: str, seconds: int) -> None:
        deadline = start + timedelta(seconds=seconds)
        came_true = await alarm.until(lambda: name in self.released, deadline, name)
        self.ended.append((name, came_true, round((workflow.now() - start).total_seconds() / 10)))

    @workflow.signal
    def release(self, name: str) -> None:
        self.released.add(name)
