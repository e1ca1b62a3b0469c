"""The transport under Stripe's SDK, behind the lane's gate."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import stripe

from ordersaga.gateways.http_errors import rate_limited
from ordersaga.ports import LaneGate


class GatedClient(stripe.HTTPXClient):
    """Every request of the SDK passes the gate; a 429 is translated here, so that the gate hears of it."""

    def __init__(self, gate: LaneGate, timeout: timedelta) -> None:
        super().__init__(timeout=httpx.Timeout(timeout.total_seconds()))
        self._gate = gate

    async def aclose(self) -> None:
        """Close the connections."""
        await self.close_async()  # type: ignore[no-untyped-call]  # the SDK does not annotate it

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request. Raises RetryError `lane_paused` or `breaker_open`, RateLimitedError for a 429."""
        async with self._gate.passing() as passage:
            try:
                content, status, told = await super().request_async(method, url, headers, post_data)
            except stripe.APIConnectionError:
                passage.failed("no answer")
                raise
            passage.answered(status)
            if status == httpx.codes.TOO_MANY_REQUESTS:
                raise rate_limited("stripe", told.get("retry-after"))
            return content, status, told
