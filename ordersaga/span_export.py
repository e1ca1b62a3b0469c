"""What of a span leaves the process, and to whom: attributes that are listed here, and nothing else."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status

from ordersaga.domain.identifiers import owner_of_workflow

KEPT: Final = frozenset(
    {
        *("order_id", "lane", "attempt", "error.type"),
        *("http.request.method", "http.route", "http.response.status_code"),
        *("temporalWorkflowID", "temporalRunID", "temporalActivityID"),
    }
)
"""Every attribute a span may have. An order's id is the shop's own name of it; texts that people wrote are none."""
EXPORT_SECONDS: Final = 5


def provider_to(endpoint: str, process: str, share: float) -> TracerProvider:
    """Makes spans, and sends them to a collector in batches, from a thread; see `ordersaga.tracing.begin`."""
    named = {"service.name": f"ordersaga-{process}", "service.version": version("ordersaga")}
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)), resource=Resource(named))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(Scrubbed(exporter)))
    return provider


class Scrubbed(SpanExporter):
    """Hands spans on with the attributes of `KEPT` only, of exceptions their class only."""

    def __init__(self, behind: SpanExporter) -> None:
        self._behind = behind

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export what may be told."""
        return self._behind.export([_scrubbed(each) for each in spans])

    def shutdown(self) -> None:
        """Send what is left."""
        self._behind.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send now."""
        return self._behind.force_flush(timeout_millis)


def _scrubbed(told: ReadableSpan) -> ReadableSpan:
    attributes = {name: value for name, value in (told.attributes or {}).items() if name in KEPT}
    owner = owner_of_workflow(str(attributes.get("temporalWorkflowID", "")))
    if owner:
        attributes.setdefault("order_id", owner)
    classes = [_class_of(event) for event in told.events if "exception.type" in (event.attributes or {})]
    return ReadableSpan(
        name=told.name,
        context=told.context,
        parent=told.parent,
        resource=told.resource,
        attributes={**attributes, **({"error.type": classes[-1]} if classes else {})},
        links=told.links,
        kind=told.kind,
        status=Status(told.status.status_code),
        start_time=told.start_time,
        end_time=told.end_time,
        instrumentation_scope=told.instrumentation_scope,
    )


def _class_of(event: Event) -> str:
    return str((event.attributes or {})["exception.type"])
