"""TCP ports of this machine: which are free, which are taken, and what answers there."""

import asyncio
import http.client
import random
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator

HOST = "127.0.0.1"
CHOICE = range(12_000, 32_000)
_ANSWERS_WITHIN = 10.0
"""Seconds: a machine may be slow; what does not listen is refused at once."""


def is_taken(port: int, host: str = HOST) -> bool:
    """Whether a program listens on `port`. A port that merely lingers in TIME_WAIT is not taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A different free port for each name.

    They lie below the range from which the kernel serves whoever asks for any port: between our choosing a port
    and its part's binding it, nobody gets it by accident.
    """
    candidates = (port for port in _drawn() if not is_taken(port))
    return dict(zip(names, candidates, strict=False))


def _drawn() -> Iterator[int]:
    """Every port there is to choose from, once, at random: drawn as it is asked for, since few are."""
    drawn = set[int]()
    while len(drawn) < len(CHOICE):
        port = random.choice(CHOICE)  # noqa: S311 - nobody need be kept from guessing it
        if port not in drawn:
            drawn.add(port)
            yield port


async def answers(port: int, host: str = HOST) -> bool:
    """Whether something accepts connections on `port`."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def fetch(port: int, path: str) -> bytes | None:
    """The body of a local GET that answers 200, else None. No proxies, no TLS: asked twenty times a second."""
    return await asyncio.to_thread(_fetch, port, path)


def _fetch(port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWERS_WITHIN)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers_ok(port: int, path: str) -> Callable[[int], Awaitable[bool]]:
    """A readiness question: does a local GET answer 200?"""

    async def ready(_pid: int) -> bool:
        return await fetch(port, path) is not None

    return ready
