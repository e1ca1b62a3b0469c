"""An interrupted demo leaves nobody behind who would use the clients it closes next."""

import asyncio
from typing import Any

import pytest
from rich.console import Console

from ordersaga.demo.board import Board
from ordersaga.demo.case import World
from ordersaga.demo.chaos import Chaos
from ordersaga.demo.orders_file import read_orders, sample
from ordersaga.demo.play import Play
from ordersaga.demo.scenarios import SCENARIOS
from ordersaga.demo.view import Progress
from tests.support.examples import EXAMPLES, whole_catalog


class Silent:
    """Anybody who never answers; `calls` counts who asked, `waiting` who still waits for the answer."""

    calls = waiting = 0

    def __getattr__(self, _: str) -> Any:
        return self._ask

    async def _ask(self, *_: object, **__: object) -> None:
        self.calls += 1
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1


async def test_nobody_waits_after_an_interruption() -> None:
    """Ctrl-C in the middle of a wave: when `run` has ended, no call is under way."""
    silent: Any = Silent()
    orders = sample(read_orders((EXAMPLES / "orders.csv").read_bytes(), whole_catalog(), SCENARIOS))
    world = World(silent, silent, silent, silent, silent, silent, Board(silent))
    ground: Any = None
    with Progress(Console(quiet=True), len(orders)) as progress:
        play = asyncio.create_task(Play(world, orders, Chaos(ground, (), False, progress.tell), progress).run(seed=1))
        await asyncio.sleep(0.1)
        assert silent.waiting > len(orders) // 4
        play.cancel()
        with pytest.raises(asyncio.CancelledError):
            await play
    assert silent.waiting == 0
