"""Faults carried out at their times, each with what is known of it afterwards."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ordersaga.embedded import PartFailedError
from tests.chaos.proxy import State
from tests.chaos.schedule import Fault
from tests.chaos.shop import Shop

Tell = Callable[[str], None]
_TRY_AGAIN, _TRIES = 0.2, 100


@dataclass(frozen=True)
class Strike:
    """A fault that happened. `ended`: when it was over, on the monotonic clock; of a kill, when it was killed."""

    fault: Fault
    ended: float


class Strikes:
    """Carries out a plan of faults. `done`: those that happened, in the order of their ends."""

    def __init__(self, shop: Shop, tell: Tell) -> None:
        self.done: list[Strike] = []
        self.missed: list[str] = []
        self._shop = shop
        self._tell = tell
        self._ways: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._kill,
            "pause": self._pause,
            "latency": self._latency,
            "reset": self._reset,
            "lost_answers": self._lose_answers,
            "half_open": self._half_open,
            "refuse": self._refuse,
        }

    async def run(self, faults: Sequence[Fault], began: float) -> None:
        """Each at its time after `began`, side by side. Returns when the last has ended."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                self._tell(str(fault).strip())
                group.create_task(self._strike(fault))

    async def _strike(self, fault: Fault) -> None:
        try:
            await self._ways[fault.kind](fault)
        except (PartFailedError, TimeoutError) as error:
            self.missed.append(f"{fault}: {error or type(error).__name__}")
        else:
            self.done.append(Strike(fault, time.monotonic()))

    async def _kill(self, fault: Fault) -> None:
        await self._until_it_runs(fault.target)
        await self._shop.stack.kill(fault.target)

    async def _pause(self, fault: Fault) -> None:
        await self._until_it_runs(fault.target)
        await self._shop.stack.freeze(fault.target)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            await self._shop.stack.thaw(fault.target)

    async def _until_it_runs(self, part: str) -> None:
        """A part may be between two lives."""
        for _ in range(_TRIES):
            if self._shop.stack.pids[part] is not None:
                return
            await asyncio.sleep(_TRY_AGAIN)
        raise TimeoutError(f"{part} does not run")

    async def _latency(self, fault: Fault) -> None:
        self._shop.links[fault.target].state = State(delay=fault.strength)
        await self._last(fault)

    async def _reset(self, fault: Fault) -> None:
        self._shop.links[fault.target].reset()

    async def _lose_answers(self, fault: Fault) -> None:
        await self._shop.links[fault.target].lose_answers(fault.seconds)
        await self._shop.links[fault.target].heal()

    async def _half_open(self, fault: Fault) -> None:
        self._shop.links[fault.target].cut()
        await self._last(fault)

    async def _refuse(self, fault: Fault) -> None:
        await self._shop.links[fault.target].refuse()
        await self._last(fault)

    async def _last(self, fault: Fault) -> None:
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            await self._shop.links[fault.target].heal()
