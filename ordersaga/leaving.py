"""How a process ends that talked to Temporal: with an exit code of its own, its interpreter not taken apart.

Temporal's SDK keeps threads that may still have an answer to hand over. One that does so while the interpreter is being
taken apart aborts the process (temporalio/sdk-python issue 300): a command that did its work, or told why it could not,
would end by SIGABRT with a dump on stderr.
"""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

UNWRITTEN: Final = 120
"""Python's own exit code where the output could not be written to its end: nobody reads it any more, say."""
INTERRUPTED: Final = 130


@contextmanager
def own_exit_code() -> Iterator[None]:
    """Around all that a process does. What is registered with `atexit` from here on runs; then the process is gone."""
    code = 1

    def end() -> None:
        os._exit(_flushed(code))

    atexit.register(end)  # the first to be registered is the last to run
    try:
        yield
        code = 0
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        raise


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return UNWRITTEN
    return code
