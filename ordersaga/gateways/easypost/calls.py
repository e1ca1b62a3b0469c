"""Calls through EasyPost's SDK, which is synchronous: each runs in a thread, behind the lane's gate."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from ordersaga.gateways.easypost.errors import translated
from ordersaga.ports import LaneGate

Result = TypeVar("Result")
Json = dict[str, Any]


class Calls:
    """Runs the SDK beside the event loop. `gate`: everything passes it."""

    def __init__(self, gate: LaneGate) -> None:
        self._gate = gate

    async def in_thread(self, call: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """The call's result; what the SDK raises is translated there."""

        def run() -> Result:
            with translated():
                return call(*arguments, **named)

        async with self._gate.passing():
            return await asyncio.to_thread(run)


def json_of(found: Any) -> Json:
    """The SDK's object as plain JSON."""
    plain: Json = found.to_dict()
    return plain
