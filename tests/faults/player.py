"""One case: faults are told to the companies, traps are laid for the saga, then the order is placed and acted upon."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from temporalio.service import RPCError

from ordersaga.demo.companies import DemoError
from ordersaga.demo.orders_file import DemoOrder
from ordersaga.domain.identifiers import return_workflow_id, workflow_id
from ordersaga.domain.returns import FINAL_RETURNS
from ordersaga.domain.statuses import FINAL_STATUSES
from ordersaga.http_client import ApiError, ApiUnreachableError
from tests.faults.boundaries import Await, Call
from tests.faults.cases import FaultCase, Strike
from tests.faults.faults import COMPANIES, IN_FLIGHT, OF_MESSAGES, told
from tests.faults.ground import Ground
from tests.faults.shapes import SHAPES, Order, Shape
from tests.faults.traps import Deed, Trap
from workflows.messages import CancelRequest

LOOK_EVERY: Final = 0.1
ENDS_WITHIN: Final = 150.0
_DEEDS: Final[dict[str, Deed]] = {"cancel": "tell", "task_fails": "fail", "worker_dies": "die"}
_DOWN: Final = (ApiError, ApiUnreachableError, DemoError, TimeoutError)


@dataclass
class Played:
    """What came of a case. `struck`: strikes that met their boundary; `notes`: what went otherwise than undisturbed."""

    case: str
    order_id: str
    struck: list[bool]
    ended: str
    seconds: float
    notes: list[str] = field(default_factory=list)


async def play(ground: Ground, case: FaultCase, order_id: str, patience: float = ENDS_WITHIN) -> Played:
    """Play one case until its order, and its return, have ended, or `patience` seconds have passed."""
    began = time.monotonic()
    shape = SHAPES[case.shape]
    order = Order(
        DemoOrder(order_id, case.shape, shape.ends, None, shape.body(order_id)), ground.world, returns=shape.returns
    )
    strikes = [Armed(ground, strike, order_id, uncounted(strike, case.strikes)) for strike in case.strikes]
    for strike in strikes:
        await strike.arm()
    if shape.stop_at:
        await ground.world.shipbob.tell("scripts", match=order_id, stop_at=shape.stop_at)
    watching = [asyncio.create_task(strike.watch()) for strike in strikes]
    try:
        await _act(ground, order, shape)
        ended = await _rest(ground, order_id, shape, patience)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    struck = [await strike.struck() for strike in strikes]
    notes = [*order.surprises, *ground.robot.answered.get(order_id, [])]
    return Played(str(case), order_id, struck, ended, round(time.monotonic() - began, 1), notes)


async def _act(ground: Ground, order: Order, shape: Shape) -> None:
    """What people do; then nobody holds anything back any more."""
    try:
        await shape.act(order)
    except _DOWN as error:
        order.surprises.append(f"{type(error).__name__}: {error}")
    if order.came_back:
        ground.came_back.add((order.order_id, 1))
    order.world.waits_at_home.discard(order.order_id)
    await order.world.shipbob.tell("release", match=order.order_id)


async def _rest(ground: Ground, order_id: str, shape: Shape, patience: float) -> str:
    """Wait for the order's end, and that of its return; answers the status."""
    found = "unknown"
    with contextlib.suppress(DemoError):
        found = (await ground.world.board.until(order_id, FINAL_STATUSES, patience)).status.value
    if shape.returns:
        await _return_rests(ground, order_id, patience)
        with contextlib.suppress(DemoError):
            found = (await ground.world.board.until(order_id, FINAL_STATUSES, patience)).status.value
    return found


async def _return_rests(ground: Ground, order_id: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(*_DOWN):
            returns = (await ground.world.support.returns(order_id)).returns
            if all(each.status in FINAL_RETURNS for each in returns):
                return
        await asyncio.sleep(LOOK_EVERY * 3)


def uncounted(strike: Strike, strikes: Sequence[Strike]) -> int:
    """A call that another fault answers is not counted by the next one of its kind (slow answers are)."""
    here = strike.where
    if not isinstance(here, Call):
        return 0
    others = [each.where for each in strikes if each.fault not in ("slow", IN_FLIGHT)]
    before = [one for one in others if isinstance(one, Call) and one.number < here.number]
    return sum((one.company, one.method, one.path) == (here.company, here.method, here.path) for one in before)


class Armed:
    """A strike on its way to its boundary. `unseen`: calls of its kind before it that the company does not count."""

    def __init__(self, ground: Ground, strike: Strike, order_id: str, unseen: int = 0) -> None:
        self._ground, self._strike, self._order_id, self._unseen = ground, strike, order_id, unseen
        self._fault_id = ""

    async def arm(self) -> None:
        """Tell the company, or lay the trap."""
        where = self._strike.where
        if isinstance(where, Call):
            await self._tell(where)
        elif isinstance(where, Await):
            self._ground.traps.set(Trap(self._workflow_id(where), where.name, _DEEDS[self._strike.fault]))
        else:
            for name in COMPANIES:
                rule = OF_MESSAGES[self._strike.fault]
                await self._ground.company(name).tell("webhooks", match=self._order_id, **rule)

    async def _tell(self, call: Call) -> None:
        answer = await self._ground.company(call.company).tell(
            "faults",
            method=call.method,
            path=call.pattern,
            match=self._order_id,
            times=1,
            skip=call.number - 1 - self._unseen,
            **told(call.company, self._strike.fault),
        )
        self._fault_id = answer["id"]

    async def watch(self) -> None:
        """Do what the runner itself has to do when the boundary is reached."""
        fault = self._strike.fault
        if fault not in ("killed_before", "killed_after", "cancel", IN_FLIGHT):
            return
        while not await self.struck():  # noqa: ASYNC110 - what it waits for happens in other processes
            await asyncio.sleep(LOOK_EVERY)
        if fault in ("cancel", IN_FLIGHT):
            await self._cancel()
        else:
            await self._ground.kill_worker()

    async def _cancel(self) -> None:
        """As an operator does with Temporal's own tools; an order that has ended meanwhile does not hear it."""
        where = self._strike.where
        name = self._workflow_id(where) if isinstance(where, Await) else workflow_id(self._order_id)
        handle = self._ground.temporal.get_workflow_handle(name)
        with contextlib.suppress(RPCError):
            if isinstance(where, Await) and where.saga == "return":
                await handle.cancel()
            else:
                await handle.signal("request_cancel", CancelRequest(by="operator", reason="the fault matrix"))

    async def struck(self) -> bool:
        """Whether it met its boundary."""
        where = self._strike.where
        if isinstance(where, Await):
            return self._ground.traps.sprung(self._workflow_id(where))
        if where is None:
            return True
        with contextlib.suppress(DemoError):
            faults = await self._ground.company(where.company).faults()
            return any(fault["id"] == self._fault_id and fault["applied"] for fault in faults)
        return False

    def _workflow_id(self, where: Await) -> str:
        return return_workflow_id(self._order_id, 1) if where.saga == "return" else workflow_id(self._order_id)
