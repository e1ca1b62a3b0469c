"""Group commit: together when they come together, separately when one of them is bad."""

import asyncio
from collections.abc import Sequence

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.stores.gathering import AT_ONCE, Gathering
from ordersaga.stores.pools import LockedError


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
    gathering = Gathering(commits, largest=3, at_once=1)

    assert await asyncio.gather(*(gathering.submit(n) for n in range(1, 8))) == [2, 4, 6, 8, 10, 12, 14]

    assert commits.batches == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_bad_request_fails_alone() -> None:
    """When a batch is refused, each request is tried by itself, and only the bad one is told so."""
    commits = Commits()
    gathering = Gathering(commits, at_once=1)

    answers = await asyncio.gather(*(gathering.submit(n) for n in (1, -2, 3)), return_exceptions=True)

    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], OperatorError)
    assert commits.batches == [[1, -2, 3], [1], [-2], [3]]


async def test_a_commit_in_doubt_is_not_repeated() -> None:
    """When the connection is lost, everybody in the batch is told, and nothing is written a second time."""
    commits = Commits()
    gathering = Gathering(commits, at_once=1)

    answers = await asyncio.gather(*(gathering.submit(n) for n in (1, 0)), return_exceptions=True)

    assert [isinstance(answer, RetryError) and answer.unknown for answer in answers] == [True, True]
    assert commits.batches == [[1, 0]]


async def test_a_caller_who_left_does_not_disturb_the_others() -> None:
    """Giving up waiting cancels nobody else's answer."""
    gathering = Gathering(Commits(), at_once=1)
    left, stays = (asyncio.create_task(gathering.submit(n)) for n in (1, 2))
    await asyncio.sleep(0)
    left.cancel()

    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await left


async def test_who_asks_again_at_once_is_not_forgotten() -> None:
    """A request handed in by whoever has just been answered is taken up, though the last batch only now ended."""
    gathering = Gathering(Commits(), at_once=1)
    async with asyncio.timeout(5):
        assert [await gathering.submit(n) for n in (1, 2, 3)] == [2, 4, 6]


async def test_lanes_take_turns() -> None:
    """Whoever is alone in a lane goes with the next batch, however many wait in another; lanes keep their order."""
    commits = Commits()
    gathering = Gathering(commits, largest=4, at_once=1, lane=lambda n: n // 100)

    many = [asyncio.create_task(gathering.submit(n)) for n in range(100, 112)]
    await asyncio.sleep(0)
    few = [asyncio.create_task(gathering.submit(n)) for n in (201, 301, 202)]
    await asyncio.gather(*many, *few)

    assert commits.batches[0] == [100, 101, 102, 103] or commits.batches[0] == [100]
    behind = [n for batch in commits.batches[1:] for n in batch]
    assert [n for n in behind if n < 200] == sorted(n for n in behind if n < 200)
    assert {201, 301} <= set(commits.batches[1])
    assert 202 in commits.batches[1] + commits.batches[2]


async def test_the_expected_wait_is_the_lanes_own() -> None:
    """Nobody waits while a batch may begin; then a long lane waits for its rounds, an empty one for the next batch."""
    gathering = Gathering(Commits(), largest=10, at_once=1, lane=lambda n: n // 1000)
    assert gathering.expected_wait(1) == 0
    await gathering.submit(1)

    many = [asyncio.create_task(gathering.submit(n)) for n in range(1000, 1200)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    long, short = gathering.expected_wait(1), gathering.expected_wait(2)
    await asyncio.gather(*many)

    assert long > 10 * 0.01
    assert short < long / 5
    assert gathering.expected_wait(1) == 0


async def test_a_batch_that_hangs_lengthens_the_wait() -> None:
    """When the database does not answer, the expected wait grows with every moment, for everybody."""
    stuck = asyncio.Event()

    async def commit(requests: Sequence[int]) -> list[int]:
        if requests[0]:
            await stuck.wait()
        return list(requests)

    gathering = Gathering(commit, at_once=1)
    await gathering.submit(0)
    waiting = asyncio.create_task(gathering.submit(1))
    await asyncio.sleep(0.2)
    assert gathering.expected_wait() > 0.15
    stuck.set()
    assert await waiting == 1
    assert gathering.expected_wait() == 0


class Locked:
    """Answers each request with itself; those of the lane of hundreds meet a lock until `free`."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.alone: list[list[int]] = []

    async def soon(self, requests: Sequence[int]) -> list[int]:
        """What waits for no lock for long."""
        await asyncio.sleep(0)
        if max(requests) >= 100 and not self.free.is_set():
            raise LockedError("database_busy", "locked")
        return list(requests)

    async def patiently(self, requests: Sequence[int]) -> list[int]:
        """What waits."""
        self.alone.append(list(requests))
        if max(requests) >= 100:
            await self.free.wait()
        return list(requests)


async def test_only_the_lane_that_needs_a_lock_waits_for_it() -> None:
    """Others are answered meanwhile, also who comes later; who waited is written once, in order of arrival."""
    locked = Locked()
    gathering = Gathering(locked.soon, lane=lambda n: n // 100, patient=locked.patiently)
    waits = [asyncio.create_task(gathering.submit(n)) for n in (100, 101)]
    async with asyncio.timeout(30):
        assert await asyncio.gather(*(gathering.submit(n) for n in (1, 2))) == [1, 2]
        waits += [asyncio.create_task(gathering.submit(n)) for n in range(102, 103 + AT_ONCE)]
        for n in range(3, 9):
            assert await gathering.submit(n) == n
        assert not any(task.done() for task in waits)
        locked.free.set()
        assert await asyncio.gather(*waits) == [*range(100, 103 + AT_ONCE)]
        assert await gathering.submit(199) == 199

    assert [requests for requests in locked.alone if 100 in requests] == [[100, 101]]


async def test_a_lock_that_never_ends_is_told_to_its_lane_alone() -> None:
    """Whoever waits for it hears that nothing was written; without a patient way, the whole batch does."""
    locked = Locked()
    gathering = Gathering(locked.soon, lane=lambda n: n // 100, patient=locked.soon)
    strict = Gathering(locked.soon, at_once=1, lane=lambda n: n // 100)
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(gathering.submit(n) for n in (100, 1, 200)), return_exceptions=True)
        together = await asyncio.gather(*(strict.submit(n) for n in (100, 1)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [LockedError, int, LockedError]
    assert [type(answer) for answer in together] == [LockedError, LockedError]
