"""The gauges of the lanes, for `GET /metrics`."""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ordersaga.api.lane_shapes import LaneView
from ordersaga.domain.breakers import BreakerState


class LaneReadings(Collector):
    """Which lanes are paused or broken, and what waits in them; what Temporal does not tell is left out."""

    def __init__(self, views: Sequence[LaneView]) -> None:
        self._views = views

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges."""
        views = self._views
        paused = {view.lane: float(view.paused is not None) for view in views}
        yield _gauge("ordersaga_lane_paused", "1 while a lane hands nothing out.", paused)
        tripped = {view.lane: _tripped(view) for view in views}
        yield _gauge("ordersaga_lane_breaker", "0 while a breaker is closed, 1 half-open, 2 open.", tripped)
        backlog = {view.lane: view.backlog for view in views}
        yield _gauge("ordersaga_lane_backlog", "Calls that wait in a lane.", backlog)
        oldest = {view.lane: view.oldest_seconds for view in views}
        yield _gauge("ordersaga_lane_oldest_age_seconds", "How long the oldest of them has waited.", oldest)


def _tripped(view: LaneView) -> float:
    state = view.breaker.state if view.breaker else BreakerState.CLOSED
    return float((BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN).index(state))


def _gauge(name: str, help_text: str, values: Mapping[str, float | None]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=("lane",))
    for lane, value in sorted(values.items()):
        if value is not None:
            family.add_metric((lane,), value)
    return family
