"""Controls of the Newegg emulator: scripts for orders to come, and a hand on those already there."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from emulators.common.control import ControlModel, read_model
from emulators.common.hands import Hands, Match, Stock, posts
from emulators.newegg import stages
from emulators.newegg.desk import Desk
from emulators.newegg.stages import Record

StageName = Literal["Unshipped", "Processing", "PartiallyShipped", "Shipped", "Invoiced"]


class _Script(Match):
    stop_at: StageName | None = None
    split: int = Field(default=1, ge=1, le=20)
    short: str | None = None
    refuse: list[str] = Field(default_factory=list)
    feed: Literal["stuck", "cancel"] | None = None
    cancel: Literal["refuse", "stuck", "agree_and_ship"] | None = None


class _Advance(Match):
    to: StageName


class _Pace(ControlModel):
    feed_seconds: float | None = Field(default=None, ge=0)
    cancel_seconds: float | None = Field(default=None, ge=0)


class _RateLimit(ControlModel):
    per_hour: int | None = Field(default=None, ge=1)


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hands = Hands(desk.store, desk.scripts, desk.books.orders_matching)

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {
            "scripts": self._script,
            "advance": self._advance,
            "release": self._release,
            "provider-cancel": self._provider_cancel,
            "revive": self._revive,
            "forget": self._forget,
            "pace": self._pace,
            "rate-limit": self._rate_limit,
            "inventory": self._stock,
        }
        return posts(endpoints)

    async def _script(self, request: Request) -> Response:
        return self._hands.told((await read_model(request, _Script)).model_dump(), self._desk.warehouse.obey)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        return self._hands.each("advanced", wanted.match, lambda order: self._desk.warehouse.advance(order, wanted.to))

    async def _release(self, request: Request) -> Response:
        """Feeds first: what they hold is then there to be released."""
        match = (await read_model(request, Match)).match
        with self._desk.store.transaction():
            self._desk.scripts.release(match)
            worked, decided = self._desk.feeds.release(match), self._desk.cancellation.release(match)
            released = self._hands.touched(match, self._desk.warehouse.release)
        return JSONResponse({"feeds": worked, "cancellations": decided, "released": released})

    async def _provider_cancel(self, request: Request) -> Response:
        def cancel(order: Record) -> bool:
            if order["cancelled_at"] or stages.reached(order, "PartiallyShipped"):
                return False
            self._desk.warehouse.cancel(order, "newegg")
            return True

        return await self._hands.every(request, "cancelled", cancel)

    async def _revive(self, request: Request) -> Response:
        return await self._hands.every(request, "revived", self._desk.warehouse.revive)

    async def _forget(self, request: Request) -> Response:
        def forget(order: Record) -> bool:
            self._desk.warehouse.forget(order)
            return True

        return await self._hands.every(request, "forgotten", forget)

    async def _pace(self, request: Request) -> Response:
        wanted = await read_model(request, _Pace)
        self._desk.pace.change(wanted.feed_seconds, wanted.cancel_seconds)
        return JSONResponse(
            {"feed_seconds": self._desk.pace.feed_seconds, "cancel_seconds": self._desk.pace.cancel_seconds}
        )

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, _RateLimit)
        self._desk.limit.set_limit(wanted.per_hour)
        return JSONResponse({"per_hour": wanted.per_hour})

    async def _stock(self, request: Request) -> Response:
        wanted = await read_model(request, Stock)
        with self._desk.store.transaction():
            item = self._desk.inventory.stock(wanted.sku, wanted.on_hand)
        return JSONResponse(item)
