"""TCP ports of this machine: which are free, which are taken, and what answers there."""

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack

HOST = "127.0.0.1"


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
    """A different free port for each name."""
    with ExitStack() as held:
        return {name: _bind_any(held) for name in names}


def _bind_any(held: ExitStack) -> int:
    probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    probe.bind((HOST, 0))
    return int(probe.getsockname()[1])


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
    connection = http.client.HTTPConnection(HOST, port, timeout=3)
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
