"""What commands that talk to the database share: which one it is, and how its refusals are told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ordersaga.commands.errors import FAILED, PART_FAILED, CommandError
from ordersaga.commands.local import local_stack
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.settings import SettingsError, read_settings


@contextmanager
def told_of_database() -> Iterator[None]:
    """Errors of the block as CommandError: exit code 3 when the database does not answer or does not let us in."""
    try:
        yield
    except (SettingsError, OrdersagaError) as error:
        if isinstance(error, SettingsError | RetryError) or error.code == "database_refused":
            raise CommandError(f"{error} (ORDERSAGA_DATABASE_URL names the database)", PART_FAILED) from error
        raise CommandError(f"{error.code}: {error.message}", FAILED) from error


def database_url() -> str:
    """What the environment names; else of the stack that runs here; else of the settings."""
    if url := os.environ.get("ORDERSAGA_DATABASE_URL"):
        return url
    stack = local_stack()
    if stack and (url := stack.environment.get("ORDERSAGA_DATABASE_URL")):
        return url
    return read_settings().database_url.get_secret_value()
