"""At most so many calls per minute and token.

ShipBob allows 150 per minute for a user and application, answers 429 beyond with ``x-retry-after`` (seconds), and
tells ``x-remaining-calls`` on every answer (ShipBob API documentation, "Rate limits").
"""

import math
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulators.common import Answer, Clock, Store
from emulators.common.rate_limit import SlidingLimit

PER_MINUTE: Final = 150


class RateLimit(SlidingLimit):
    """ShipBob's number, and its answer to too many."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock, PER_MINUTE, 60.0)

    def take(self, token: str) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        if (left := self.count(token)) is None:
            return None
        wait = max(1, math.ceil(left))
        headers = {"x-retry-after": str(wait), "x-remaining-calls": "0"}
        return Answer.json(429, {"message": f"Rate limit exceeded. Try again in {wait} seconds."}, headers)


class TellsRemainingCalls:
    """Adds ``x-remaining-calls`` to every answer of the application inside."""

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-remaining-calls"] = str(self._limit.remaining(token))
            await send(message)

        await self._app(scope, receive, send_with_header)
