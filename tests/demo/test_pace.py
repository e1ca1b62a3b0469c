"""On a slow machine the demo goes in slow motion: days, time limits and patience are longer, by the same measure."""

import asyncio
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ordersaga.demo.board import Board
from ordersaga.demo.case import STEP_SECONDS, Case, World
from ordersaga.demo.companies import DemoError
from ordersaga.demo.orders_file import read_orders
from ordersaga.demo.pace import CORES, NEARLY, SLOWEST, USUAL, measured, slowness
from ordersaga.demo.run import TIME_SCALE, Plan, options_of, settings_of
from ordersaga.demo.scenarios import SCENARIOS
from ordersaga.domain.statuses import OrderStatus
from ordersaga.settings import LONGEST_CALL
from tests.support.examples import CATALOGS, EXAMPLES, whole_catalog


def plan(times: float, **more: Any) -> Plan:
    """The demo of the examples on a machine so many times slower."""
    catalogs = tuple(file.read_bytes() for file in CATALOGS)
    return Plan(Path("/nowhere"), catalogs, (EXAMPLES / "orders.csv").read_bytes(), slowness=times, **more)


def test_what_is_usual_is_left_as_it_is() -> None:
    """A machine that is as fast, faster, or busy with something else for a moment."""
    assert slowness(USUAL, CORES) == slowness(USUAL / 5, 64) == slowness(USUAL * NEARLY * 0.99, CORES) == 1.0


def test_a_slow_machine_is_told_by_its_time_and_its_cores() -> None:
    """Ten times the time is ten times slower; half the cores are as bad as half the speed; there is an end to it."""
    assert slowness(USUAL * 10, CORES) == pytest.approx(10)
    assert slowness(USUAL * 2, CORES // 2) == pytest.approx(4)
    assert slowness(USUAL * 1000, CORES) == SLOWEST


def test_this_machine_has_a_measure() -> None:
    """The work is done, and takes no longer than it may."""
    assert 1.0 <= measured() <= SLOWEST


def test_time_limits_grow_and_days_last_longer() -> None:
    """By the same measure, so that what shall come before what still does; a call never longer than leases allow."""
    usual, slow = settings_of(plan(1)), settings_of(plan(10))
    assert slow.payment_window == 10 * usual.payment_window == timedelta(seconds=150)
    assert slow.visible_after == 10 * usual.visible_after
    assert slow.gateway_timeout == LONGEST_CALL
    assert options_of(plan(1)).time_scale == TIME_SCALE
    assert options_of(plan(10)).time_scale == TIME_SCALE / 10


async def test_orders_that_get_on_are_waited_for_however_long_it_takes() -> None:
    """The patience counts from the last news; without any it ends."""
    api: Any = Listed()
    board = Board(api)
    watching = asyncio.create_task(looking(board))
    try:
        assert await board.all_final(["web_1"], within=0.6)
        assert api.looks >= 4 * (len(api.ways) - 1)
        api.ways = [OrderStatus.SHIPPED]
        await board.look()
        assert not await board.all_final(["web_1"], within=0.3)
    finally:
        watching.cancel()


class Listed:
    """An API whose one order gets a step further every fourth time it is listed."""

    def __init__(self) -> None:
        self.looks = 0
        self.ways = [OrderStatus.CONFIRMED, OrderStatus.FULFILLING, OrderStatus.SHIPPED, OrderStatus.COMPLETED]

    async def orders(self, **_: object) -> Any:
        """The list."""
        self.looks += 1
        status = self.ways[min(self.looks // 4, len(self.ways) - 1)]
        return SimpleNamespace(orders=[SimpleNamespace(order_id="web_1", status=status)], next_cursor=None)


async def looking(board: Board) -> None:
    """As its watcher does, faster."""
    while True:
        await board.look()
        await asyncio.sleep(0.08)


async def test_a_step_that_does_not_come_says_how_long_it_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled, and in the words of the step."""
    monkeypatch.setattr("ordersaga.demo.case.STEP_SECONDS", 0.02)
    monkeypatch.setattr("ordersaga.demo.case.LOOK_EVERY", 0.01)
    nobody: Any = None
    world = World(nobody, nobody, nobody, nobody, nobody, nobody, Board(nobody), slowness=5)
    order = read_orders((EXAMPLES / "orders.csv").read_bytes(), whole_catalog(), SCENARIOS)[0]

    async def nothing() -> bool:
        return False

    began = asyncio.get_running_loop().time()
    with pytest.raises(DemoError, match=f"{order.order_id}: a label did not come within 0 s"):
        await Case(order, world).eventually(nothing, "a label")
    assert asyncio.get_running_loop().time() - began >= 0.1
    assert STEP_SECONDS > 1
