"""What cases stand on: a whole stack of its own, at a fast pace, with its companies and people."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import psutil
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.audit import Place
from ordersaga.demo.case import World
from ordersaga.demo.companies import Company
from ordersaga.demo.people import pack_and_hand_over
from ordersaga.demo.run import CALLS_PER_MINUTE, world_of
from ordersaga.domain.catalog import Catalog
from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.database import prepare_database
from ordersaga.embedded.parts import Part, Ready, Step
from ordersaga.embedded.plan import build_plan
from ordersaga.embedded.stack import forget
from ordersaga.settings import Settings
from tests.faults.robot import Robot
from tests.faults.shapes import Shape, catalog_of
from tests.faults.traps import ENVIRONMENT, Traps
from tests.support.emulators import ROOT

TIME_SCALE: Final = 40_000.0
"""A parcel's two and a half days at ShipBob take five seconds."""
PACE: Final = {
    "poll_interval": timedelta(seconds=1),
    "gateway_timeout": timedelta(seconds=2),
    "visible_after": timedelta(seconds=2),
    "payment_window": timedelta(minutes=2),
    "shipbob_calls_per_minute": CALLS_PER_MINUTE,
    "easypost_calls_per_minute": CALLS_PER_MINUTE,
}


@dataclass
class Ground:
    """A running stack. `orders`: every order placed on it; `came_back`: parcels returned to the warehouse."""

    stack: Stack
    world: World
    temporal: Client
    traps: Traps
    robot: Robot
    orders: dict[str, Shape] = field(default_factory=dict)
    came_back: set[Place] = field(default_factory=set)

    async def stock_up(self, orders: Mapping[str, Shape]) -> None:
        """Make products and stock for these orders, which are placed next."""
        self.orders.update(orders)
        await self.world.operator.load_catalog(catalog_of(orders))

    async def kill_worker(self) -> None:
        """SIGKILL for the process that works; its parent has the next one at hand."""
        while not (running := _children(self.stack.pids["worker"])):  # noqa: ASYNC110 - another process forks it
            await asyncio.sleep(0.05)
        for process in running:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def company(self, name: str) -> Company:
        """One of the outside companies."""
        return {"stripe": self.world.stripe, "shipbob": self.world.shipbob, "easypost": self.world.easypost}[name]

    @property
    def catalog(self) -> Catalog:
        """Everything it was stocked up with."""
        return parse_catalog(catalog_of(self.orders))


@contextlib.asynccontextmanager
async def standing(data: Path, code: Path = ROOT) -> AsyncIterator[Ground]:
    """A stack in `data`, stopped and forgotten at the end. `code`: the folder whose product its processes run."""
    traps = Traps(data / "traps")

    def plan(options: StackOptions, settings: Settings, chosen: set[str]) -> list[Part | Step]:
        parts = build_plan(options, settings, chosen, prepare_database)
        return [_from_code(part, code, traps_in=data / "traps") for part in parts]

    options = StackOptions(data=data, free_ports=True, time_scale=TIME_SCALE)
    settings = Settings(_env_file=None).model_copy(update=PACE)
    async with Stack(options, settings, plan=plan) as stack, world_of(stack) as world:
        temporal = await Client.connect(stack.settings.temporal_address, data_converter=pydantic_data_converter)
        robot = Robot(world.operator)
        await world.shipbob.tell("rate-limit", per_minute=CALLS_PER_MINUTE)
        await world.easypost.tell("scripts", match="-", stop_at="pre_transit")
        helpers = [asyncio.create_task(w) for w in (world.board.watch(), pack_and_hand_over(world), robot.work())]
        try:
            yield Ground(stack, world, temporal, traps, robot)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
    await asyncio.to_thread(forget, data)


def _from_code(part: Part | Step, code: Path, traps_in: Path) -> Part | Step:
    """Python parts run the product in `code`; the worker minds traps."""
    if not isinstance(part, Part) or "-m" not in part.command.argv:
        return part
    path = os.pathsep.join(dict.fromkeys([str(code), str(ROOT)]))
    environment = {**part.command.environment, "PYTHONPATH": path, ENVIRONMENT: str(traps_in)}
    argv = [word if word != "workers" else "tests.faults.worker" for word in part.command.argv]
    ready = _through_child(part.ready) if part.name == "worker" else part.ready
    return replace(part, command=replace(part.command, argv=argv, environment=environment, cwd=code), ready=ready)


def _through_child(ready: Ready) -> Ready:
    """A readiness question about a process that works through its child."""

    async def asked(pid: int) -> bool:
        return any([await ready(child.pid) for child in _children(pid)])

    return asked


def _children(pid: int | None) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children() if pid else []
    except psutil.NoSuchProcess:
        return []
