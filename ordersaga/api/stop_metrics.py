"""Gauges of stops: how many keep orders out, and what became of the orders."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class StopReadings(Collector):
    """One look at the stops that stand: how many, and their orders by answer."""

    def __init__(self, standing: int, orders: Mapping[str, int]) -> None:
        self._standing, self._orders = standing, orders

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges; an answer that nobody got has none."""
        yield GaugeMetricFamily("ordersaga_stops_standing", "Stops that keep orders out, or will.", self._standing)
        orders = GaugeMetricFamily(
            "ordersaga_stop_orders", "Orders treated by stops that have not ended.", labels=("answer",)
        )
        for answer, count in sorted(self._orders.items()):
            orders.add_metric((answer,), count)
        yield orders
