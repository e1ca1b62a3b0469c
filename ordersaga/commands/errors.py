"""How a command fails: one line that names the remedy, and an exit code."""

from typing import Final

FAILED: Final = 1
USAGE: Final = 2
PART_FAILED: Final = 3


class CommandError(Exception):
    """Ends the command. The message is shown to the person as it is."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        self.exit_code = exit_code
        super().__init__(message)
