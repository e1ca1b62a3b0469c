"""Keeping the lanes: each queue hands out what its lane may do now, nothing while it is paused or its breaker open.

Every process with lanes or the relay does it, all in the same way: what is on record decides, the server is asked what
it does, and only a difference is changed. So a process that dies in between leaves nothing behind, and a rate that
somebody changed by hand, or that a new server has never heard of, is brought back.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from ordersaga.bootstrap import Services
from ordersaga.client_lanes import LaneQueues
from ordersaga.domain.breakers import PROBES_PER_MINUTE, Breaker, BreakerState
from ordersaga.domain.errors import RetryError
from ordersaga.domain.lanes import Lane, LanePause
from workers.relay import pass_time, ring

LOOK_SECONDS: Final = 5.0
"""Between two looks at the server while nothing happens."""
RESTLESS_SECONDS: Final = 1.0
"""Between two looks while a lane is paused or just was: another process may have acted on older news than ours."""
SETTLED_AFTER: Final = 10.0
"""Seconds without a change after which nothing happens."""
LEAD_SECONDS: Final = 1.0
"""How long the server takes to hand out again: it is told so much earlier, and the gates keep the rest of the pause."""
FIRST_ATTEMPTS: Final = 10

log = structlog.get_logger(__name__)


class LaneKeeper:
    """Brings the queues to the rates that their lanes have now."""

    def __init__(self, client: Client, services: Services) -> None:
        self._queues = LaneQueues(client)
        self._services = services
        self._moved_at = float("-inf")

    async def begin(self, stop: asyncio.Event) -> None:
        """Set the rates before anything is handed out; a server that keeps refusing keeps no worker from working."""
        for _ in range(FIRST_ATTEMPTS):
            if stop.is_set() or await self.look() is not None:
                return
            await pass_time(RESTLESS_SECONDS, stop)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep them until `stop`: woken by NOTIFY, by the end of a pause, and every few seconds."""
        bell = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ring(self._services.pool, "lanes", bell, stop))
            while not stop.is_set():
                wait = await self.look()
                await pass_time(RESTLESS_SECONDS if wait is None else wait, stop, bell)

    async def look(self) -> float | None:
        """Once; seconds until the next look is due, None when the database or the server did not answer."""
        try:
            known = await self._services.lane_gates.refresh()
            pauses = {pause.lane: pause for pause in known if pause.remaining.total_seconds() > LEAD_SECONDS}
            breakers = self._services.lane_gates.breakers.known()
            for lane in list(self._services.lanes.values()):
                await self._keep(lane, pauses.get(lane.name), breakers.get(lane.name))
        except (RetryError, RPCError) as error:
            log.warning("lanes_not_kept", error=str(error))
            return None
        return self._next_look(pauses, breakers.values())

    async def _keep(self, lane: Lane, pause: LanePause | None, breaker: Breaker | None) -> None:
        wanted, why = _wanted(lane, pause, breaker)
        state = await self._queues.look(lane.name)
        found = state.rate
        self._services.backlogs.saw(lane, state.backlog, state.oldest)
        if _same(wanted, found):
            return
        await self._queues.set_rate(lane.name, wanted, why)
        self._moved_at = time.monotonic()
        until = pause.paused_until.isoformat() if pause else None
        log.info("lane_rate_set", lane=lane.name, rate=wanted, before=found, why=why, paused_until=until)

    def _next_look(self, pauses: Mapping[str, LanePause], breakers: Iterable[Breaker]) -> float:
        open_now = any(breaker.state is not BreakerState.CLOSED for breaker in breakers)
        restless = bool(pauses) or open_now or time.monotonic() - self._moved_at < SETTLED_AFTER
        ends = [pause.remaining.total_seconds() - LEAD_SECONDS for pause in pauses.values()]
        return min([RESTLESS_SECONDS if restless else LOOK_SECONDS, *ends])


def _wanted(lane: Lane, pause: LanePause | None, breaker: Breaker | None) -> tuple[float | None, str]:
    """Activities a second, and why. A lane whose breaker is half-open hands out what may try it, undoing first."""
    if pause:
        return 0.0, f"paused by {pause.by}: {pause.reason}"
    if breaker is None or breaker.state is BreakerState.CLOSED:
        return lane.rate, "the lane's own rate"
    probes = PROBES_PER_MINUTE / 60 if breaker.wait.total_seconds() <= LEAD_SECONDS else 0.0
    slowest = probes if lane.rate is None else min(probes, lane.rate)
    return slowest, f"breaker {breaker.state} by {breaker.by}: {breaker.reason}"


def _same(wanted: float | None, found: float | None) -> bool:
    """The server keeps single precision."""
    if wanted is None or found is None:
        return wanted is found
    return math.isclose(wanted, found, rel_tol=1e-6)
