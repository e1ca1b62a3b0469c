"""Lanes on a real Temporal server, a real PostgreSQL, and real connections to a company that limits its callers."""
