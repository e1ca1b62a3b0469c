"""A local door for webhooks, open while the checks run."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_START_SECONDS = 10.0


@dataclass(frozen=True)
class Delivery:
    """One webhook request."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """Keeps every delivery, to whatever path, and answers 204."""

    deliveries: list[Delivery] = field(default_factory=list)

    def app(self) -> Starlette:
        """The door."""
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.deliveries.append(Delivery(dict(request.headers), await request.body()))
        return Response(status_code=204)


class CannotListenError(Exception):
    """The address cannot be listened on."""


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[Listener]:
    """A listener in a thread of its own, closed at the end. Raises CannotListenError."""
    listener = Listener()
    config = uvicorn.Config(listener.app(), host=host, port=port, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=_serve, args=(server,), daemon=True)
    thread.start()
    if not _started(server, thread):
        raise CannotListenError(f"{host}:{port} cannot be listened on")
    try:
        yield listener
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)


def _serve(server: uvicorn.Server) -> None:
    """uvicorn ends the thread by SystemExit when the port is taken."""
    with contextlib.suppress(SystemExit):
        server.run()


def _started(server: uvicorn.Server, thread: threading.Thread) -> bool:
    waited = 0.0
    while not server.started and thread.is_alive() and waited < _START_SECONDS:
        thread.join(0.05)
        waited += 0.05
    return server.started
