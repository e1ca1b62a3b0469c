"""The bodies of the routes of what comes in at this moment."""

from pydantic import AwareDatetime

from ordersaga.api.lane_shapes import LaneView
from ordersaga.domain.live import LATELY, SellerNow
from ordersaga.domain.values import Value


class LaneNow(Value):
    """What waits in a lane; None while Temporal does not answer. `state`: `paused`, or its breaker's."""

    lane: str
    backlog: int | None
    oldest_seconds: float | None
    state: str

    @classmethod
    def of(cls, view: LaneView) -> "LaneNow":
        """The lane as it is watched."""
        breaker = view.breaker.state.value if view.breaker else "closed"
        state = "paused" if view.paused else breaker
        return cls(lane=view.lane, backlog=view.backlog, oldest_seconds=view.oldest_seconds, state=state)


class LiveView(Value):
    """What came in during the last `seconds` before `at` (UTC), and what waits.

    `refused` counts what this process refused. `sellers`: the busiest first; `more_sellers` have no row of their own
    and are in `all`. `lanes`: None for whoever sees one seller only.
    """

    at: AwareDatetime
    seconds: int = LATELY
    all: SellerNow
    sellers: tuple[SellerNow, ...]
    more_sellers: int
    lanes: tuple[LaneNow, ...] | None
