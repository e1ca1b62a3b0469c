"""What one process counts, for Prometheus; counters begin at zero with it.

Every label has few values: lanes, steps, loops and routes are those of the deployment and the code. Nothing here names
an order, a person or a seller. A worker serves it on `metrics_address`, the API as part of `GET /metrics`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from itertools import product
from threading import Thread
from time import monotonic
from typing import Final, Protocol
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from ordersaga.domain.effects import EffectStatus

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not annotate it
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

BUILD: Final = Gauge(
    "ordersaga_build_info", "1, with what runs here.", ("process", "version", "build"), registry=REGISTRY
)
LANE_CALLS: Final = Counter(
    "ordersaga_lane_calls", "Calls of companies, by how they ended.", ("lane", "outcome"), registry=REGISTRY
)
LANE_SECONDS: Final = Histogram(
    "ordersaga_lane_call_seconds",
    "How long a company took to answer; calls that were kept back have none.",
    ("lane",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10),
    registry=REGISTRY,
)
EFFECTS: Final = Counter(
    "ordersaga_effects", "Effects settled, by what they came to.", ("step", "status"), registry=REGISTRY
)
COMPENSATIONS: Final = Counter(
    "ordersaga_compensations", "Effects that undo another, settled.", ("step", "status"), registry=REGISTRY
)
REACHED_SECONDS: Final = Histogram(
    "ordersaga_order_reached_seconds",
    "From the acceptance of an order to this point of it, or of each of its parcels; "
    "to `confirmed` from when it had its units, and not where shopper or bank had a step to take.",
    ("point",),
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 600, 3600, 14_400, 43_200, 86_400, 172_800, 432_000),
    registry=REGISTRY,
)
COMMIT_SECONDS: Final = Histogram(
    "ordersaga_hold_commit_seconds",
    "How long a batch of orders took to hold its units, waits for locks included.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
COMMIT_ORDERS: Final = Histogram(
    "ordersaga_hold_commit_orders",
    "Orders that held their units in one commit.",
    buckets=(1, 2, 5, 10, 25, 50, 100),
    registry=REGISTRY,
)
CONTENDED: Final = Counter(
    "ordersaga_hold_contended", "Batches taken apart because somebody else kept a lock.", registry=REGISTRY
)
REQUESTS: Final = Counter(
    "ordersaga_http_requests", "Requests answered by the API.", ("method", "route", "status"), registry=REGISTRY
)
REQUEST_SECONDS: Final = Histogram(
    "ordersaga_http_request_seconds",
    "How long the API took to answer.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
LOOP_STEPS: Final = Counter(
    "ordersaga_loop_steps", "Steps of the relay's loops, by how they ended.", ("loop", "outcome"), registry=REGISTRY
)
LOOP_LAST: Final = Gauge(
    "ordersaga_loop_last_success_timestamp_seconds",
    "When a loop's last step ended well, or the loop began, in seconds since 1970.",
    ("loop",),
    registry=REGISTRY,
)
LOOP_PAUSE: Final = Gauge(
    "ordersaga_loop_pause_seconds", "How long a loop with nothing to do rests.", ("loop",), registry=REGISTRY
)
CONNECTIONS: Final = Gauge(
    "ordersaga_database_connections",
    "Connections of this process to PostgreSQL: busy, idle, and how many there may be.",
    ("state",),
    registry=REGISTRY,
)
READING: Final = Gauge(
    "ordersaga_reading_seconds", "How long the API's last look at the database for its gauges took.", registry=REGISTRY
)

UNDOING: Final = frozenset(
    {
        *("void", "refund", "refund_part", "refund_return", "void_label", "void_return_label"),
        *("withdraw", "let_go", "intercept", "cancel_there"),
    }
)
"""The steps that undo another one."""
for _undoing, _came_to in product(sorted(UNDOING), (EffectStatus.DONE, EffectStatus.REFUSED, EffectStatus.UNKNOWN)):
    COMPENSATIONS.labels(_undoing, _came_to.value)  # from 0: of a series that begins with 1 no increase is seen
POINTS: Final = frozenset({"confirmed", "shipped", "delivered"})
"""Kinds of journal entries whose time since acceptance is measured."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Connections(Protocol):
    """What is asked of a pool of connections."""

    def get_size(self) -> int: ...
    def get_idle_size(self) -> int: ...
    def get_max_size(self) -> int: ...


def serve(address: str) -> tuple[WSGIServer, Thread]:
    """Serve the meters on `address` (host:port), in a thread of its own. Raises OSError when it is taken."""
    host, _, port = address.rpartition(":")
    return start_http_server(int(port), host, REGISTRY)


def tell_build(process: str, build: str) -> None:
    """Which code runs here; `build`: the worker's build, or empty."""
    BUILD.labels(process, version("ordersaga"), build).set(1)


def watch_connections(pool: Connections) -> None:
    """From now on this pool is the process's."""
    CONNECTIONS.labels("idle").set_function(pool.get_idle_size)
    CONNECTIONS.labels("busy").set_function(lambda: pool.get_size() - pool.get_idle_size())
    CONNECTIONS.labels("most").set_function(pool.get_max_size)


def effect_settled(step: str, status: str) -> None:
    """An effect has come to something; what a step is about besides its name is left out."""
    name = step.partition(":")[0]
    EFFECTS.labels(name, status).inc()
    if name in UNDOING:
        COMPENSATIONS.labels(name, status).inc()


def reached(point: str, since: datetime, at: datetime) -> None:
    """An order, or one of its parcels, got to one of `POINTS`; other points are not measured."""
    if point in POINTS:
        REACHED_SECONDS.labels(point).observe(max(0.0, (at - since).total_seconds()))


@contextmanager
def committing(orders: int) -> Iterator[None]:
    """Around the commit of a batch of so many orders."""
    begun = monotonic()
    try:
        yield
    finally:
        COMMIT_SECONDS.observe(monotonic() - begun)
        COMMIT_ORDERS.observe(orders)


def request_answered(method: str, route: str, status: int, seconds: float) -> None:
    """The API has answered; a method that nobody knows is one with all others."""
    REQUESTS.labels(method if method in _METHODS else "other", route, str(status)).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def loop_begun(loop: str, pause: float) -> None:
    """One of the relay's loops begins, which rests so many seconds when there is nothing to do."""
    LOOP_PAUSE.labels(loop).set(pause)
    LOOP_LAST.labels(loop).set_to_current_time()


def loop_stepped(loop: str, *, well: bool) -> None:
    """A step of one of the relay's loops has ended."""
    LOOP_STEPS.labels(loop, "done" if well else "failed").inc()
    if well:
        LOOP_LAST.labels(loop).set_to_current_time()
