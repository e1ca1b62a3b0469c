"""A state folder for each test, and stacks on it that leave nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersaga.embedded.stack import forget
from tests.embedded.recording import RecordingReporter


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A state folder, and whatever belongs to it elsewhere, deleted afterwards."""
    folder = tmp_path / "state"
    yield folder
    forget(folder)


@pytest.fixture
def report() -> RecordingReporter:
    """A reporter that remembers."""
    return RecordingReporter()
