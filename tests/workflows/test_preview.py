"""A preview says what the cancellation then does, and does nothing itself."""

import asyncio

import pytest

from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from tests.workflows.cancels import BRING, WHOLE, Stage, accepted, cancel, preview, units
from tests.workflows.world import World
from workflows.messages import CancelAnswer, CancelRequest

S = OrderStatus
OPEN = [status for status in BRING if status not in FINAL_STATUSES]
KNOWN = [status for status in OPEN if status not in (S.PENDING, S.CANCELING)]
"""Where nothing is under way that decides the money: the bank's answer, another cancellation."""
ASKED = {"whole": WHOLE, "part": units(("MUG", 1))}


def money(answer: CancelAnswer) -> dict[int, tuple[int, int]]:
    """By parcel: (voided, refunded); the sums must be those of the answer."""
    parts = {part.parcel: (part.voided, part.refunded) for part in answer.parts}
    assert (answer.voided, answer.refunded) == tuple(sum(sums) for sums in zip(*parts.values(), (0, 0), strict=False))
    return parts


async def traces(stage: Stage) -> tuple[int, int, list[str]]:
    """What anything that is done would change: the history, the calls to the outside, the story."""
    length = (await stage.handle.describe()).history_length
    return length, len(stage.world.log), await stage.kinds()


@pytest.mark.parametrize("status", OPEN)
async def test_preview_changes_nothing(world: World, status: OrderStatus) -> None:
    """Asked three times for the whole and a part: the same answers (but for their time), the same history, no calls."""
    stage = await BRING[status](world)
    repeats = status in (S.PENDING, S.CANCELING)  # calls by itself
    before = await stage.kinds() if repeats else await _quiet(stage)
    for asked in ASKED.values():
        answers = [await preview(stage.handle, asked) for _ in range(3)]
        assert len({(answer.outcome, answer.voided, answer.refunded, answer.parts) for answer in answers}) == 1
    if repeats:
        assert await stage.kinds() == before or status is S.CANCELING
        assert "units_canceled" not in await stage.kinds()
    else:
        assert await traces(stage) == before


async def _quiet(stage: Stage) -> tuple[int, int, list[str]]:
    """Once nothing moves by itself any more."""
    before = await traces(stage)
    while True:
        await asyncio.sleep(0.3)
        now = await traces(stage)
        if now == before:
            return now
        before = now


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("status", KNOWN)
async def test_preview_foretells_the_money(world: World, status: OrderStatus, what: str) -> None:
    """The provider agrees: part by part, what was foretold is what is given back; too late is nothing at all."""
    stage = await BRING[status](world)
    if (status, what) == (S.ACTION_REQUIRED, "part"):
        foretold = await preview(stage.handle, ASKED[what])
        assert foretold.outcome == "pending"  # taken up once the order is confirmed
        assert (foretold.voided, foretold.refunded) == (0, 0)  # before there are payments to take it from
        return
    await _equal(stage, ASKED[what])


@pytest.mark.parametrize("what", ASKED)
async def test_preview_foretells_refunds(world: World, what: str) -> None:
    """Captured at confirmation: what is foretold as refunded is refunded."""
    stage = await accepted(world, ("MUG", 3), ("TEE", 2), terms={"capture": "at_confirmation"})
    foretold = await _equal(stage, ASKED[what])
    assert (foretold.voided, foretold.refunded) == (0, 5000 if what == "whole" else 1000)


async def test_preview_of_what_others_left(world: World) -> None:
    """After a unit was taken out, the whole order is what is left of it."""
    stage = await accepted(world, ("MUG", 3))
    await cancel(stage.handle, ASKED["part"])
    await stage.stands(2)
    assert (await _equal(stage, WHOLE)).voided == 2000


async def _equal(stage: Stage, asked: CancelRequest) -> CancelAnswer:
    foretold = await preview(stage.handle, asked)
    real = await cancel(stage.handle, asked)
    assert money(foretold) == money(real)
    late = [part.parcel for part in real.parts if part.outcome == "too_late"]
    assert [part.parcel for part in foretold.parts if part.outcome == "too_late"] == late
    assert all(money(foretold)[parcel] == (0, 0) for parcel in late)
    assert [part.lines for part in foretold.parts] == [part.lines for part in real.parts]
    return foretold


@pytest.mark.parametrize("status", KNOWN)
async def test_preview_speaks_of_what_may_be(world: World, status: OrderStatus) -> None:
    """Nothing is under way by it: no time to look again, and how to go on."""
    stage = await BRING[status](world)
    answer = await preview(stage.handle)
    late = answer.outcome == "too_late"
    assert answer.message.endswith("; nothing was done")
    assert ("would be" in answer.message) is not late
    assert answer.next_step == ("offer a return after delivery" if late else "cancel to do it")
    assert answer.answer_by is None


@pytest.mark.parametrize("status", [S.PENDING, S.ACTION_REQUIRED])
async def test_preview_of_units_before_the_confirmation_waits_for_it(world: World, status: OrderStatus) -> None:
    """Nothing of them is undone before there are parcels to take them from, so it is not foretold as done."""
    stage = await BRING[status](world)
    answer = await preview(stage.handle, ASKED["part"])
    assert (answer.outcome, answer.voided, answer.refunded) == ("pending", 0, 0)
    assert (answer.next_step, answer.answer_by) == ("cancel to do it", None)


async def test_preview_of_what_the_provider_has_names_the_condition(world: World) -> None:
    """The amounts, and on what they hang."""
    stage = await accepted(world, ("MUG", 2))
    answer = await preview(stage.handle)
    money = "USD 20.00 released, USD 0.00 refunded"
    assert answer.outcome == "pending"
    assert answer.message == f"would be undone if the provider can still stop it: {money}; nothing was done"


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
async def test_preview_of_a_closed_order_is_nothing(world: World, status: OrderStatus) -> None:
    """It can still be asked: no money, and whether it is canceled or too late."""
    stage = await BRING[status](world)
    answer = await preview(stage.handle)
    undone = status in (S.CANCELED, S.REJECTED)
    assert (answer.outcome, answer.voided, answer.refunded) == ("canceled" if undone else "too_late", 0, 0)
    assert answer.parts == ()
