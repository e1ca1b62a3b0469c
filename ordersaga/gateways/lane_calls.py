"""What one call of a company is worth telling: how long it took, how it ended, and its span."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import structlog

from ordersaga import meters
from ordersaga.domain.errors import OrdersagaError, RateLimitedError, RetryError
from ordersaga.gateways.breakers import Passage
from ordersaga.tracing import about_order, span


class LaneCall:
    """A call that stands before the gate until it is `let_through`."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._passage = Passage("")

    def let_through(self, passage: Passage) -> Passage:
        """It is made now."""
        self._begun, self._passage = monotonic(), passage
        return passage

    def told(self, lane: str, error: BaseException | None) -> None:
        """Count it."""
        meters.LANE_CALLS.labels(lane, self._outcome(error)).inc()
        if self._begun is not None:
            meters.LANE_SECONDS.labels(lane).observe(monotonic() - self._begun)

    def _outcome(self, error: BaseException | None) -> str:
        if self._begun is None:
            return "kept_back"
        if error is None:
            return "failed" if self._passage.failure else "answered"
        if isinstance(error, RateLimitedError):
            return "limited"
        if isinstance(error, RetryError):
            return "unknown" if error.unknown else "unreachable"
        return "refused" if isinstance(error, OrdersagaError) else "failed"


@contextmanager
def watched(lane: str) -> Iterator[LaneCall]:
    """Around one call, with its wait before the gate."""
    call, failed = LaneCall(), None
    try:
        with span(f"call {lane}", lane=lane):
            if order_id := structlog.contextvars.get_contextvars().get("order_id"):
                about_order(str(order_id))
            yield call
    except BaseException as error:
        failed = error
        raise
    finally:
        call.told(lane, failed)
