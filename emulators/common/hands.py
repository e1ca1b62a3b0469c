"""What the vendors' own controls have in common: a hand on everything that contains a text."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.common.scripts import Scripts
from emulators.common.store import Record, Store

Find = Callable[[str], list[Record]]
Act = Callable[[Record], bool]


class Match(ControlModel):
    """Which orders or parcels are meant: those that contain the text."""

    match: str = Field(min_length=1)


class Stock(ControlModel):
    """How many units of a product lie there now."""

    sku: str
    on_hand: int = Field(ge=0)


class PerMinute(ControlModel):
    """How many calls a minute are answered."""

    per_minute: int = Field(ge=1)


def posts(endpoints: Mapping[str, Callable[[Request], Awaitable[Response]]]) -> list[BaseRoute]:
    """A POST route under /_control/ for each name."""
    return [Route(f"/_control/{path}", endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]


class Hands:
    """Finds what is meant, in one transaction with what is done to it. `find`: what contains a text, oldest first."""

    def __init__(self, store: Store, scripts: Scripts[Any], find: Find) -> None:
        self._store, self._scripts, self._find = store, scripts, find

    def each(self, done: str, match: str, act: Act) -> Response:
        """Act on each; answers under `done` the ids of those where it was so."""
        return JSONResponse({done: self.touched(match, act)})

    async def every(self, request: Request, done: str, act: Act) -> Response:
        """The same for a request that says nothing but whom it means."""
        return self.each(done, (await read_model(request, Match)).match, act)

    def told(self, script: Record, obey: Callable[[Record, Record], None]) -> Response:
        """Keep a script, which those that are there already obey too; answers 201 with it."""
        with self._store.transaction():
            kept = self._scripts.add(script)
            for found in self._find(kept["match"]):
                obey(found, kept)
        return JSONResponse(kept, 201)

    async def released(self, request: Request, release: Act, find: Find | None = None) -> Response:
        """What scripts held up goes on; answers the ids of those that something held. `find`: another way to find."""
        match = (await read_model(request, Match)).match
        with self._store.transaction():
            self._scripts.release(match)
            return JSONResponse({"released": self.touched(match, release, find)})

    def touched(self, match: str, act: Act, find: Find | None = None) -> list[Any]:
        """Act on each; the ids of those where it was so."""
        with self._store.transaction():
            return [each["id"] for each in (find or self._find)(match) if act(each)]
