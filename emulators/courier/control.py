"""Controls of the reference courier: how parcels to come shall fare, and a hand on those under way."""

import contextlib
from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from emulators.common.control import read_model
from emulators.common.hands import Hands, Match, PerMinute, posts
from emulators.courier.books import Record
from emulators.courier.desk import Desk
from emulators.courier.problems import RefusedError

Stop = Literal["created", "picked_up", "in_transit", "out_for_delivery", "attempt_failed", "refused", "returning"]
Place = Literal["door", "porch", "mailbox", "locker", "reception", "garage", "neighbor", "other"]


class _Script(Match):
    stop_at: Stop | None = None
    end: Literal["delivered", "delivered_later", "refused", "returned", "lost", "damaged"] = "delivered"
    void: Literal["voided", "refused"] = "voided"
    turn_around: Literal["accepted", "refused", "not_offered"] = Field(default="accepted", alias="return")
    left_at: Place | None = None


class _Advance(Match):
    to: str


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hands = Hands(desk.store, desk.scripts, desk.books.matching)

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {
            "scripts": self._script,
            "advance": self._advance,
            "release": self._release,
            "rate-limit": self._rate_limit,
        }
        return posts(endpoints)

    async def _script(self, request: Request) -> Response:
        script = (await read_model(request, _Script)).model_dump(by_alias=True)
        return self._hands.told(script, self._desk.parcels.obey)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)

        def advance(shipment: Record) -> bool:
            before = shipment["sequence"]
            with contextlib.suppress(RefusedError):
                self._desk.parcels.advance(shipment, wanted.to)
            return bool(shipment["sequence"] != before)

        return self._hands.each("advanced", wanted.match, advance)

    async def _release(self, request: Request) -> Response:
        return await self._hands.released(request, self._desk.parcels.release)

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, PerMinute)
        self._desk.limit.set_limit(wanted.per_minute)
        return JSONResponse({"per_minute": wanted.per_minute})
