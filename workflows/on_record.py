"""An update is on record before anything is done about it, and before it is answered."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

P = ParamSpec("P")
R = TypeVar("R")
ANSWERS_ON_RECORD = "answers-on-record"
_PAUSE = timedelta(milliseconds=1)
_FIRST_TASK = 3
"""Events of a workflow whose first task is tried for the first time: started, task scheduled, task started."""


async def on_record(what: str = "the request") -> None:
    """Let Temporal write an accepted update into the history, by ending the workflow task with the shortest timer.

    Call it first in every update that moves money or goods, then look again at whether the update still may. Without
    it, an update and all it leads to (local activities, even the order's end) are one workflow task: when another
    message arrives in that moment, Temporal repeats the task without the update, and what was done about it is done
    all the same.
    """
    await workflow.sleep(_PAUSE, summary=f"{what} is on record")


def answered_on_record(handler: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """An update whose answer, or refusal, begins with an event of the history, never with a local activity's end.

    A query can part a local activity's end from what follows it: its marker is then in one workflow task, the rest in
    the next. When that next one is lost, a replay comes to the rest while it still believes to be in the past. There
    the SDK drops an update's answer, and commands it all the same: the server refuses every task of the workflow then.
    """

    @wraps(handler)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        if not workflow.patched(ANSWERS_ON_RECORD):
            return await handler(*args, **kwargs)
        try:
            answer = await handler(*args, **kwargs)
        except FailureError:
            await on_record("the refusal")
            raise
        await on_record("the answer")
        return answer

    return answered


def in_first_task() -> bool:
    """Whether this is the very first task of a workflow: no query is answered there."""
    return workflow.info().get_current_history_length() <= _FIRST_TASK
