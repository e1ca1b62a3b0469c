"""The embedded stack: every part of ordersaga on one machine, with no container engine.

`Stack` is the door: it starts PostgreSQL, Temporal, the emulated companies, a worker and the API as child
processes, watches them, restarts what dies and stops them in reverse order.
"""

from ordersaga.embedded.discovery import RunningStack, running_stack
from ordersaga.embedded.errors import (
    FolderInUseError,
    OptionsError,
    PartFailedError,
    PortTakenError,
    StackError,
    UnknownPartError,
)
from ordersaga.embedded.options import PORT_NAMES, StackOptions, read_options
from ordersaga.embedded.stack import Stack

__all__ = [
    "PORT_NAMES",
    "FolderInUseError",
    "OptionsError",
    "PartFailedError",
    "PortTakenError",
    "RunningStack",
    "Stack",
    "StackError",
    "StackOptions",
    "UnknownPartError",
    "read_options",
    "running_stack",
]
