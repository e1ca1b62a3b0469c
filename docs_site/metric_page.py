"""The metrics' page, from the collectors that answer a scrape."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from docs_site.markdown import code, joined, table
from ordersaga import meters
from ordersaga.api.lane_metrics import LaneReadings
from ordersaga.api.metrics import Readings, Reconciled
from ordersaga.api.overload import Refusals
from ordersaga.api.pressure_gauges import BacklogGauges, PressureGauges
from ordersaga.api.standing_gauges import Standing, StandingGauges
from ordersaga.api.stop_metrics import StopReadings
from ordersaga.domain.standing import Undelivered
from ordersaga.domain.starting import Backlog, Window
from ordersaga.pressure import Pressure

_INTRODUCTION: Final = """# Metrics

In Prometheus' text format. Nothing in them names an order or a person, and a seller only where
`ORDERSAGA_METRICS_SELLERS` says so. [Observability](../observability.md) says where each process serves them, and what
is made of them; [support](../support.md#metrics), who may read them.
"""
_OF_API: Final = """## Of the API

`GET /metrics`. Gauges are read from PostgreSQL when they are asked for, at most every five seconds, and are the same
from every API process: take one of them (`max`), not their sum. Counters are of one process and begin at zero with it.
"""
_OF_ALL: Final = """## Of every process

At the end of the API's, and of a worker by itself on `ORDERSAGA_METRICS_ADDRESS`. All begin at zero with the process.
Beside them stand `process_cpu_seconds_total`, `process_resident_memory_bytes` and the other usual `process_` metrics.
"""
_HEAD: Final = ("metric", "kind", "labels", "meaning")


class UntoldCollectorError(Exception):
    """A collector of the API that the page does not know."""


def metric_page() -> str:
    """The page. Raises UntoldCollectorError when the API has a collector that this module does not ask."""
    return joined(_INTRODUCTION, metric_tables())


def metric_tables() -> str:
    """What the page lists, as `docs/observability.md` has it too. Raises UntoldCollectorError."""
    asked = collectors()
    missing = {kind.__name__ for kind in _ours()} - {type(each).__name__ for each in asked}
    if missing:
        raise UntoldCollectorError(f"ask {', '.join(sorted(missing))} too, in docs_site/metric_page.py")
    families = sorted((family for each in asked for family in each.collect()), key=lambda family: family.name)
    read = ((code(_sampled(family)), family.type, _labels(family), family.documentation) for family in families)
    counted = (
        (code(_sampled(family)), family.type, _labels(meter), family.documentation) for meter, family in _meters()
    )
    return joined(_OF_API, table(_HEAD, read), _OF_ALL, table(_HEAD, counted))


def metric_names() -> set[str]:
    """The name of every sample that a process of ours may tell, but for those of the usual `process_` metrics."""
    read = [family for each in collectors() for family in each.collect()]
    families = [*read, *(family for _, family in _meters())]
    histograms = {family.name for family in families if family.type == "histogram"}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    return parts | {_sampled(family) for family in families if family.name not in histograms}


def metric_labels() -> dict[str, set[str]]:
    """The labels of every such sample, by its name; those of a histogram's buckets have `le` besides."""
    read = [(family, family) for each in collectors() for family in each.collect()]
    found: dict[str, set[str]] = {}
    for family, told_by in [*read, *((family, meter) for meter, family in _meters())]:
        labels = set(getattr(told_by, "_labelnames", ()))
        parts = {"_bucket": labels | {"le"}, "_sum": labels, "_count": labels}
        names = {f"{family.name}{part}": has for part, has in parts.items()}
        found |= names if family.type == "histogram" else {_sampled(family): labels}
    return found


def collectors() -> list[Collector]:
    """One of each kind, of a deployment in which nothing has happened."""
    return [
        Readings({}, {}, [], datetime.now(UTC), Reconciled({}, datetime.now(UTC))),
        LaneReadings([]),
        Refusals(),
        PressureGauges(Pressure(Window(most=1, target=timedelta(seconds=1)))),
        BacklogGauges(Backlog()),
        StandingGauges(Standing([], [], Undelivered(), []), datetime.now(UTC), sellers=1),
        StopReadings(0, {}),
    ]


def _meters() -> list[tuple[MetricWrapperBase, Metric]]:
    """What every process counts, by name."""
    kept = [meter for meter in vars(meters).values() if isinstance(meter, MetricWrapperBase)]
    return sorted(((meter, family) for meter in kept for family in meter.describe()), key=lambda pair: pair[1].name)


def _ours() -> Iterable[type[Collector]]:
    return [kind for kind in Collector.__subclasses__() if kind.__module__.startswith("ordersaga.")]


def _sampled(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _labels(family: Metric | MetricWrapperBase) -> str:
    return ", ".join(map(code, getattr(family, "_labelnames", ())))
