"""Controls of the UPS emulator: how parcels to come fare, a hand on those under way, and its own limits."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from emulators.common.control import ControlModel, read_model
from emulators.common.hands import Hands, Match, PerMinute, posts
from emulators.ups.books import Record
from emulators.ups.desk import Desk
from emulators.ups.routes import TRACKING_DELAY

Stop = Literal["label", "in_transit", "out_for_delivery"]
End = Literal["delivered", "returned", "lost", "exception"]


class _Script(Match):
    stop_at: Stop | None = None
    end: End = "delivered"
    void: Literal["voided", "expired", "refused"] = "voided"
    intercept: Literal["turned", "refused", "missed"] = "turned"


class _Advance(Match):
    to: Literal["in_transit", "out_for_delivery"] | End


class _Delay(ControlModel):
    seconds: float = Field(ge=0)


class _Life(ControlModel):
    seconds: int = Field(ge=1)


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hands = Hands(desk.store, desk.scripts, self._alive)

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {
            "scripts": self._script,
            "advance": self._advance,
            "delay": self._delay,
            "release": self._release,
            "tracking-delay": self._tracking_delay,
            "token-life": self._token_life,
            "revoke-tokens": self._revoke_tokens,
            "rate-limit": self._rate_limit,
        }
        return posts(endpoints)

    async def _script(self, request: Request) -> Response:
        return self._hands.told((await read_model(request, _Script)).model_dump(), self._desk.tracking.obey)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        return self._hands.each("advanced", wanted.match, lambda each: self._desk.tracking.advance(each, wanted.to))

    async def _delay(self, request: Request) -> Response:
        def delay(shipment: Record) -> bool:
            self._desk.tracking.delay(shipment)
            return True

        return await self._hands.every(request, "delayed", delay)

    async def _release(self, request: Request) -> Response:
        return await self._hands.released(request, self._desk.tracking.release)

    async def _tracking_delay(self, request: Request) -> Response:
        wanted = await read_model(request, _Delay)
        self._desk.store.set_value(TRACKING_DELAY, wanted.seconds)
        return JSONResponse({"seconds": wanted.seconds})

    async def _token_life(self, request: Request) -> Response:
        wanted = await read_model(request, _Life)
        self._desk.tokens.set_life(wanted.seconds)
        return JSONResponse({"seconds": wanted.seconds})

    async def _revoke_tokens(self, _: Request) -> Response:
        self._desk.tokens.revoke()
        return JSONResponse({"status": "ok"})

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, PerMinute)
        self._desk.limit.set_limit(wanted.per_minute)
        return JSONResponse({"per_minute": wanted.per_minute})

    def _alive(self, match: str) -> list[Record]:
        """Voided labels have no life to control."""
        return [each for each in self._desk.books.matching(match) if each["label"] != "voided"]
