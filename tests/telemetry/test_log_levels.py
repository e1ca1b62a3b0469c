"""Levels of single loggers, changed while a process runs."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from ordersaga import log_levels
from ordersaga.log_levels import LevelFile, set_levels

NAME = "ordersaga.tested.levels"


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)
    logging.getLogger(NAME).setLevel(logging.NOTSET)


def test_a_file_changes_levels_and_gives_them_back(tmp_path: Path) -> None:
    """Named loggers, the root under no name; who is named no more, or whose file is gone, is as before."""
    file = tmp_path / "levels"
    followed = LevelFile(file)
    logging.getLogger(NAME).setLevel(logging.ERROR)
    root = logging.getLogger().level
    file.write_text(f"# while we look for it\n{NAME} = DEBUG\n=ERROR\n")
    assert followed.look()
    assert not followed.look()
    assert (logging.getLogger(NAME).level, logging.getLogger().level) == (logging.DEBUG, logging.ERROR)
    file.write_text(f"{NAME}=INFO\nnonsense\nother=LOUD\n")
    assert followed.look()
    assert (logging.getLogger(NAME).level, logging.getLogger().level) == (logging.INFO, root)
    file.unlink()
    assert followed.look()
    assert logging.getLogger(NAME).level == logging.ERROR


def test_a_running_process_follows_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is restarted, and nobody is signaled."""
    monkeypatch.setattr(log_levels, "EVERY", 0.01)
    file, stop = tmp_path / "levels", threading.Event()
    followed = threading.Thread(target=LevelFile(file).watch, args=(stop,))
    followed.start()
    try:
        file.write_text(f"{NAME}=DEBUG")
        deadline = monotonic() + 30
        while logging.getLogger(NAME).level != logging.DEBUG:
            assert monotonic() < deadline
            sleep(0.01)
    finally:
        stop.set()
        followed.join()


def test_settings_name_levels_too(tmp_path: Path) -> None:
    """Those of the file go before them."""
    file = tmp_path / "levels"
    file.write_text(f"{NAME}=ERROR")
    set_levels({NAME: "DEBUG"}, None)
    assert logging.getLogger(NAME).level == logging.DEBUG
    set_levels({NAME: "DEBUG"}, file)
    assert logging.getLogger(NAME).level == logging.ERROR
