"""A process ends with its own exit code, whatever would happen to an interpreter that is taken apart."""

import subprocess
import sys
from typing import Final

import pytest

ABORTS_WHEN_TAKEN_APART: Final = """
import atexit, os, sys

class Threads:
    def __del__(self, abort=os.abort):
        abort()

sys.modules["threads"] = Threads()
"""
"""As the SDK's threads do now and then, but each time."""


def ended(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, in an interpreter that aborts when it is taken apart."""
    words = [sys.executable, "-c", ABORTS_WHEN_TAKEN_APART + program, *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_an_interpreter_taken_apart_would_abort() -> None:
    """What the others rest on."""
    assert ended("").returncode < 0


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["--version"], 0, "ordersaga ", ""),
        (["nonsense"], 2, "", "No such command"),
        (["order", "show", "x", "--api-url", "http://127.0.0.1:1", "--api-key", "k"], 3, "", "no answer from"),
    ],
)
def test_a_command_ends_with_its_own_exit_code(words: list[str], code: int, out: str, err: str) -> None:
    """And what it said is whole."""
    command = ended("from ordersaga.cli import main; main()", *words)
    assert command.returncode == code
    assert out in command.stdout
    assert err in command.stderr
    assert "Traceback" not in command.stderr


WITHIN: Final = "from ordersaga.leaving import own_exit_code\nwith own_exit_code():\n    "


@pytest.mark.parametrize(
    ("does", "code", "err"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit('no database')", 1, "no database\n"),
        ("raise LookupError('lost')", 1, "LookupError: lost\n"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt\n"),
        ("sys.stdout = open('/dev/full', 'w'); print('x')", 120, ""),
    ],
)
def test_however_it_ends_the_code_says_so(does: str, code: int, err: str) -> None:
    """As Python's own does."""
    command = ended(WITHIN + does)
    assert command.returncode == code
    assert command.stderr.endswith(err)


def test_what_was_registered_for_the_end_is_done() -> None:
    """The last spans are sent by such a call."""
    assert ended(WITHIN + "atexit.register(print, 'spans sent')").stdout == "spans sent\n"
