"""Gauges of how sagas are started: what this process decides by, and what waits in PostgreSQL.

| metric | labels |
|---|---|
| `ordersaga_start_window` | none: sagas that may be under way at once, as this process sees it |
| `ordersaga_checkouts_placed_total` | `how`: `inline` (started here at once) or `left` (to the starters) |
| `ordersaga_start_seconds`, `ordersaga_confirm_seconds` | none: how long a start, an outcome, take of late |
| `ordersaga_starts_waiting` | none: accepted orders that wait for a starter |
| `ordersaga_sagas_under_way` | none: being started, or started and without an outcome |
| `ordersaga_start_oldest_age_seconds` | none: since the oldest order without a saga got its units; 0 without one |
"""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ordersaga.domain.starting import Backlog
from ordersaga.pressure import Pressure


class PressureGauges(Collector):
    """What this process decides by."""

    def __init__(self, pressure: Pressure) -> None:
        self._pressure = pressure

    def collect(self) -> Iterable[Metric]:
        """The gauges, and how many orders went which way since the process started."""
        pressure = self._pressure
        yield GaugeMetricFamily("ordersaga_start_window", "Sagas that may be under way at once.", pressure.window.size)
        help_text = "Orders accepted by this process, by who starts their saga."
        placed = CounterMetricFamily("ordersaga_checkouts_placed", help_text, labels=("how",))
        placed.add_metric(("inline",), pressure.inline_total)
        placed.add_metric(("left",), pressure.left_total)
        yield placed
        yield GaugeMetricFamily("ordersaga_start_seconds", "How long a start takes of late.", pressure.start_seconds)
        help_text = "How long a saga takes to its outcome of late."
        yield GaugeMetricFamily("ordersaga_confirm_seconds", help_text, pressure.confirm_seconds)


class BacklogGauges(Collector):
    """One look at the orders on their way to an outcome."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        backlog = self._backlog
        yield GaugeMetricFamily("ordersaga_starts_waiting", "Accepted orders that wait for a starter.", backlog.waiting)
        yield GaugeMetricFamily("ordersaga_sagas_under_way", "Sagas without an outcome so far.", backlog.under_way)
        help_text = "Since the oldest order without a saga got its units."
        yield GaugeMetricFamily("ordersaga_start_oldest_age_seconds", help_text, backlog.oldest.total_seconds())
