"""Group commit: what arrives while one batch is being committed goes into the next, and nobody waits for company.

A surge on one SKU then costs one row lock and one commit for a whole batch, and a quiet hour costs no delay. Requests
may wait in lanes of their own (a seller's each): batches are drawn from the lanes in turn, so that whoever is alone in
a lane goes with the next batch, however many wait in another. A batch that meets a lock somebody else keeps is taken
apart: each of its lanes is written alone, beside the batches, so that only the lane that needs the lock waits for it.
"""

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from ordersaga import meters
from ordersaga.domain.errors import RetryError
from ordersaga.seller_scope import whole_house
from ordersaga.stores.pools import LockedError

LARGEST_BATCH: Final = 100
# While one batch waits for its commit to reach the disk, the next is being written.
AT_ONCE: Final = 2
APART_AT_ONCE: Final = 4
"""So many lanes are written alone at the same time."""
_NEWEST: Final = 0.25
"""How much the newest batch counts in what a batch is said to take."""

Request = TypeVar("Request")
Answer = TypeVar("Answer")
_Waiting = tuple[Request, asyncio.Future[Answer]]
_Commit = Callable[[Sequence[Request]], Awaitable[list[Answer]]]


class Gathering(Generic[Request, Answer]):
    """Turns single requests into batches for `commit`, which answers each request in its place.

    Args:
        commit: writes a batch and answers each of its requests.
        largest: how many requests go into one batch.
        at_once: how many batches are written at the same time.
        lane: which lane a request waits in; without it all wait in one.
        patient: writes a batch of one lane alone, after `commit` has raised LockedError; without it all hear the error.
    """

    def __init__(
        self,
        commit: _Commit[Request, Answer],
        *,
        largest: int = LARGEST_BATCH,
        at_once: int = AT_ONCE,
        lane: Callable[[Request], Hashable] | None = None,
        patient: _Commit[Request, Answer] | None = None,
    ) -> None:
        self._commit = commit
        self._patient = patient
        self._apart: set[Hashable] = set()
        self._turns = asyncio.Semaphore(APART_AT_ONCE)
        self._largest = largest
        self._at_once = at_once
        self._lane_of = lane or (lambda _: None)
        self._lanes: OrderedDict[Hashable, deque[_Waiting[Request, Answer]]] = OrderedDict()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._pace = _Pace()

    async def submit(self, request: Request) -> Answer:
        """Wait for the request's own answer; raises what its commit raised.

        A caller that gives up waiting does not take its request back: it may still be committed.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(self._lane_of(request), deque()).append((request, future))
        self._begin()
        return await future

    def expected_wait(self, lane: Hashable = None) -> float:
        """Seconds until a request that joined `lane` now would be taken up, at the pace of late; 0 when at once."""
        if self._running < self._at_once:
            return 0.0
        turn = len(self._lanes.get(lane, ())) + 1
        before = sum(min(len(waiting), turn) for name, waiting in self._lanes.items() if name != lane)
        full = math.ceil((turn + before) / self._largest) - 1
        return self._pace.rest() + full * self._pace.average / self._at_once

    def _begin(self) -> None:
        if self._running < self._at_once:
            self._running += 1
            self._spawn(self._run())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        with whole_house():  # a batch is everybody's, whoever began it
            task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        """Write batches until nothing waits. Who comes after that starts anew, also before this task is seen done."""
        try:
            while batch := self._draw():
                await self._settle(batch)
        finally:
            self._running -= 1

    def _draw(self) -> list[_Waiting[Request, Answer]]:
        """The next batch: one of each lane in turn, until it is full. Who was drawn from last is next at the end."""
        batch: list[_Waiting[Request, Answer]] = []
        while len(batch) < self._largest:
            free = next(((lane,) for lane in self._lanes if lane not in self._apart), None)
            if free is None:
                break
            (lane,) = free
            batch.append(self._draw_from(lane))
            if lane in self._lanes:
                self._lanes.move_to_end(lane)
        return batch

    def _draw_from(self, lane: Hashable) -> _Waiting[Request, Answer]:
        first = self._lanes[lane].popleft()
        if not self._lanes[lane]:
            del self._lanes[lane]
        return first

    async def _settle(self, batch: Sequence[_Waiting[Request, Answer]]) -> None:
        """Commit a batch. One lane that meets a lock must not keep the others: each is written alone then."""
        try:
            with self._pace.timed():
                await self._write(batch, self._commit)
        except LockedError as error:
            if self._patient is None:
                _fail(batch, error)
            else:
                self._take_apart(batch)

    async def _write(self, batch: Sequence[_Waiting[Request, Answer]], commit: _Commit[Request, Answer]) -> None:
        """One request that cannot be written must not take the others with it: each goes alone then."""
        try:
            answers = await commit([request for request, _ in batch])
        except LockedError:
            raise
        except Exception as error:
            if len(batch) == 1 or isinstance(error, RetryError):
                _fail(batch, error)
            else:
                for waiting in batch:
                    await self._write([waiting], commit)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _take_apart(self, batch: Sequence[_Waiting[Request, Answer]]) -> None:
        """Put what has no answer back to the head of its lanes, which are written alone, each by a task of its own."""
        meters.CONTENDED.inc()
        for waiting in reversed([waiting for waiting in batch if not waiting[1].done()]):
            lane = self._lane_of(waiting[0])
            self._lanes.setdefault(lane, deque()).appendleft(waiting)
            if lane not in self._apart:
                self._apart.add(lane)
                self._spawn(self._write_alone(lane, self._patient or self._commit))

    async def _write_alone(self, lane: Hashable, commit: _Commit[Request, Answer]) -> None:
        """Write what waits in one lane; then it goes with the others again."""
        try:
            async with self._turns:
                batch = [self._draw_from(lane) for _ in range(min(self._largest, len(self._lanes[lane])))]
                await self._write(batch, commit)
        except LockedError as error:
            _fail(batch, error)
        finally:
            self._apart.discard(lane)
            self._begin()


class _Pace:
    """How long batches take: of late (`average`, seconds), and the ones under way so far."""

    def __init__(self) -> None:
        self.average = 0.0
        self._begun: dict[object, float] = {}

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count a batch from its begin to its end, whatever the end."""
        batch, begun = object(), time.monotonic()
        self._begun[batch] = begun
        try:
            yield
        finally:
            del self._begun[batch]
            took = time.monotonic() - begun
            self.average += (took - self.average) * (_NEWEST if self.average else 1.0)

    def rest(self) -> float:
        """How long until a batch under way ends: what an average one has left, as long again for one that hangs."""
        now = time.monotonic()
        return min((abs(self.average - (now - begun)) for begun in self._begun.values()), default=0.0)


def _fail(batch: Sequence[_Waiting[Request, Answer]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
