"""Group commit: together when they come together, separately when one of them is bad."""

import asyncio
from collections.abc import Sequence

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.stores.gathering import Gathering


class Commits:
    """Doubles its requests; a negative one cannot be written, 0 loses the connection."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, requests: Sequence[int]) -> list[int]:
        self.batches.append(list(requests))
        await asyncio.sleep(0.01)
        if 0 in requests:
            raise RetryError("database_lost", "gone", unknown=True)
        if min(requests) < 0:
            raise OperatorError("integrity_violation", "no")
        return [2 * request for request in requests]


async def test_one_alone_does_not_wait() -> None:
    """A single request is a batch of its own, at once."""
    commits = Commits()

    assert await Gathering(commits).submit(4) == 8
    assert commits.batches == [[4]]


async def test_those_that_come_together_are_committed_together() -> None:
    """What arrives during a commit goes into the next, in order of arrival and no larger than allowed."""
    commits = Commits()
    gathering = Gathering(commits, largest=3, lanes=1)

    assert await asyncio.gather(*(gathering.submit(n) for n in range(1, 8))) == [2, 4, 6, 8, 10, 12, 14]

    assert commits.batches == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_bad_request_fails_alone() -> None:
    """When a batch is refused, each request is tried by itself, and only the bad one is told so."""
    commits = Commits()
    gathering = Gathering(commits, lanes=1)

    answers = await asyncio.gather(*(gathering.submit(n) for n in (1, -2, 3)), return_exceptions=True)

    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], OperatorError)
    assert commits.batches == [[1, -2, 3], [1], [-2], [3]]


async def test_a_commit_in_doubt_is_not_repeated() -> None:
    """When the connection is lost, everybody in the batch is told, and nothing is written a second time."""
    commits = Commits()
    gathering = Gathering(commits, lanes=1)

    answers = await asyncio.gather(*(gathering.submit(n) for n in (1, 0)), return_exceptions=True)

    assert [isinstance(answer, RetryError) and answer.unknown for answer in answers] == [True, True]
    assert commits.batches == [[1, 0]]


async def test_a_caller_who_left_does_not_disturb_the_others() -> None:
    """Giving up waiting cancels nobody else's answer."""
    gathering = Gathering(Commits(), lanes=1)
    left, stays = (asyncio.create_task(gathering.submit(n)) for n in (1, 2))
    await asyncio.sleep(0)
    left.cancel()

    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await left
