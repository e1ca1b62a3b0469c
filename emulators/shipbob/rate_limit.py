"""At most so many calls per minute and token, counted over a sliding window of real time.

ShipBob allows 150 per minute for a user and application, answers 429 beyond with ``x-retry-after`` (seconds), and
tells ``x-remaining-calls`` on every answer (ShipBob API documentation, "Rate limits").
"""

import math
from collections import deque
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulators.common import Answer, Clock, Store

WINDOW_SECONDS: Final = 60.0
PER_MINUTE: Final = 150
_NAME: Final = "rate_limit"


class RateLimit:
    """Remembers recent calls in memory: a restart forgets them, as a new process behind a balancer would."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[str, deque[float]] = {}
        self.per_minute = int(store.value(_NAME) or PER_MINUTE)

    def set_limit(self, per_minute: int) -> None:
        """Change the limit and begin counting anew."""
        self.per_minute = per_minute
        self._store.set_value(_NAME, per_minute)
        self._calls.clear()

    def begin_anew(self) -> None:
        """Forget the calls and keep the limit, also when the store has been emptied."""
        self.set_limit(self.per_minute)

    def take(self, token: str) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        calls = self._recent(token)
        if len(calls) < self.per_minute:
            calls.append(self._clock.now())
            return None
        wait = max(1, math.ceil(calls[0] + WINDOW_SECONDS - self._clock.now()))
        headers = {"x-retry-after": str(wait), "x-remaining-calls": "0"}
        return Answer.json(429, {"message": f"Rate limit exceeded. Try again in {wait} seconds."}, headers)

    def remaining(self, token: str) -> int:
        """How many calls the token may still make now."""
        return max(0, self.per_minute - len(self._recent(token)))

    def _recent(self, token: str) -> deque[float]:
        calls, edge = self._calls.setdefault(token, deque()), self._clock.now() - WINDOW_SECONDS
        while calls and calls[0] <= edge:
            calls.popleft()
        return calls


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
