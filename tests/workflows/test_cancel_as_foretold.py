"""A cancellation that rests on a preview does what the preview said, or nothing."""

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from ordersaga.domain.statuses import OrderStatus
from tests.workflows.cancels import BRING, WHOLE, cancel, preview, units
from tests.workflows.world import World
from workflows.messages import CancelRequest

S = OrderStatus
ASKED = {"whole": WHOLE, "part": units(("MUG", 1))}
CASES = [(S.CONFIRMED, "part"), (S.FULFILLING, "whole"), (S.PARTIALLY_SHIPPED, "whole"), (S.SHIPPED, "part")]


def by(asked: CancelRequest, digest: str) -> CancelRequest:
    """The same request, resting on a preview."""
    return asked.model_copy(update={"digest": digest})


@pytest.mark.parametrize(("status", "what"), CASES)
async def test_what_was_foretold_is_taken(world: World, status: OrderStatus, what: str) -> None:
    """Whole or in part, before and after goods left: nothing moved since, and the money is what was foretold."""
    stage = await BRING[status](world)
    foretold = await preview(stage.handle, ASKED[what])
    answer = await cancel(stage.handle, by(ASKED[what], foretold.digest_for(ASKED[what].lines)))
    assert (answer.voided, answer.refunded) == (foretold.voided, foretold.refunded)
    assert [part.lines for part in answer.parts] == [part.lines for part in foretold.parts]


async def test_what_would_come_to_something_else_is_refused(world: World) -> None:
    """A preview of the whole order stands for no part of it, nor for an order that moved on; nothing is written."""
    stage = await BRING[S.CONFIRMED](world)
    foretold = await preview(stage.handle, ASKED["part"])
    digest = foretold.digest_for(ASKED["part"].lines)
    before = (await stage.kinds(), (await stage.handle.describe()).history_length)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await cancel(stage.handle, by(WHOLE, digest))
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "preview_outdated"
    assert (await stage.kinds(), (await stage.handle.describe()).history_length) == before
    taken = await cancel(stage.handle, by(ASKED["part"], digest).model_copy(update={"request_id": "one"}))
    again = await cancel(stage.handle, by(ASKED["part"], digest).model_copy(update={"request_id": "one"}))
    assert again.parts == taken.parts
    with pytest.raises(WorkflowUpdateFailedError):
        await cancel(stage.handle, by(ASKED["part"], "0" * 64).model_copy(update={"request_id": "two"}))
