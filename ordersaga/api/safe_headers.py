"""Headers of every answer: it is not guessed at, framed, run, kept by anybody on its way, nor told to other sites."""

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class SafeHeaders:
    """ASGI middleware: adds what an answer does not say itself, as the console's pages do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_missing(scope, message["headers"])]
            await send(message)

        await self._app(scope, receive, add)


def _missing(scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Those not said yet. That people come by https alone is said where the deployment's address is one."""
    said = {name.lower() for name, _ in headers}
    wanted = (*_SAFE, _HTTPS_ONLY) if _by_https(scope) else _SAFE
    return [header for header in wanted if header[0] not in said]


def _by_https(scope: Scope) -> bool:
    services = getattr(scope["app"].state, "services", None) if "app" in scope else None
    return services is not None and services.settings.public_url.startswith("https://")
