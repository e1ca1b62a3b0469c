"""Controls of the marketplace: its shoppers, and its sellers' staff."""

from collections.abc import Callable
from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from emulators.common.control import ControlModel, read_model
from emulators.common.hands import Match, posts
from emulators.stall import dealing
from emulators.stall.books import OVER, Books, Record


class _Seller(ControlModel):
    api: str = Field(pattern=r"^https?://")
    key: str = Field(min_length=1)


class _Line(ControlModel):
    sku: str
    quantity: int = Field(default=1, ge=1)
    unit_price: int = Field(ge=0)


class _Order(ControlModel):
    id: str = Field(min_length=1)
    seller: str
    channel: str = "stall"
    buyer: str | None = None
    currency: str = "USD"
    lines: list[_Line] = Field(min_length=1)
    shipping: int = Field(default=0, ge=0)
    tax: int = Field(default=0, ge=0)
    recipient: dict[str, Any]


class _Cancel(Match):
    reason: str = "the shopper changed their mind"


class _Refund(Match):
    amount: int = Field(ge=1)


class Control:
    """Endpoints under /_control/."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {
            "seller": self._meet,
            "orders": self._place,
            "buyer-cancel": self._cancel,
            "refund": self._refund,
        }
        return posts(endpoints)

    async def _meet(self, request: Request) -> Response:
        seller = await read_model(request, _Seller)
        self._books.meet(seller.model_dump())
        return JSONResponse({"api": seller.api})

    async def _place(self, request: Request) -> Response:
        wanted = await read_model(request, _Order)
        with self._books.store.transaction():
            order = self._books.place(wanted.model_dump())
        return JSONResponse(order, 201)

    async def _cancel(self, request: Request) -> Response:
        wanted = await read_model(request, _Cancel)

        def cancel(order: Record) -> bool:
            asked = order["cancellation"] is None and order["status"] not in OVER
            if asked:
                order["cancellation"] = {"reason": wanted.reason, "outcome": None}
            return asked

        return self._each(wanted.match, cancel)

    async def _refund(self, request: Request) -> Response:
        wanted = await read_model(request, _Refund)
        return self._each(wanted.match, lambda order: dealing.give_back(order, wanted.amount))

    def _each(self, match: str, act: Callable[[Record], bool]) -> Response:
        """Whether it was done, by order."""
        done: dict[str, bool] = {}
        with self._books.store.transaction():
            for order in self._books.matching(match):
                done[order["id"]] = act(order)
                self._books.save(order)
        return JSONResponse({"orders": done})
