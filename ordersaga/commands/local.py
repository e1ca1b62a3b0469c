"""What is on this machine, as commands look for it: the stack that runs here, and URLs as they are typed."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.embedded import RunningStack, StackError, running_stack

_SCHEMES: Final = ("http", "https")


def local_stack(data: Path | None = None) -> RunningStack | None:
    """The stack that runs in a folder, or where `ordersaga up` would start one; None if none does.

    CommandError when the environment's choices about it cannot be used, or its folder is another user's.
    """
    try:
        return running_stack(data)
    except StackError as error:
        raise CommandError(str(error), USAGE) from None


def adopt_stack() -> RunningStack | None:
    """The same; what the environment does not say is from now on as that stack has it."""
    stack = local_stack()
    for name, value in (stack.environment if stack else {}).items():
        os.environ.setdefault(name, value)
    return stack


def fits_header(text: str) -> bool:
    """Whether it can be sent in a header of HTTP."""
    return text.isascii() and (not text or text.isprintable())


def checked_url(name: str, url: str) -> str:
    """The URL without a slash at its end. CommandError says what is wrong with `name`."""
    try:
        read = httpx.URL(url)
        urlsplit(url).port  # noqa: B018 - a port that is none is told by the reading of it
    except (httpx.InvalidURL, ValueError) as error:
        raise CommandError(f"{name}: {url!r} is no URL ({error}); write https://orders.example", USAGE) from None
    if read.scheme not in _SCHEMES or not read.host:
        raise CommandError(f"{name}: {url!r} is no URL of a server; write https://orders.example", USAGE)
    return url.rstrip("/")
