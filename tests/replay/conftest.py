"""The server that scenarios are played on."""

from tests.workflows.conftest import environment

__all__ = ["environment"]
