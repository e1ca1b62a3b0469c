"""A company that limits its callers, or is down: real HTTP; 429 with the seconds to wait after some calls."""

import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.emulators import free_port
from tests.support.serving import served

ANSWERS: dict[str, Any] = {
    "/2026-01/order": [],
    "/v1/payment_intents/pi_1": {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "requires_capture",
        "amount": 1000,
        "amount_received": 0,
        "currency": "usd",
        "metadata": {},
        "latest_charge": None,
    },
}


@dataclass
class Company:
    """`allowance`: calls before it limits us, for `limit` seconds from then on, once. Moments are monotonic seconds.

    `down`: it answers 503.
    """

    port: int
    allowance: int
    limit: float
    header: str = "retry-after"
    limited_from: float | None = None
    down: bool = False
    calls: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def limited_until(self) -> float:
        """When it takes calls again."""
        return (self.limited_from or 0.0) + self.limit

    async def limiting(self) -> bool:
        """Whether it has begun to."""
        return self.limited_from is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            await self._answer(Request(scope).url.path)(scope, receive, send)

    def _answer(self, path: str) -> Response:
        now = time.monotonic()
        if self.down:
            self.refused.append(now)
            return Response("{}", 503, None, "application/json")
        if len(self.calls) >= self.allowance and self.limited_from is None:
            self.limited_from = now
        if self.limited_from is not None and now < self.limited_until:
            self.refused.append(now)
            wait = math.ceil(self.limited_until - now)
            return Response("{}", 429, {self.header: str(wait)}, "application/json")
        self.calls.append(now)
        return Response(json.dumps(ANSWERS[path]), 200, None, "application/json")


@asynccontextmanager
async def limiting(allowance: int, limit: float, header: str = "retry-after") -> AsyncIterator[Company]:
    """A running company."""
    company = Company(free_port(), allowance, limit, header)
    config = uvicorn.Config(company, host="127.0.0.1", port=company.port, log_level="error", lifespan="off")
    async with served(config):
        yield company
