"""Waiting for what comes about, generously."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], true: Callable[[T], bool], seconds: float = 60) -> T:
    """What `look` sees, once it is as wanted; TimeoutError otherwise."""
    async with asyncio.timeout(seconds):
        while not true(seen := await look()):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
    return seen
