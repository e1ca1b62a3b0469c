"""One of something that takes long to start, for all fixtures of a test process that ask for it at a time."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Starts with the first user and ends with the last: a fixture that many folders import is one for each of them."""

    def __init__(self, start: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._start = start
        self._users = 0
        self._running = AsyncExitStack()
        self._what: T

    @asynccontextmanager
    async def use(self) -> AsyncIterator[T]:
        """What all share, running."""
        if self._users == 0:
            self._what = await self._running.enter_async_context(self._start())
        self._users += 1
        try:
            yield self._what
        finally:
            self._users -= 1
            if self._users == 0:
                await self._running.aclose()
