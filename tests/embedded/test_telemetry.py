"""Logging: one format for our lines and for those of libraries."""

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from pydantic import SecretStr

from ordersaga.domain.errors import OperatorError
from ordersaga.settings import Settings
from ordersaga.telemetry import configure_logging


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The logging of the test run is put back; a server that ran in it before may have silenced uvicorn's."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_our_lines_and_those_of_libraries_are_json_with_context(capsys: pytest.CaptureFixture[str]) -> None:
    """temporalio's extra fields and bound context arrive as fields."""
    configure_logging(Settings(log_format="json"), "worker")
    with structlog.contextvars.bound_contextvars(order_id="ord_1"):
        structlog.get_logger("ordersaga.test").info("label_bought", cost=5)
        logging.getLogger("temporalio.workflow").warning("slow %s", "task", extra={"temporal_workflow": {"id": "o-1"}})
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["cost"], ours["order_id"], ours["process"]) == ("label_bought", 5, "ord_1", "worker")
    assert (theirs["event"], theirs["level"], theirs["order_id"]) == ("slow task", "warning", "ord_1")
    assert theirs["temporal_workflow"] == {"id": "o-1"}


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """One event, one line."""
    configure_logging(Settings(log_format="json"), "api")
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed", extra={"color_message": "failed, in color"})
    (line,) = capsys.readouterr().err.splitlines()
    assert "in test_an_exception_is_part_of_its_line" in json.loads(line)["exception"]
    assert json.loads(line)["exception"].endswith("\nValueError")
    assert "color_message" not in json.loads(line)


def test_secrets_and_noise_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Settings print without secrets; client libraries speak only of trouble; the level is respected."""
    settings = Settings(log_format="console", log_level="WARNING", stripe_api_key=SecretStr("sk_live_1"))
    settings.database_url = SecretStr("postgresql://u:pass1@db/o")
    configure_logging(settings, "api")
    for library in ("httpx", "stripe", "easypost", "urllib3"):
        logging.getLogger(library).info("HTTP Request")
        assert logging.getLogger(library).getEffectiveLevel() == logging.WARNING
    structlog.get_logger("ordersaga").info("too quiet")
    structlog.get_logger("ordersaga").warning("settings", settings=settings)
    shown = capsys.readouterr().err
    assert "HTTP Request" not in shown
    assert "too quiet" not in shown
    assert "settings" in shown
    assert not [secret for secret in ("sk_live_1", "pass1") if secret in shown]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_values(
    capsys: pytest.CaptureFixture[str], log_format: Literal["console", "json"]
) -> None:
    """A secret in a variable of the code that failed is not printed, nor in its words, in either format."""
    configure_logging(Settings(log_format=log_format), "api")
    try:
        _fail_with("-".join(("never", "to", "be", "seen")))
    except ExceptionGroup:
        structlog.get_logger("ordersaga").exception("failed")
        logging.getLogger("uvicorn.error").exception("failed")
    shown = capsys.readouterr().err
    assert shown.count("in _fail_with") == 4, "of the cause, too"
    assert shown.count("direct cause") == 2
    assert shown.count("a_code: words of ours") == 2
    assert "never-to-be-seen" not in shown


def _fail_with(authorization: str) -> None:
    words = OperatorError("a_code", " ".join(("words", "of", "ours")))
    try:
        raise KeyError(authorization)
    except KeyError as error:
        raise ExceptionGroup(authorization, [words, ValueError(authorization)]) from error


def test_a_task_whose_error_nobody_took_is_told_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    """asyncio puts the error, as Python shows it, into its own line."""
    configure_logging(Settings(log_format="json"), "api")
    told = "Task exception was never retrieved\nfuture: <Task finished exception=ValueError('never-to-be-seen')>"
    logging.getLogger("asyncio").error(told)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "Task exception was never retrieved"
