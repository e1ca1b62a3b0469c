"""The gate before every call: closed for everybody by one 429, open again by itself."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.errors import RateLimitedError, RetryError
from ordersaga.domain.lanes import LONGEST_PAUSE, LanePause
from ordersaga.gateways.lane_gate import FRESH, LaneGates


class Board:
    """What every process reads; `away`: the database does not answer."""

    def __init__(self) -> None:
        self.now, self.reads, self.away = 1000.0, 0, False
        self.until: dict[str, tuple[float, str]] = {}

    def clock(self) -> float:
        """Seconds."""
        return self.now

    async def pauses(self) -> Sequence[LanePause]:
        """In force."""
        self.reads += 1
        if self.away:
            raise RetryError("database_lost", "away")
        left = {lane: (until - self.now, why) for lane, (until, why) in self.until.items() if until > self.now}
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        return [
            LanePause(
                lane=lane,
                paused_at=moment,
                paused_until=moment,
                reason=why,
                by="company",
                remaining=timedelta(seconds=seconds),
            )
            for lane, (seconds, why) in left.items()
        ]

    async def pause(self, lane: str, wait: timedelta, reason: str, by: str) -> bool:
        """The longer one holds."""
        if self.away:
            raise RetryError("database_lost", "away")
        until = self.now + wait.total_seconds()
        if self.until.get(lane, (0.0, ""))[0] >= until:
            return False
        self.until[lane] = (until, reason)
        return True

    async def resume(self, lane: str, reason: str, by: str) -> bool:
        """Now."""
        return self.until.pop(lane, None) is not None


async def call(gates: LaneGates, lane: str = "carriers", wait: float | None = None) -> None:
    """A call; `wait`: refused with a 429 that says so many seconds, 0 for one that says nothing."""
    async with gates.of(lane).passing():
        if wait is not None:
            raise RateLimitedError("limited", "limits us", retry_after=timedelta(seconds=wait) if wait else None)


async def test_one_429_closes_the_lane_for_every_process_until_then() -> None:
    """Not the other lanes, and not for longer; whoever is refused hears when to come again."""
    board = Board()
    first, second = LaneGates(board, board.clock), LaneGates(board, board.clock)
    await call(second)
    with pytest.raises(RateLimitedError):
        await call(first, wait=30)
    with pytest.raises(RetryError, match="lane_paused") as here:
        await call(first)
    board.now += FRESH
    with pytest.raises(RetryError, match="lane_paused") as there:
        await call(second)
    assert (here.value.retry_after, there.value.retry_after) == (timedelta(seconds=30), timedelta(seconds=29))
    assert not here.value.unknown
    await call(second, "payments")
    board.now += 29.5
    await asyncio.gather(call(first), call(second))


@pytest.mark.parametrize(("asked", "kept"), [(0, 5), (86_400, LONGEST_PAUSE.total_seconds())])
async def test_a_pause_is_bounded_and_never_nothing(asked: float, kept: float) -> None:
    """A 429 without a time pauses a little; a day in a header is cut, and the reason says so."""
    board = Board()
    with pytest.raises(RateLimitedError):
        await call(LaneGates(board, board.clock), wait=asked)
    until, why = board.until["carriers"]
    assert until - board.now == kept
    assert ("1 day" in why) == (asked == 86_400)


async def test_many_calls_cost_one_reading() -> None:
    """However many ask together, the board is read once, and not again while that is fresh."""
    board = Board()
    gates = LaneGates(board, board.clock)
    await asyncio.gather(*(call(gates) for _ in range(50)))
    assert board.reads == 1


async def test_a_reading_from_before_does_not_open_what_was_closed_meanwhile() -> None:
    """It was under way when the company said 429."""
    board = Board()
    gates, read, go_on = LaneGates(board, board.clock), board.pauses, asyncio.Event()

    async def slowly() -> Sequence[LanePause]:
        told = await read()
        await go_on.wait()
        return told

    board.pauses = slowly  # type: ignore[method-assign]
    reading = asyncio.create_task(gates.refresh())
    await asyncio.sleep(0)
    board.now += 0.1
    await gates.close("carriers", RateLimitedError("limited", "limits us", retry_after=timedelta(seconds=30)))
    go_on.set()
    await reading
    with pytest.raises(RetryError, match="lane_paused"):
        await call(gates)


async def test_a_database_that_is_away_closes_nothing_and_forgets_nothing() -> None:
    """What a process met itself holds there; a call is not refused because nobody can be asked."""
    board = Board()
    gates = LaneGates(board, board.clock)
    board.away = True
    await call(gates)
    with pytest.raises(RateLimitedError):
        await call(gates, wait=30)
    with pytest.raises(RetryError, match="lane_paused"):
        await call(gates)


async def test_the_last_second_is_waited_for() -> None:
    """A call that would be back in a moment is not sent away."""
    board = Board()
    gates = LaneGates(board, board.clock)
    await board.pause("carriers", timedelta(seconds=0.2), "limits us", "company")
    waiting = asyncio.create_task(call(gates))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    board.now += 0.3
    await waiting
