"""Calls through EasyPost's SDK, which is synchronous: each runs in a thread."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from ordersaga.gateways.easypost_errors import translated

Result = TypeVar("Result")
Json = dict[str, Any]


async def in_thread(call: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Run the SDK beside the event loop; what it raises is translated there."""

    def run() -> Result:
        with translated():
            return call(*arguments, **named)

    return await asyncio.to_thread(run)


def json_of(found: Any) -> Json:
    """The SDK's object as plain JSON."""
    plain: Json = found.to_dict()
    return plain
