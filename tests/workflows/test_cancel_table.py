"""Every status x whole or one unit x every door: one table says what is answered and what is left of the order."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from tests.workflows.cancels import BRING, WHOLE, Stage, cancel, labels, payments, provider_orders, shelves, units
from tests.workflows.world import World
from workflows.messages import CancelAnswer

S = OrderStatus


@dataclass(frozen=True)
class Row:
    """What is expected of one request.

    `answer`: the update's outcome; `refused`: by its validator; `closed`: by Temporal, for the workflow has completed.
    `parts`: outcome by parcel. `told`: what the story says in any case. The rest: what is left of it all in the end.
    """

    answer: str
    parts: dict[int, str]
    voided: int
    told: str
    end: OrderStatus
    money: tuple[str, ...]
    orders: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    mugs: int = 10
    tees: int = 10


def _undone(voided: int, orders: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> Row:
    """All of the only parcel is undone."""
    return Row("canceled", {1: "canceled"}, voided, "parcel_canceled", S.CANCELED, ("voided",), orders, labels)


def _one_less(orders: tuple[str, ...], labels: tuple[str, ...]) -> Row:
    """One mug of two is taken out; the other ships and is paid."""
    money = ("captured 1000",)
    return Row("canceled", {1: "canceled"}, 1000, "units_canceled", S.COMPLETED, money, orders, labels, mugs=9)


HERE = (("1-1 accepted",), ("1-1 used",))
STOPPED = (("1-1 canceled",), ("1-1 voided",))
STOPPED_TWICE = (("1-1 canceled", "1-2 canceled"), ("1-1 voided", "1-2 voided"))
ANEW = (("1-1 canceled", "1-2 accepted"), ("1-1 voided", "1-2 used"))
LEFT = Row("too_late", {1: "too_late"}, 0, "too_late", S.COMPLETED, ("captured 2000",), *HERE, mugs=8)
# Parcel 1 (shirts, west) has left; parcel 2 (mugs, east) is at the warehouse.
ONE_OF_TWO = Row(
    "partly_canceled",
    {1: "too_late", 2: "canceled"},
    2000,
    "parcel_canceled",
    S.COMPLETED,
    ("captured 2000", "voided"),
    ("1-1 accepted", "2-1 canceled"),
    ("1-1 used", "2-1 voided"),
    tees=8,
)
ONE_UNIT_OF_TWO = Row(
    "canceled",
    {2: "canceled"},
    1000,
    "units_canceled",
    S.COMPLETED,
    ("captured 2000", "captured 1000"),
    ("1-1 accepted", "2-1 canceled", "2-2 accepted"),
    ("1-1 used", "2-1 voided", "2-2 used"),
    mugs=9,
    tees=8,
)
THEN_ALL_OF_TWO = Row(
    "partly_canceled",
    {1: "too_late", 2: "canceled"},
    1000,
    "parcel_canceled",
    S.COMPLETED,
    ("captured 2000", "voided"),
    ("1-1 accepted", "2-1 canceled", "2-2 canceled"),
    ("1-1 used", "2-1 voided", "2-2 voided"),
    tees=8,
)
_CLOSED = {
    S.COMPLETED: Row("closed", {}, 0, "closed", S.COMPLETED, ("captured 2000",), *HERE, mugs=8),
    S.CANCELED: Row("closed", {}, 0, "closed", S.CANCELED, ("voided",), *STOPPED),
    S.REJECTED: Row("closed", {}, 0, "closed", S.REJECTED, ("declined",)),
    S.RETURNED: Row("closed", {}, 0, "closed", S.RETURNED, ("captured 2000 refunded 2000",), *HERE),
}
"""The workflow has completed: Temporal refuses updates and signals, and nothing changes."""
REFUSED = Row("refused", {}, 0, "parcel_canceled", S.CANCELED, ("voided",), *STOPPED)
"""Nothing is left to take units from: all of it is being canceled already."""

TABLE: dict[OrderStatus, tuple[Row, Row, Row]] = {
    # status: the whole order | one unit | one unit, then the whole order by a raw cancellation
    S.PENDING: (_undone(2000), _one_less(*HERE), _undone(2000)),
    S.ACTION_REQUIRED: (_undone(0), _one_less(*HERE), _undone(0)),
    S.CONFIRMED: (_undone(2000), _one_less(*HERE), _undone(1000)),
    S.ON_HOLD: (_undone(2000), _one_less(*HERE), _undone(1000)),
    S.FULFILLING: (_undone(2000, *STOPPED), _one_less(*ANEW), _undone(1000, *STOPPED_TWICE)),
    S.PARTIALLY_SHIPPED: (ONE_OF_TWO, ONE_UNIT_OF_TWO, THEN_ALL_OF_TWO),
    S.SHIPPED: (LEFT, LEFT, LEFT),
    S.DELIVERED: (ONE_OF_TWO, ONE_UNIT_OF_TWO, THEN_ALL_OF_TWO),
    S.CANCELING: (_undone(2000, *STOPPED), REFUSED, REFUSED),
    S.NEEDS_ATTENTION: (
        _undone(2000),
        _one_less(("1-3 accepted",), ("1-3 used",)),
        _undone(1000, ("1-3 canceled",), ("1-3 voided",)),
    ),
    **{status: (row, row, row) for status, row in _CLOSED.items()},
}
WHAT = ("whole", "part")
DOORS = ("update", "signal", "temporal")
ONE = units(("MUG", 1))


async def _ask(stage: Stage, row: Row, what: str, door: str) -> "asyncio.Task[CancelAnswer] | None":
    """The request, through one of the doors."""
    asked = WHOLE if what == "whole" else ONE
    if door == "update":
        asking = asyncio.create_task(cancel(stage.handle, asked))
        await asyncio.sleep(0.3)  # it waits for what comes next
        return asking
    if door == "signal" or what == "part":
        await stage.handle.signal("request_cancel", asked)
    if door == "temporal":
        if what == "part":
            await _taken_up(stage, row)
        await stage.handle.cancel(reason="mistake")
    return None


async def _taken_up(stage: Stage, row: Row) -> None:
    """The raw cancellation comes once the units are out, where they can be before the order goes on."""
    await stage.told("cancel_requested")
    if row.voided == 1000:  # what the second mug costs: the first is out by then
        await stage.told("units_canceled")
        await stage.stands(len(row.orders))


async def _answered(asking: "asyncio.Task[CancelAnswer]", row: Row) -> None:
    if row.answer == "refused":
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await asking
        assert "lines[0]: the order has 0 of MUG left to cancel" in str(refused.value.cause)
        return
    answer = await asking
    assert (answer.outcome, {part.parcel: part.outcome for part in answer.parts}) == (row.answer, row.parts)
    assert (answer.voided, answer.refunded) == (row.voided, 0)


async def _undisturbed(stage: Stage, row: Row, what: str, door: str) -> None:
    """A closed order hears nothing; a raw cancellation of it is taken and means nothing."""
    if (what, door) == ("whole", "temporal"):
        await stage.handle.cancel(reason="mistake")
        return
    with pytest.raises(RPCError, match="already completed"):
        await (await _ask(stage, row, what, door) or asyncio.sleep(0))


def _cases() -> Iterator[Any]:
    """One unit is asked for by one door here, from status to status the next one; by the others in the slow tests."""
    for number, status in enumerate(TABLE):
        for what, (place, door) in itertools.product(WHAT, enumerate(DOORS)):
            slow = what == "part" and place != number % len(DOORS)
            yield pytest.param(status, what, door, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("status", "what", "door"), list(_cases()))
async def test_cancel_by_every_door_in_every_status(world: World, status: OrderStatus, what: str, door: str) -> None:
    """As the table says: the answer, the story, the end, and what every company is left with."""
    row = TABLE[status][0 if what == "whole" else 2 if door == "temporal" else 1]
    stage = await BRING[status](world)
    if status in FINAL_STATUSES:
        await _undisturbed(stage, row, what, door)
    else:
        asking = await _ask(stage, row, what, door)
        if row.end is not S.CANCELED or status is S.PENDING:
            await stage.go_on()
        if asking is not None:
            await _answered(asking, row)
        await stage.told(row.told)
    assert await stage.ended() is row.end
    assert (payments(world, stage.placed), provider_orders(world), labels(world)) == (row.money, row.orders, row.labels)
    assert shelves(world) == {"MUG": row.mugs, "TEE": row.tees}
    await world.balanced(stage.placed)
