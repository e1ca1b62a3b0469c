"""Controls of the ShipBob emulator: scripts for orders to come, and a hand on those already there."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.shipbob.cancellation import cancel_by_provider
from emulators.shipbob.desk import Desk

StageName = Literal["Processing", "Picked", "Packed", "LabeledCreated", "Completed", "InTransit", "Delivered"]


class _Exception(ControlModel):
    at: StageName
    name: str


class _Script(ControlModel):
    match: str = Field(min_length=1)
    stop_at: StageName | None = None
    exception: _Exception | None = None
    cancel: Literal["refuse", "partial", "agree_and_ship"] | None = None
    split: int = Field(default=1, ge=1, le=20)


class _Match(ControlModel):
    match: str = Field(min_length=1)


class _Advance(_Match):
    to: StageName


class _RateLimit(ControlModel):
    per_minute: int = Field(ge=1)


class _Stock(ControlModel):
    sku: str
    on_hand: int = Field(ge=0)


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

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
        return [Route(f"/_control/{path}", endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]

    async def _script(self, request: Request) -> Response:
        wanted = (await read_model(request, _Script)).model_dump()
        try:
            with self._desk.store.transaction():
                script = self._desk.scripts.add(wanted)
                for shipment in self._desk.books.shipments_matching(script["match"]):
                    self._desk.warehouse.obey(shipment, script)
        except ValueError as error:
            return JSONResponse({"errors": [{"message": str(error)}]}, 422)
        return JSONResponse(script, 201)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        with self._desk.store.transaction():
            found = self._desk.books.shipments_matching(wanted.match)
            moved = [shipment["id"] for shipment in found if self._desk.warehouse.advance(shipment, wanted.to)]
        return JSONResponse({"advanced": moved})

    async def _release(self, request: Request) -> Response:
        wanted = await read_model(request, _Match)
        with self._desk.store.transaction():
            self._desk.scripts.release(wanted.match)
            found = self._desk.books.shipments_matching(wanted.match)
            released = [shipment["id"] for shipment in found if self._desk.warehouse.release(shipment)]
        return JSONResponse({"released": released})

    async def _provider_cancel(self, request: Request) -> Response:
        wanted = await read_model(request, _Match)
        with self._desk.store.transaction():
            found = self._desk.books.shipments_matching(wanted.match)
            answer = cancel_by_provider(found, self._desk.warehouse.cancel)
        return JSONResponse(answer)

    async def _revive(self, request: Request) -> Response:
        """A cancellation that was confirmed, and then forgotten."""
        wanted = await read_model(request, _Match)
        with self._desk.store.transaction():
            found = self._desk.books.shipments_matching(wanted.match)
            revived = [shipment["id"] for shipment in found if self._desk.warehouse.revive(shipment)]
        return JSONResponse({"revived": revived})

    async def _forget(self, request: Request) -> Response:
        """An order that was confirmed, and of which then nobody knows."""
        wanted = await read_model(request, _Match)
        with self._desk.store.transaction():
            found = self._desk.books.orders_matching(wanted.match)
            for order in found:
                for shipment in order["shipments"]:
                    self._desk.warehouse.forget(shipment)
                self._desk.books.forget_order(order)
        return JSONResponse({"forgotten": [order["id"] for order in found]})

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, _RateLimit)
        self._desk.limit.set_limit(wanted.per_minute)
        return JSONResponse({"per_minute": wanted.per_minute})

    async def _stock(self, request: Request) -> Response:
        wanted = await read_model(request, _Stock)
        with self._desk.store.transaction():
            item = self._desk.inventory.stock(wanted.sku, wanted.on_hand)
        return JSONResponse(item)
