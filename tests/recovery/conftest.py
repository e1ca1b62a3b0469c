"""Recoveries are tested on a real PostgreSQL."""

from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "pool"]
