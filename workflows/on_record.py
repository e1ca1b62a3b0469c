"""An update is on record before anything is done about it."""

from datetime import timedelta

from temporalio import workflow

_PAUSE = timedelta(milliseconds=1)


async def on_record() -> None:
    """Let Temporal write an accepted update into the history, by ending the workflow task with the shortest timer.

    Call it first in every update that moves money or goods, then look again at whether the update still may. Without
    it, an update and all it leads to (local activities, even the order's end) are one workflow task: when another
    message arrives in that moment, Temporal repeats the task without the update, and what was done about it is done
    all the same.
    """
    await workflow.sleep(_PAUSE, summary="the request is on record")
