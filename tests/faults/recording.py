"""Playing each shape without faults, and reading what the companies and Temporal recorded of it."""

import asyncio
from pathlib import Path
from typing import Final

from ordersaga.domain.identifiers import return_workflow_id, workflow_id
from tests.faults.awaits import distinct, in_history
from tests.faults.boundaries import Await, Boundaries, calls_of, common
from tests.faults.cases import FaultCase
from tests.faults.faults import COMPANIES
from tests.faults.ground import Ground, standing
from tests.faults.oracle import judge
from tests.faults.player import play
from tests.faults.shapes import SHAPES
from tests.support.emulators import ROOT

PLAYS: Final = 3


class RecordingError(Exception):
    """A shape did not come to its end though nothing was wrong: what it came to is no measure."""


async def record(data: Path, code: Path = ROOT) -> dict[str, Boundaries]:
    """The boundaries of every shape. Raises RecordingError when one goes otherwise than it should."""
    async with standing(data, code) as ground:
        orders = {f"{name.replace('_', '')}{play}": shape for name, shape in SHAPES.items() for play in range(PLAYS)}
        await ground.stock_up(orders)
        played = await asyncio.gather(*(play(ground, FaultCase(shape.name, ()), one) for one, shape in orders.items()))
        wrong = [f"{one.order_id} {one.ended}" for one in played if one.ended != orders[one.order_id].ends]
        wrong += [str(difference) for difference in await judge(ground)] if not wrong else []
        if wrong:
            raise RecordingError(f"without faults: {'; '.join(wrong)}")
        return {
            name: common([await _read(ground, one) for one, shape in orders.items() if shape.name == name])
            for name in SHAPES
        }


async def _read(ground: Ground, order_id: str) -> Boundaries:
    calls = [call for name in COMPANIES for call in calls_of(name, await ground.company(name).requests(match=order_id))]
    sagas = {"order": workflow_id(order_id)}
    if ground.orders[order_id].returns:
        sagas["return"] = return_workflow_id(order_id, 1)
    awaits = [Await(saga, name) for saga, one in sagas.items() for name in await _awaited(ground, one)]
    return Boundaries(tuple(call for _, call in sorted(calls, key=lambda made: made[0])), tuple(awaits))


async def _awaited(ground: Ground, name: str) -> list[str]:
    history = await ground.temporal.get_workflow_handle(name).fetch_history()
    return list(distinct(in_history(history.events)))
