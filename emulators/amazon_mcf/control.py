"""Controls of the Amazon emulator: scripts for orders to come, and a hand on those already there."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from emulators.amazon_mcf.desk import Desk
from emulators.amazon_mcf.stages import Record
from emulators.common.control import ControlModel, read_model
from emulators.common.hands import Hands, Match, Stock, posts

StageName = Literal["New", "Received", "Planning", "Processing", "Shipped", "InTransit", "Delivered"]
Word = Literal["DELIVERED", "RETURNED", "RETURNING", "UNDELIVERABLE", "DELAYED", "OUT_FOR_DELIVERY"]


class _Script(Match):
    stop_at: StageName | None = None
    invalid: bool = False
    unfulfillable: Literal["Planning", "Processing"] | None = None
    cancel: Literal["refuse", "ignore", "agree_and_ship"] | None = None
    split: int = Field(default=1, ge=1, le=20)
    tracking: Word | None = None
    unseen: bool = False


class _Advance(Match):
    to: StageName


class _RateLimit(ControlModel):
    per_second: float = Field(gt=0)
    burst: int | None = Field(default=None, ge=1)


class _PageSize(ControlModel):
    size: int = Field(ge=1)


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
            "decide": self._decide,
            "provider-cancel": self._provider_cancel,
            "forget": self._forget,
            "rate-limit": self._rate_limit,
            "page-size": self._page_size,
            "inventory": self._stock,
            "expire-tokens": self._expire_tokens,
        }
        return posts(endpoints)

    async def _script(self, request: Request) -> Response:
        return self._hands.told((await read_model(request, _Script)).model_dump(), self._desk.life.obey)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        return self._hands.each("advanced", wanted.match, lambda order: self._desk.life.advance(order, wanted.to))

    async def _release(self, request: Request) -> Response:
        return await self._hands.released(request, self._desk.life.release)

    async def _decide(self, request: Request) -> Response:
        """What Amazon takes its time for is decided now."""
        return await self._hands.every(request, "decided", self._desk.life.decide)

    async def _provider_cancel(self, request: Request) -> Response:
        return await self._hands.every(request, "cancelled", self._desk.life.fail)

    async def _forget(self, request: Request) -> Response:
        """An order that was taken, and of which then nobody knows."""

        def forget(order: Record) -> bool:
            self._desk.life.forget(order)
            self._desk.books.forget(order)
            return True

        return await self._hands.every(request, "forgotten", forget)

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, _RateLimit)
        self._desk.limit.set_limit(wanted.per_second, wanted.burst)
        return JSONResponse(wanted.model_dump())

    async def _page_size(self, request: Request) -> Response:
        wanted = await read_model(request, _PageSize)
        self._desk.orders.set_page_size(wanted.size)
        return JSONResponse(wanted.model_dump())

    async def _stock(self, request: Request) -> Response:
        wanted = await read_model(request, Stock)
        with self._desk.store.transaction():
            item = self._desk.inventory.stock(wanted.sku, wanted.on_hand, self._desk.books.now())
        return JSONResponse(item)

    async def _expire_tokens(self, _: Request) -> Response:
        self._desk.tokens.expire_all()
        return JSONResponse({"status": "ok"})
