"""What holds for every command: JSON, exit codes, a line on its page, completion."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from typer.main import get_command

from ordersaga.commands import build
from ordersaga.commands.remote import steps
from tests.docs.pages import ROOT
from tests.support.terminal import exit_code

WITHOUT_JSON: Final = {
    "up": "runs until it is stopped",
    "worker": "runs until it is stopped",
    "api": "runs until it is stopped",
    "codec-server": "runs until it is stopped",
    "mcp": "speaks a protocol of its own",
    "demo": "plays for people",
    "db roles": "prints SQL",
    "audit export": "JSON lines already",
    "seller export": "a file in TOML; `seller show --json`",
}
PAGE: Final = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
Speak = Callable[[dict[str, str]], str]
CODES: Final = {"0", "1", "2", "3", "130"}


def walked(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with what is typed for it."""
    below = getattr(group, "commands", None)
    if not below or (path and group.invoke_without_command):
        yield " ".join(path), group
    for name, command in (below or {}).items():
        yield from walked(command, (*path, name))


COMMANDS: Final = dict(walked(get_command(build([]))))


def test_every_command_speaks_json_or_says_why_not() -> None:
    """`--json` is where an answer is; what has none is named above."""
    with_json = {name for name, command in COMMANDS.items() if any("--json" in each.opts for each in command.params)}
    assert set(COMMANDS) - with_json == set(WITHOUT_JSON)


def test_every_command_has_its_line_on_the_page() -> None:
    """One line for each, with exit codes that there are; and no line for what there is not."""
    rows = re.findall(r"^\| `ordersaga ([a-z\- ]+?)` \| .+ \| ([0-9, ]+) \|$", PAGE, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(COMMANDS)
    for name, codes in rows:
        assert {code.strip() for code in codes.split(",")} <= CODES, name
    for name, why in WITHOUT_JSON.items():
        assert f"`{name}`" in PAGE.partition("## JSON")[2], why


def test_every_option_of_the_api_is_everywhere_the_same() -> None:
    """Whoever asks the API takes its address, a key and `--json`, by the same names."""
    for name, command in COMMANDS.items():
        options = {option for each in command.params for option in each.opts}
        assert ("--api-url" in options) == ("--api-key" in options), name


@pytest.fixture
def spoken(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Speak:
    """What the command prints for a shell, which asks by the environment."""

    def speak(environment: dict[str, str]) -> str:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["ordersaga"])
            for name, value in environment.items():
                patched.setenv(name, value)
            capsys.readouterr()
            assert exit_code([]) == 0
            return capsys.readouterr().out

    return speak


def completed(spoken: Speak, shell: str, words: str, index: int) -> str:
    """What the command offers to a shell for a line that is being typed."""
    typed = {
        "bash": {"COMP_WORDS": words, "COMP_CWORD": str(index)},
        "zsh": {"_TYPER_COMPLETE_ARGS": words},
        "fish": {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    return spoken({**typed, "_ORDERSAGA_COMPLETE": f"complete_{shell}"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(spoken: Speak, shell: str) -> None:
    """Commands, what stands below them, and options."""
    assert "attention" in completed(spoken, shell, "ordersaga att", 1)
    below = completed(spoken, shell, "ordersaga order ca", 2)
    assert "cancel" in below
    assert "carrier" in below
    assert "timeline" not in below
    assert "--idempotency-key" in completed(spoken, shell, "ordersaga order cancel --idem", 3)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_page_says_how_to_get_a_completion_script(spoken: Speak, shell: str) -> None:
    """The line of the page prints one that calls the command back, and that the shell, where it is here, can read."""
    line = f"_ORDERSAGA_COMPLETE=source_{shell} ordersaga"
    assert line in PAGE
    told = spoken({"_ORDERSAGA_COMPLETE": f"source_{shell}"})
    assert f"complete_{shell}" in told
    found = shutil.which(shell)
    if found is not None:
        checked = subprocess.run([found, "-n"], input=told, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_a_pipe_gets_no_bar(capfd: pytest.CaptureFixture[str]) -> None:
    """Bars are for terminals: nothing of them reaches a log."""
    with steps("placing", 3) as placed:
        for _ in range(3):
            placed()
    assert capfd.readouterr() == ("", "")
