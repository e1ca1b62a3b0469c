"""The marketplace's calls of its seller's API: sell, ask how it stands, cancel for a shopper."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Final

import httpx

from emulators.stall import dealing
from emulators.stall.books import Books, Record

ROUND: Final = 0.5
_TIMEOUT: Final = 20.0
_WAIT: Final = {"Prefer": "wait=5"}

_log = logging.getLogger(__name__)

Take = Callable[[Record, int, Record], None]


class Rounds:
    """Goes round all orders that are not over; a call without an answer is made again, under its key, next time."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def run(self) -> None:
        """Go round, forever."""
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
            while True:
                await asyncio.gather(*(self._attend(http, order_id) for order_id in self._books.under_way()))
                await asyncio.sleep(ROUND)

    async def _attend(self, http: httpx.AsyncClient, order_id: str) -> None:
        seller, order = self._books.seller, self._books.order(order_id)
        if seller is None or order is None:
            return
        try:
            with contextlib.suppress(httpx.TransportError):
                await Deal(self._books, http, seller).attend(order)
        except Exception:
            _log.exception("order %s is attended to again next round", order_id)


class Deal:
    """One round's calls about one order."""

    def __init__(self, books: Books, http: httpx.AsyncClient, seller: Record) -> None:
        self._books, self._http, self._api = books, http, f"{seller['api']}/v1/orders"
        self._key = {"Authorization": f"Bearer {seller['key']}"}

    async def attend(self, order: Record) -> None:
        """Sell it; once it is sold, have it canceled if the shopper wants that, and see how it stands."""
        if order["status"] == "paid":
            await self._sell(order)
            return
        if order["cancellation"] and order["cancellation"]["outcome"] is None:
            await self._cancel(order)
        await self._look(order)

    async def _sell(self, order: Record) -> None:
        headers = {**self._key, **_WAIT, "Idempotency-Key": order["id"]}
        answer = await self._http.post(self._api, headers=headers, json=_as_asked(order))
        self._take(order, answer, dealing.placed)

    async def _cancel(self, order: Record) -> None:
        headers = {**self._key, **_WAIT, "Idempotency-Key": f"{order['id']}-cancel"}
        body = {"reason": order["cancellation"]["reason"]}
        answer = await self._http.post(f"{self._api}/{order['id']}/cancel", headers=headers, json=body)
        self._take(order, answer, dealing.answered)

    async def _look(self, order: Record) -> None:
        answer = await self._http.get(f"{self._api}/{order['id']}", headers=self._key, params={"live": "true"})
        if answer.status_code == 200:
            self._take(order, answer, lambda found, _, document: dealing.looked(found, document))

    def _take(self, asked: Record, answer: httpx.Response, take: Take) -> None:
        """What was answered, on the order as it is by now."""
        with self._books.store.transaction(), contextlib.suppress(json.JSONDecodeError):
            order = self._books.order(asked["id"])
            if order is not None:
                take(order, answer.status_code, answer.json())
                self._books.save(order)


def _as_asked(order: Record) -> Record:
    """The order as the seller's API takes it."""
    plain = ("seller", "buyer", "currency", "lines", "shipping", "tax")
    told = {name: order[name] for name in plain if order[name] is not None}
    who = {"order_id": order["id"], "channel": order["channel"], "payment": {"collected_by": order["channel"]}}
    return {**told, **who, "ship_to": order["recipient"]}
