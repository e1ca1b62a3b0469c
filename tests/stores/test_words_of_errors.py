"""PostgreSQL quotes rows and values in what it says: none of it reaches a log."""

import logging
from collections.abc import Iterator
from typing import Literal

import asyncpg
import pytest
import structlog

from ordersaga.domain.errors import OperatorError
from ordersaga.settings import Settings
from ordersaga.stores.pools import Pool, connection
from ordersaga.telemetry import configure_logging

PLANTED = " ".join(("Jane", "Planted"))
REFUSED = (
    ("SELECT $1::text::int", asyncpg.InvalidTextRepresentationError),
    ("SELECT $1::int", asyncpg.DataError),
    ("INSERT INTO sellers SELECT $1, NULL", asyncpg.NotNullViolationError),
)


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The logging of the test run is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(("statement", "kind"), REFUSED)
@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_what_the_database_quotes_is_not_logged(
    pool: Pool,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    kind: type[Exception],
    log_format: Literal["console", "json"],
) -> None:
    """Neither by whoever meets the driver's error, nor by whoever meets ours: the kind of error and its place are."""
    configure_logging(Settings(log_format=log_format), "relay")
    async with pool.acquire() as raw:
        with pytest.raises(kind) as met:
            await raw.fetch(statement, PLANTED)
    assert PLANTED in str(met.value)
    structlog.get_logger("test").error("broke", exc_info=met.value)
    with pytest.raises(OperatorError) as ours:
        async with connection(pool) as work:
            await work.fetch(statement, PLANTED)
    structlog.get_logger("test").error("broke", exc_info=ours.value, error=str(ours.value))
    shown = capsys.readouterr().err
    assert "Planted" not in shown
    assert shown.count(kind.__name__) >= 2
    assert shown.count("in test_what_the_database_quotes_is_not_logged") >= 2
    assert ours.value.code in shown
