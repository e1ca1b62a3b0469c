"""Levels of single loggers, changed while a process runs: by a file that is read again whenever it changes.

    workers.relay=DEBUG
    ordersaga.api.request_log=WARNING

An empty name is the root's. A logger that the file names no more has the level it had before. A line that says nothing
of the kind is left out, and told. Without the file, levels are those of the settings.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Final

import structlog

EVERY: Final = 2.0
"""Seconds between two looks at the file."""
_LINE: Final = re.compile(r"([\w.]*)\s*=\s*(DEBUG|INFO|WARNING|ERROR)")
log = structlog.get_logger(__name__)


class LevelFile:
    """Applies a file's levels; `look` once, or `watch` it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = ""
        self._before: dict[str, int] = {}

    def look(self) -> bool:
        """Apply what the file says now; False when it says the same as before."""
        try:
            text = self._file.read_text()
        except (OSError, UnicodeDecodeError):
            text = ""
        if text == self._read:
            return False
        self._read = text
        self._apply(_levels(text))
        return True

    def watch(self, stop: Event) -> None:
        """Look every `EVERY` seconds until `stop` is set."""
        while not stop.wait(EVERY):
            self.look()

    def _apply(self, levels: Mapping[str, str]) -> None:
        for name in self._before.keys() - levels.keys():
            logging.getLogger(name).setLevel(self._before.pop(name))
        for name, level in levels.items():
            self._before.setdefault(name, logging.getLogger(name).level)
            logging.getLogger(name).setLevel(level)
        log.warning("log_levels_changed", levels=dict(levels))


def set_levels(levels: Mapping[str, str], file: Path | None) -> None:
    """Set levels of loggers by name, and follow the file, if there is one, for as long as the process lives."""
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    if file is not None:
        followed = LevelFile(file)
        followed.look()
        Thread(target=followed.watch, args=(Event(),), name="log-levels", daemon=True).start()


def _levels(text: str) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    found = {line: _LINE.fullmatch(line) for line in said}
    if unread := [line for line, match in found.items() if match is None]:
        log.warning("log_levels_unread", lines=len(unread))
    return {match[1]: match[2] for match in found.values() if match}
