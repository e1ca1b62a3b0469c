"""Controls of the ShipBob emulator: scripts for orders to come, and a hand on those already there."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from emulators.common.control import ControlModel, read_model
from emulators.common.hands import Hands, Match, PerMinute, Stock, posts
from emulators.shipbob.cancellation import cancel_by_provider
from emulators.shipbob.desk import Desk
from emulators.shipbob.stages import Record

StageName = Literal["Processing", "Picked", "Packed", "LabeledCreated", "Completed", "InTransit", "Delivered"]


class _Exception(ControlModel):
    at: StageName
    name: str


class _Script(Match):
    stop_at: StageName | None = None
    exception: _Exception | None = None
    cancel: Literal["refuse", "partial", "agree_and_ship"] | None = None
    split: int = Field(default=1, ge=1, le=20)


class _Advance(Match):
    to: StageName


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hands = Hands(desk.store, desk.scripts, desk.books.shipments_matching)

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {
            "scripts": self._script,
            "advance": self._advance,
            "release": self._release,
            "provider-cancel": self._provider_cancel,
            "revive": self._revive,
            "forget": self._forget,
            "rate-limit": self._rate_limit,
            "inventory": self._stock,
        }
        return posts(endpoints)

    async def _script(self, request: Request) -> Response:
        wanted = (await read_model(request, _Script)).model_dump()
        try:
            return self._hands.told(wanted, self._desk.warehouse.obey)
        except ValueError as error:
            return JSONResponse({"errors": [{"message": str(error)}]}, 422)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        return self._hands.each("advanced", wanted.match, lambda each: self._desk.warehouse.advance(each, wanted.to))

    async def _release(self, request: Request) -> Response:
        return await self._hands.released(request, self._desk.warehouse.release)

    async def _provider_cancel(self, request: Request) -> Response:
        wanted = await read_model(request, Match)
        with self._desk.store.transaction():
            found = self._desk.books.shipments_matching(wanted.match)
            answer = cancel_by_provider(found, self._desk.warehouse.cancel)
        return JSONResponse(answer)

    async def _revive(self, request: Request) -> Response:
        """A cancellation that was confirmed, and then forgotten."""
        return await self._hands.every(request, "revived", self._desk.warehouse.revive)

    async def _forget(self, request: Request) -> Response:
        """An order that was confirmed, and of which then nobody knows."""

        def forget(order: Record) -> bool:
            for shipment in order["shipments"]:
                self._desk.warehouse.forget(shipment)
            self._desk.books.forget_order(order)
            return True

        match = (await read_model(request, Match)).match
        return JSONResponse({"forgotten": self._hands.touched(match, forget, self._desk.books.orders_matching)})

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, PerMinute)
        self._desk.limit.set_limit(wanted.per_minute)
        return JSONResponse({"per_minute": wanted.per_minute})

    async def _stock(self, request: Request) -> Response:
        wanted = await read_model(request, Stock)
        with self._desk.store.transaction():
            item = self._desk.inventory.stock(wanted.sku, wanted.on_hand)
        return JSONResponse(item)
