"""What can go wrong with the embedded stack. Each message is one line and names the remedy; a log's end is beside it.

StackError
├── PartFailedError    a part stopped or hung before it was ready
├── PortTakenError     another program listens on a port a part needs
├── FolderInUseError   another supervisor holds the state folder
├── UnknownPartError   a name given to --only or --without is no part
├── OptionsError       a choice about the stack cannot be used
└── IncompleteSettingsError   a credential of a company that is not emulated is missing
"""

from pathlib import Path


class StackError(Exception):
    """The embedded stack cannot do what was asked; the message is for a person."""


class PartFailedError(StackError):
    """A part stopped, or did not answer, before it was ready."""

    def __init__(self, part: str, reason: str, log: Path | None = None, said: tuple[str, ...] = ()) -> None:
        """`said`: the last lines of its log."""
        self.part = part
        self.log = log
        self.said = said
        super().__init__(f"{part} {reason}" + (f"; read {log}" if log else ""))


class PortTakenError(StackError):
    """A port is in use by another program."""

    def __init__(self, part: str, port: int, option: str, setting: str) -> None:
        self.part = part
        self.port = port
        super().__init__(
            f"port {port} for {part} is taken: free it, or choose another with {option} or {setting}, "
            "or let --free-ports choose"
        )


class FolderInUseError(StackError):
    """Two supervisors on one state folder would fight over the same databases."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"{folder} is in use by {owner}: stop that one, or choose another folder with --data")


class IncompleteSettingsError(StackError):
    """A worker or an API of this stack would refuse to start."""


class OptionsError(StackError):
    """A choice about the stack, of the command line or the environment, cannot be used."""


class UnknownPartError(StackError):
    """A name that is no part of the stack."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no part is called {name!r}; the parts are {', '.join(known)}")
