"""What a process tells of itself: logs, traces and metrics, the same for every process.

Logging is structlog rendered through the standard library.

Lines of other libraries (temporalio, uvicorn, asyncpg) take the same path, so that one process writes one format:
JSON for machines, colored lines for people. Tracebacks show code, never the values of variables, nor words that may
quote them (`ordersaga.error_words`): those hold keys,
tokens and addresses. Context bound with `structlog.contextvars` is on every line;
temporalio's own context arrives as fields (`temporal_workflow`, `temporal_activity`), not inside the message. A line
inside a trace has its `trace_id` and `span_id`, one about an order its `order_id`.
"""

import logging
import sys
from typing import Any, NoReturn, TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.types import ExcInfo, Processor

from ordersaga import meters, tracing
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.identifiers import owner_of_workflow
from ordersaga.error_words import traceback_of
from ordersaga.log_levels import set_levels
from ordersaga.settings import Settings, SettingsError, environment_name

_QUIET = ("httpx", "httpcore", "asyncio", "stripe", "easypost", "urllib3", "opentelemetry")


def begin(settings: Settings, process_name: str) -> None:
    """Set up what this process tells of itself: logging, traces, and the metrics of Temporal's SDK.

    Before anything connects to Temporal. Raises SettingsError when the address of the metrics cannot be had.
    """
    configure_logging(settings, process_name)
    set_levels(settings.log_levels, settings.log_levels_file)
    tracing.begin(settings.otlp_endpoint, process_name, settings.trace_share)
    meters.tell_build(process_name, settings.worker_build)
    _tell_of_temporal(settings.temporal_metrics_address, process_name)


def not_started(error: SettingsError | OrdersagaError) -> NoReturn:
    """Say in one line why this process cannot start, and end with exit code 1."""
    code = error.code if isinstance(error, OrdersagaError) else "settings"
    structlog.get_logger(__name__).error("not_started", code=code, error=str(error))
    sys.exit(1)


def serve_meters(settings: Settings) -> None:
    """Serve this process's own metrics, where the settings say so. Raises SettingsError when the address is taken."""
    if settings.metrics_address:
        try:
            meters.serve(settings.metrics_address)
        except OSError as error:
            raise _cannot_be_had("metrics_address", error) from None


def _tell_of_temporal(address: str, process_name: str) -> None:
    """Lines of the SDK's core go where all lines go; its metrics to `address`, if that is not empty."""
    from temporalio import runtime

    lines = runtime.LogForwardingConfig(logging.getLogger("temporalio.core"), append_target_to_name=False)
    filtered = runtime.TelemetryFilter(core_level="WARN", other_level="ERROR")
    metrics = runtime.PrometheusConfig(address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True)
    telemetry = runtime.TelemetryConfig(
        logging=runtime.LoggingConfig(filtered, forwarding=lines),
        metrics=metrics if address else None,
        global_tags={"process": process_name},
    )
    try:
        started = runtime.Runtime(telemetry=telemetry)
    except (RuntimeError, ValueError) as error:
        raise _cannot_be_had("temporal_metrics_address", error) from None
    runtime.Runtime.set_default(started, error_if_already_set=False)


def _cannot_be_had(setting: str, error: Exception) -> SettingsError:
    return SettingsError(f"{environment_name(setting)}: {error}")


def configure_logging(settings: Settings, process_name: str) -> None:
    """Set up logging of this process; `process_name` (api, worker, ...) is on every line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings, process_name))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    _tame_libraries()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(process_name),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _formatter(settings: Settings, process_name: str) -> ProcessorFormatter:
    return ProcessorFormatter(
        foreign_pre_chain=[*_shared(process_name), ExtraAdder(), _drop_copies, _add_order],
        processors=[ProcessorFormatter.remove_processors_meta, *_renderers(settings)],
    )


def _drop_copies(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Drop second copies of messages: uvicorn's, meant for terminals, that of Temporal's core, an object, and what
    asyncio shows of a task, its error with all its words.
    """
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    event.pop("color_message", None)
    event.pop("temporal_log", None)
    return event


def _add_order(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Lines of workflow code tell their workflow only: an order's, or one of its returns."""
    told = event.get("temporal_workflow") or event.get("temporal_activity")
    workflow = str(told.get("workflow_id", "")) if isinstance(told, dict) else ""
    if order_id := owner_of_workflow(workflow):
        event.setdefault("order_id", order_id)
    return event


def _add_trace(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    for name, value in tracing.ids().items():
        event.setdefault(name, value)
    return event


def _shared(process_name: str) -> list[Processor]:
    def add_process(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event.setdefault("process", process_name)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        add_process,
        _add_trace,
    ]


def _renderers(settings: Settings) -> list[Processor]:
    if settings.log_format == "console":
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_shown)]
    exceptions = structlog.processors.ExceptionRenderer(lambda met: traceback_of(met[1]))
    return [exceptions, structlog.processors.JSONRenderer(default=str)]


def _shown(out: TextIO, met: ExcInfo) -> None:
    out.write(f"\n{traceback_of(met[1])}")


def _tame_libraries() -> None:
    """Chatty libraries speak up only about trouble; uvicorn and temporalio use the root's handler."""
    from temporalio import activity, workflow

    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
