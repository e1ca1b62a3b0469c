"""Controls of the TikTok Shop emulator: buyers, the platform's own doings, and settings."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.tiktok_shop import shapes
from emulators.tiktok_shop.books import Record
from emulators.tiktok_shop.desk import Desk

Status = Literal[
    "ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING", "AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"
]


class _Line(ControlModel):
    seller_sku: str
    quantity: int = Field(default=1, ge=1)
    price: int = Field(ge=0)
    sku_id: str | None = None


class _Order(ControlModel):
    id: str | None = Field(default=None, pattern=r"^[0-9]{1,20}$")
    shop: str = "7494049642642441621"
    lines: list[_Line] = Field(min_length=1)
    shipping: int = Field(default=0, ge=0)
    tax: int = Field(default=0, ge=0)
    platform_discount: int = Field(default=0, ge=0)
    currency: str = "USD"
    user_id: str | None = None
    buyer_message: str = ""
    recipient: dict[str, Any] = Field(default_factory=dict)
    fulfillment_type: str = "FULFILLMENT_BY_SELLER"
    shipping_type: str = "SELLER"
    shows_packages: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)
    paid: bool = True


class _Match(ControlModel):
    match: str = Field(min_length=1)


class _BuyerCancel(_Match):
    reason: str = "ecom_order_to_ship_canceled_reason_no_longer_needed"


class _Advance(_Match):
    to: Status


class _Script(_Match):
    stop_at: Status | None = None
    cancel: Literal["refuse", "pending"] | None = None


class _Address(_Match):
    recipient: dict[str, Any]


class _Capacity(ControlModel):
    shop: str
    per_day: int | None = Field(default=None, ge=0)


class _Stretch(ControlModel):
    factor: float = Field(gt=0)


class _Rotation(ControlModel):
    on: bool


class _RateLimit(ControlModel):
    per_second: int = Field(ge=1)


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "orders": self._place,
            "buyer-cancel": self._buyer_cancel,
            "advance": self._advance,
            "scripts": self._script,
            "release": self._each(_Match, self._release),
            "address": self._address,
            "split": self._each(_Match, self._desk.shipping.split),
            "settle": self._each(_Match, self._settle),
            "lapse": self._each(_Match, self._lapse),
            "overdue": self._each(_Match, self._overdue),
            "return": self._each(_Match, self._desk.aftersales.complete),
            "capacity": self._capacity,
            "deadlines": self._stretch,
            "expire-tokens": self._expire,
            "rotate-tokens": self._rotate,
            "rate-limit": self._rate_limit,
        }
        return [Route(f"/_control/{path}", endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]

    def _each(self, model: type[_Match], work: Callable[[Record], Any]) -> Callable[[Request], Awaitable[Response]]:
        """What is done to every order that matches; answers the results by order."""

        async def endpoint(request: Request) -> Response:
            wanted = await read_model(request, model)
            return self._done(wanted.match, work)

        return endpoint

    def _done(self, match: str, work: Callable[[Record], Any]) -> Response:
        with self._desk.store.transaction():
            done = {order["id"]: work(order) for order in self._desk.books.orders_matching(match)}
        return JSONResponse({"orders": done})

    async def _place(self, request: Request) -> Response:
        wanted = await read_model(request, _Order)
        with self._desk.store.transaction():
            order = self._desk.placing.place(wanted.model_dump())
        return JSONResponse(shapes.order_view(order), 201)

    async def _buyer_cancel(self, request: Request) -> Response:
        wanted = await read_model(request, _BuyerCancel)
        return self._done(wanted.match, lambda order: self._desk.cancellation.by_buyer(order, wanted.reason))

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        return self._done(wanted.match, lambda order: self._desk.life.advance(order, wanted.to))

    async def _script(self, request: Request) -> Response:
        wanted = await read_model(request, _Script)
        with self._desk.store.transaction():
            script = self._desk.scripts.add(wanted.model_dump())
            for order in self._desk.books.orders_matching(wanted.match):
                self._desk.life.release(order)
        return JSONResponse(script, 201)

    def _release(self, order: Record) -> None:
        self._desk.scripts.release_for(order)
        self._desk.life.release(order)

    async def _address(self, request: Request) -> Response:
        wanted = await read_model(request, _Address)

        def change(order: Record) -> None:
            order["recipient"], order["address_changed"] = {**order["recipient"], **wanted.recipient}, True
            self._desk.books.save(order)
            self._desk.notices.address(order)

        return self._done(wanted.match, change)

    def _settle(self, order: Record) -> list[str]:
        return [*self._desk.cancellation.settle(order), *self._desk.aftersales.settle(order)]

    def _lapse(self, order: Record) -> bool:
        waiting = self._desk.books.open_request(order["id"])
        if waiting is not None:
            self._desk.cancellation.lapse(waiting["cancel_id"])
        return waiting is not None

    def _overdue(self, order: Record) -> bool:
        return self._desk.life.overdue(order, self._desk.cancellation.by_platform)

    async def _capacity(self, request: Request) -> Response:
        wanted = await read_model(request, _Capacity)
        with self._desk.store.transaction():
            self._desk.deadlines.set_capacity(wanted.shop, wanted.per_day)
        return JSONResponse(wanted.model_dump())

    async def _stretch(self, request: Request) -> Response:
        wanted = await read_model(request, _Stretch)
        with self._desk.store.transaction():
            self._desk.deadlines.stretch(wanted.factor)
        return JSONResponse(wanted.model_dump())

    async def _expire(self, _: Request) -> Response:
        with self._desk.store.transaction():
            return JSONResponse({"expired": self._desk.access.expire_all()})

    async def _rotate(self, request: Request) -> Response:
        wanted = await read_model(request, _Rotation)
        with self._desk.store.transaction():
            self._desk.access.rotate(wanted.on)
        return JSONResponse(wanted.model_dump())

    async def _rate_limit(self, request: Request) -> Response:
        wanted = await read_model(request, _RateLimit)
        self._desk.limit.set_limit(wanted.per_second)
        return JSONResponse({"per_second": wanted.per_second})
