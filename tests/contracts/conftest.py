"""Contracts run on the fakes and on the real adapters."""

from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "pool"]
