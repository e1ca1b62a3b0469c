"""Traces, for OpenTelemetry: off until `begin` was given somewhere to send them.

    with span("call payments", lane="payments"):
        ...

What leaves the process passes `ordersaga.span_export`: attributes that are listed there, and nothing else. No span has
a body, a URL, the message of an error or anything else that a shopper, a company or a caller wrote.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ordersaga.domain.errors import OrdersagaError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_PARENT: Final = TraceContextTextMapPropagator()


class _Traces:
    """Where spans of this process go."""

    tracer: Tracer = NoOpTracer()
    provider: "TracerProvider | None" = None


def begin(endpoint: str, process: str, share: float = 1.0) -> None:
    """Send the traces of this process to a collector; nothing is sent when `endpoint` is empty.

    Args:
        endpoint: its address, as `http://collector:4318`.
        process: api, worker, ...; the service is called `ordersaga-{process}`.
        share: of the traces that begin here, from 0 to 1.
    """
    if not endpoint:
        return
    from ordersaga.span_export import provider_to  # what nobody asked for is not loaded

    provider = provider_to(endpoint, process, share)
    _Traces.provider, _Traces.tracer = provider, provider.get_tracer("ordersaga")


def end() -> None:
    """Send what has not been sent, and trace no more."""
    if _Traces.provider is not None:
        _Traces.provider.shutdown()
    _Traces.provider, _Traces.tracer = None, NoOpTracer()


def are_on() -> bool:
    """Whether traces are sent anywhere."""
    return _Traces.provider is not None


def tracer() -> Tracer:
    """What makes this process's spans."""
    return _Traces.tracer


@contextmanager
def span(
    name: str, kind: SpanKind = SpanKind.CLIENT, *, parent: Context | None = None, **attributes: str
) -> Iterator[Span]:
    """A span around a block. An error that leaves the block is told by its code, or its class, never by its text."""
    whole = tracer().start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    )
    with whole as current:
        try:
            yield current
        except Exception as error:
            code = error.code if isinstance(error, OrdersagaError) else type(error).__name__
            current.set_attribute("error.type", code)
            current.set_status(Status(StatusCode.ERROR))
            raise


def about_order(order_id: str) -> None:
    """The span that is open now is about this order."""
    trace.get_current_span().set_attribute("order_id", order_id)


def asked_by(headers: Mapping[str, str]) -> Context:
    """Where a request's trace began, by its `traceparent`; an empty context where it names none.

    What callers write besides (`tracestate`) is theirs: it goes no further.
    """
    return _PARENT.extract({"traceparent": headers.get("traceparent", "")}, Context())


def ids() -> dict[str, str]:
    """`trace_id` and `span_id` of this moment, in hexadecimal; empty outside of any trace."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(here.trace_id), "span_id": trace.format_span_id(here.span_id)}
