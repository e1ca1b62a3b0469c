"""The outside companies' control API: what shall go wrong there, and what they say happened."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self, TypeVar

import httpx

from ordersaga.http_client import ApiError, ApiUnreachableError

PATIENCE: Final = 60.0
PAUSE: Final = 0.4
_TRY_LATER: Final = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")


class DemoError(Exception):
    """The demo cannot go on; the message is for a person."""


class Company:
    """One outside company, as its own staff see it."""

    def __init__(self, name: str, url: str, slowness: float = 1.0) -> None:
        """`slowness`: how many times longer than usual an answer, or the company's return, may take."""
        self.name = name
        self._patience = PATIENCE * slowness
        self._http = httpx.AsyncClient(base_url=f"{url}/_control/", timeout=20 * slowness, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def tell(self, control: str, **body: Any) -> Any:
        """POST to a control; a control that finds nothing (404, 409) answers None."""
        answer = await patiently(lambda: self._http.post(control, json=body), self._patience)
        if answer.status_code in (404, 409):
            return None
        return self._read(answer)

    async def records(self, match: str | None = None, kind: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """What the company has written down, by kind; `match` is any text in a record."""
        query = {name: value for name, value in {"match": match, "kind": kind}.items() if value}
        found: dict[str, list[dict[str, Any]]] = self._read(
            await patiently(lambda: self._http.get("records", params=query), self._patience)
        )
        return found

    async def requests(self, match: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """What it was asked and when (`at`) that was done, oldest first; `path` is any part of one."""
        query = {name: value for name, value in {"match": match, "path": path}.items() if value}
        answer = await patiently(lambda: self._http.get("requests", params=query), self._patience)
        found: list[dict[str, Any]] = self._read(answer)
        return found

    async def faults(self) -> list[dict[str, Any]]:
        """Every fault it was told of, with how often it struck (`applied`)."""
        answer = await patiently(lambda: self._http.get("faults"), self._patience)
        found: list[dict[str, Any]] = self._read(answer)["faults"]
        return found

    def _read(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            raise DemoError(f"{self.name} refused {answer.request.url.path}: {answer.text[:300]}")
        return answer.json()


async def patiently(call: Callable[[], Awaitable[T]], patience: float = PATIENCE) -> T:
    """Repeat a harmless call while the other side is down, as it is while a part is killed or the stack restarts."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await call()
        except (ApiUnreachableError, httpx.TransportError, ApiError) as error:
            final = isinstance(error, ApiError) and error.status not in _TRY_LATER
            if final:
                raise
            if asyncio.get_running_loop().time() > deadline:
                raise DemoError(f"no answer within {patience:g} s: {error or type(error).__name__}") from error
        await asyncio.sleep(PAUSE)
