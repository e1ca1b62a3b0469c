"""Misfortune for the stack itself: parts killed with SIGKILL, or everything stopped and started again, mid-demo."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ordersaga.embedded import Stack
from ordersaga.embedded.options import EMULATORS, FURTHER
from ordersaga.embedded.parts import Reporter

KILLABLE: Final = ("worker", "temporal", "postgres", "api", *EMULATORS, *FURTHER)

Tell = Callable[[str], None]


class Ground:
    """What the demo stands on: the stack, which may be replaced by a new one on the same folder and ports."""

    def __init__(self, stack: Stack, report: Reporter) -> None:
        self.stack = stack
        self.began = time.monotonic()
        self._report = report

    async def restart(self) -> None:
        """Stop everything, then start it again as a new supervisor would."""
        options, settings = self.stack.options.model_copy(update={"free_ports": False}), self.stack.settings
        await self.stack.stop()
        self.stack = Stack(options, settings, self._report)
        await self.stack.start()


class Chaos:
    """Strikes while orders are under way, once for each part named, spread over the time orders are placed."""

    def __init__(self, ground: Ground, kills: Sequence[str], restart: bool, tell: Tell) -> None:
        self._ground = ground
        self._strikes = [*kills, *(["restart"] if restart else [])]
        self._tell = tell
        self.done = 0

    async def strike(self, reached: Callable[[float], Awaitable[None]]) -> None:
        """Strike at equal shares (0 to 1) of the orders placed; each time wait until everything answers again."""
        for number, name in enumerate(self._strikes, start=1):
            await reached(number / (len(self._strikes) + 1))
            await self._strike(name)
            self.done += 1

    async def _strike(self, name: str) -> None:
        if name == "restart":
            self._tell("stopping the whole stack")
            await self._ground.restart()
            self._tell("the whole stack is up again")
            return
        stack = self._ground.stack
        self._tell(f"kill -9 {name} (process {stack.pids[name]})")
        await stack.kill(name)
        await stack.wait_ready(name)
        self._tell(f"{name} answers again")
