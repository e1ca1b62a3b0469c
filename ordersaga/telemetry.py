"""Logging, the same for every process: structlog rendered through the standard library.

Lines of other libraries (temporalio, uvicorn, asyncpg) take the same path, so that one process writes one format:
JSON for machines, colored lines for people. Tracebacks show code, never the values of variables: those hold keys,
tokens and addresses. Context bound with `structlog.contextvars` is on every line;
temporalio's own context arrives as fields (`temporal_workflow`, `temporal_activity`), not inside the message.
"""

import logging
import sys
from typing import Any

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.types import Processor

from ordersaga.settings import Settings

_QUIET = ("httpx", "httpcore", "asyncio", "stripe", "easypost", "urllib3")


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
        foreign_pre_chain=[*_shared(process_name), ExtraAdder(), _drop_color],
        processors=[ProcessorFormatter.remove_processors_meta, *_renderers(settings)],
    )


def _drop_color(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Drop uvicorn's second copy of its message, meant for terminals."""
    event.pop("color_message", None)
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
    ]


def _renderers(settings: Settings) -> list[Processor]:
    if settings.log_format == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


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
