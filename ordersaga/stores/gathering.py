"""Group commit: what arrives while one batch is being committed goes into the next, and nobody waits for company.

A surge on one SKU then costs one row lock and one commit for a whole batch, and a quiet hour costs no delay.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from ordersaga.domain.errors import RetryError

LARGEST_BATCH: Final = 100
# Two lanes: while one batch waits for its commit to reach the disk, the next is being written.
LANES: Final = 2

Request = TypeVar("Request")
Answer = TypeVar("Answer")
_Waiting = tuple[Request, asyncio.Future[Answer]]


class Gathering(Generic[Request, Answer]):
    """Turns single requests into batches for `commit`, which answers each request in its place."""

    def __init__(
        self,
        commit: Callable[[Sequence[Request]], Awaitable[list[Answer]]],
        *,
        largest: int = LARGEST_BATCH,
        lanes: int = LANES,
    ) -> None:
        self._commit = commit
        self._largest = largest
        self._lanes = lanes
        self._waiting: deque[_Waiting[Request, Answer]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, request: Request) -> Answer:
        """Wait for the request's own answer; raises what its commit raised.

        A caller that gives up waiting does not take its request back: it may still be committed.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if len(self._running) < self._lanes:
            task = asyncio.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
            await self._settle(batch)

    async def _settle(self, batch: Sequence[_Waiting[Request, Answer]]) -> None:
        """Commit a batch. One request that cannot be written must not take the others with it: each goes alone then."""
        try:
            answers = await self._commit([request for request, _ in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, RetryError):
                _fail(batch, error)
            else:
                for waiting in batch:
                    await self._settle([waiting])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _fail(batch: Sequence[_Waiting[Request, Answer]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
