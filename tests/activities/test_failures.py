"""Domain errors as Temporal failures: the type says who must act, and only `retry` is retried."""

from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.failures import as_failure, translated
from ordersaga.domain.errors import (
    CustomerError,
    OperatorError,
    OrdersagaError,
    RateLimitedError,
    RefusedError,
    RetryError,
)


class NewError(OrdersagaError):
    """A kind of error nobody thought of."""


@pytest.mark.parametrize(
    ("error", "kind", "retried"),
    [
        (RetryError("busy", "later"), "retry", True),
        (RateLimitedError("limited", "slow down"), "retry", True),
        (RefusedError("refused", "nothing happened"), "refused", False),
        (CustomerError("declined", "no"), "customer", False),
        (OperatorError("bad_credentials", "revoked"), "operator", False),
        (NewError("new", "unheard of"), "operator", False),
    ],
)
async def test_failure_says_who_must_act(error: OrdersagaError, kind: str, retried: bool) -> None:
    """Type, details `[code, message]` and retryability; what is unheard of is for an operator."""

    @activity.defn
    @translated
    async def fails() -> None:
        raise error

    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(fails)
    failure = caught.value
    assert (failure.type, failure.non_retryable) == (kind, not retried)
    assert list(failure.details) == [error.code, error.message]


async def test_retry_comes_no_sooner_than_the_other_side_wishes() -> None:
    """`retry_after` becomes the delay before the next attempt, and a retry pages nobody."""

    @translated
    async def busy() -> None:
        raise RetryError("rate_limited", "slow down", retry_after=timedelta(seconds=9))

    with pytest.raises(ApplicationError) as caught:
        await busy()
    assert caught.value.next_retry_delay == timedelta(seconds=9)
    assert caught.value.category is ApplicationErrorCategory.BENIGN


@pytest.mark.parametrize(("seconds", "retried"), [(0.5, True), (9, False)])
async def test_a_workflow_task_is_not_held_for_a_long_wait(seconds: float, retried: bool) -> None:
    """A local activity that shall wait is given up there: its call goes to its lane, where waiting costs nothing."""
    error = RetryError("lane_paused", "not now", retry_after=timedelta(seconds=seconds))
    assert as_failure(error, local=True).non_retryable is not retried
    assert as_failure(error).non_retryable is False


async def test_other_errors_and_answers_pass_untouched() -> None:
    """A programming error is not dressed up as a refusal; the name Temporal registers stays."""

    @translated
    async def broken(fine: bool) -> str:
        if fine:
            return "answer"
        raise KeyError("bug")

    assert broken.__name__ == "broken"
    assert await broken(True) == "answer"
    with pytest.raises(KeyError):
        await broken(False)
