"""An OpenTelemetry collector for tests: takes OTLP over HTTP as protobuf, and keeps what it was told.

with collecting() as collector:
    tracing.begin(collector.url, "test")
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE = 30.0


@dataclass(frozen=True)
class Told:
    """One span, as it came over the wire; ids in hexadecimal, `parent` empty for the first of a trace."""

    name: str
    service: str
    trace: str
    span: str
    parent: str
    failed: bool
    events: int
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What was told so far. `raw`: every byte of it."""

    url: str
    spans: list[Told] = field(default_factory=list)
    raw: bytes = b""

    def named(self, name: str) -> list[Told]:
        """The spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(name)]

    def of_trace(self, trace: str) -> list[Told]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace == trace]

    def above(self, span: Told) -> list[str]:
        """The names of the spans above this one, nearest first."""
        by_id = {each.span: each for each in self.spans}
        names = []
        while span.parent in by_id:
            span = by_id[span.parent]
            names.append(span.name)
        return names

    def until(self, condition: Callable[["Collector"], object], what: str) -> None:
        """Wait until it has been told enough."""
        deadline = monotonic() + PATIENCE
        while not condition(self):
            assert monotonic() < deadline, f"{what}: never told; told were {sorted({one.name for one in self.spans})}"
            sleep(0.05)

    def take(self, body: bytes) -> None:
        """One request of an exporter."""
        asked = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for resource in asked.resource_spans:
            service = _values(resource.resource.attributes).get("service.name", "")
            self.spans += [_told(span, service) for scope in resource.scope_spans for span in scope.spans]


def _told(span: Any, service: str) -> Told:
    return Told(
        name=span.name,
        service=service,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        failed=span.status.code == 2,
        events=len(span.events),
        attributes=_values(span.attributes),
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, until the block ends."""

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the library's name
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
