"""The private delivery API over HTTP. The work of each request is one transaction."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.courier import requests
from emulators.courier.books import Record, view
from emulators.courier.desk import Desk
from emulators.courier.problems import RefusedError
from emulators.courier.quotes import quoted
from emulators.courier.zones import ZONES

_KEY: Final = re.compile(r"[!-~]{1,255}")
_SANDBOX: Final = "Bearer sandbox_"


class Routes:
    """Endpoints by path."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        paths = [
            ("POST", "/quotes", self._quote),
            ("GET", "/zones", self._zones),
            ("POST", "/shipments", self._book),
            ("GET", "/shipments", self._list),
            ("GET", "/shipments/{id}", self._get),
            ("POST", "/shipments/{id}/void", self._void),
            ("POST", "/shipments/{id}/return", self._return),
            ("GET", "/shipments/{id}/events", self._events_of),
            ("GET", "/events", self._events),
            ("POST", "/sandbox/shipments/{id}/advance", self._advance),
        ]
        return [Route(f"/v1{path}", endpoint, methods=[method]) for method, path, endpoint in paths]

    async def _quote(self, request: Request) -> Response:
        asked = await requests.json_object(request)
        requests.check_quote(asked)
        return JSONResponse(quoted(asked, self._desk.clock).view())

    async def _zones(self, _: Request) -> Response:
        return JSONResponse({"zones": [zone.view() for zone in ZONES]})

    async def _book(self, request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not _KEY.fullmatch(key):
            raise RefusedError("idempotency_key_missing", "Idempotency-Key is required.")
        body = await requests.json_object(request)
        with self._desk.store.transaction():
            first = self._desk.shipments.replay(key, body)
            if first is not None:
                return JSONResponse(first, 201, {"Idempotency-Replayed": "true"})
            requests.check_booking(body)
            return JSONResponse(self._desk.shipments.book(key, body), 201)

    async def _list(self, request: Request) -> Response:
        since, after = requests.created_from(request), requests.position(request, "cursor")
        reference = request.query_params.get("reference")
        found: Iterable[Record] = self._desk.books.shipments_after(after)
        if reference is not None:
            found = (each for each in self._desk.books.under_reference(reference) if each["number"] > after)
        if since is not None:
            found = (each for each in found if datetime.fromisoformat(each["created_at"]) >= since)
        page, more = _page(found, requests.page_size(request))
        cursor = str(page[-1]["number"]) if more else None
        return JSONResponse({"shipments": [view(each) for each in page], "next_cursor": cursor})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(view(self._shipment(request)))

    async def _void(self, request: Request) -> Response:
        return self._changed(request, self._desk.parcels.void)

    async def _return(self, request: Request) -> Response:
        return self._changed(request, self._desk.parcels.turn_around)

    async def _advance(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith(_SANDBOX):
            raise RefusedError("sandbox_only", "Only a sandbox key moves parcels.")
        to = (await requests.json_object(request)).get("to")
        if not isinstance(to, str):
            raise RefusedError("invalid", "to is missing.", [{"field": "to", "code": "required"}])
        return self._changed(request, lambda shipment: self._desk.parcels.advance(shipment, to))

    def _changed(self, request: Request, change: Callable[[Record], None]) -> Response:
        """The shipment after a change, all of it or nothing."""
        with self._desk.store.transaction():
            shipment = self._shipment(request)
            change(shipment)
        return JSONResponse(view(shipment))

    async def _events_of(self, request: Request) -> Response:
        return JSONResponse({"events": self._desk.books.events_of(self._shipment(request))})

    async def _events(self, request: Request) -> Response:
        after = requests.position(request, "after")
        page, _ = _page(self._desk.books.events_after(after), requests.page_size(request))
        return JSONResponse({"events": page, "next": str(after + len(page))})

    def _shipment(self, request: Request) -> Record:
        shipment = self._desk.books.shipment(request.path_params["id"])
        if shipment is None:
            raise RefusedError("not_found", "There is no such shipment.")
        return shipment


def _page(found: Iterable[Record], size: int) -> tuple[list[Record], bool]:
    """The first page of what was found, and whether there is more."""
    page = list(islice(found, size + 1))
    return page[:size], len(page) > size
