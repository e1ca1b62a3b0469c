"""The v2 API over HTTP, as far as labels and tracking need it."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from json import JSONDecodeError
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.easypost import errors
from emulators.easypost.books import REFUNDS, SHIPMENTS, TRACKERS, Record
from emulators.easypost.desk import Desk
from emulators.easypost.tracking import view
from emulators.easypost.window import window_of

DEFAULT_PAGE_SIZE: Final = 20
LARGEST_PAGE_SIZE: Final = 100


class Routes:
    """Endpoints by path. The work of each request is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        paths = [
            ("POST", "/shipments", self._create_shipment),
            ("GET", "/shipments", self._list_shipments),
            ("POST", "/shipments/{id}/buy", self._buy),
            ("POST", "/shipments/{id}/refund", self._refund),
            ("GET", "/shipments/{id}", self._get_shipment),
            ("POST", "/trackers", self._create_tracker),
            ("GET", "/trackers", self._list_trackers),
            ("GET", "/trackers/{id}", self._get_tracker),
            ("GET", "/refunds", self._list_refunds),
            ("GET", "/refunds/{id}", self._get_refund),
        ]
        return [Route(f"/v2{path}", endpoint, methods=[method]) for method, path, endpoint in paths]

    async def _create_shipment(self, request: Request) -> Response:
        asked = await _wrapped(request, "shipment")
        with self._desk.store.transaction():
            shipment = self._desk.shipments.create(asked)
        return JSONResponse(self._desk.shipments.view(shipment), 201)

    async def _list_shipments(self, request: Request) -> Response:
        found: Iterable[Record] = self._newest(SHIPMENTS, request)
        if request.query_params.get("purchased", "true").lower() == "true":
            found = (each for each in found if each["postage_label"] is not None)
        page, more = _page(found, request)
        return JSONResponse({"shipments": [self._desk.shipments.view(each) for each in page], "has_more": more})

    async def _get_shipment(self, request: Request) -> Response:
        return JSONResponse(self._desk.shipments.view(self._shipment(request)))

    async def _buy(self, request: Request) -> Response:
        asked = await _json(request)
        with self._desk.store.transaction():
            self._desk.shipments.buy(self._shipment(request), asked)
        return await self._get_shipment(request)

    async def _refund(self, request: Request) -> Response:
        with self._desk.store.transaction():
            self._desk.refunds.request(self._shipment(request))
        return await self._get_shipment(request)

    async def _create_tracker(self, request: Request) -> Response:
        asked = await _wrapped(request, "tracker")
        if not asked.get("tracking_code"):
            raise errors.required("tracking_code")
        with self._desk.store.transaction():
            tracker = self._desk.tracking.watch(asked["tracking_code"], asked.get("carrier"))
        return JSONResponse(view(tracker), 201)

    async def _list_trackers(self, request: Request) -> Response:
        query = request.query_params
        codes = [*query.getlist("tracking_code"), *query.getlist("tracking_codes[]")]
        found: Iterable[Record] = self._newest(TRACKERS, request)
        if codes:
            found = [each for code in codes for each in self._desk.books.trackers_of(code)]
        if "carrier" in query:
            found = (each for each in found if each["carrier"] == query["carrier"])
        page, more = _page(found, request)
        return JSONResponse({"trackers": [view(each) for each in page], "has_more": more})

    async def _get_tracker(self, request: Request) -> Response:
        tracker = self._desk.books.tracker(request.path_params["id"])
        if tracker is None:
            raise errors.not_found()
        return JSONResponse(view(tracker))

    async def _list_refunds(self, request: Request) -> Response:
        page, more = _page(self._newest(REFUNDS, request), request)
        return JSONResponse({"refunds": page, "has_more": more})

    async def _get_refund(self, request: Request) -> Response:
        refund = self._desk.store.get(REFUNDS, request.path_params["id"])
        if refund is None:
            raise errors.not_found()
        return JSONResponse(refund)

    def _shipment(self, request: Request) -> Record:
        shipment = self._desk.books.shipment(request.path_params["id"])
        if shipment is None:
            raise errors.not_found()
        return shipment

    def _newest(self, kind: str, request: Request) -> Iterable[Record]:
        """Newest first, of the window that was asked for."""
        start, end = window_of(request.query_params, self._desk.books.now())
        found = self._desk.store.newest(kind, after=request.query_params.get("before_id"))
        return (each for each in found if start < datetime.fromisoformat(each["created_at"]) < end)


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


async def _wrapped(request: Request, name: str) -> Record:
    """The object the request carries under its name."""
    asked = (await _json(request)).get(name)
    if not isinstance(asked, dict):
        raise errors.required(name)
    return asked


def _page(found: Iterable[Record], request: Request) -> tuple[list[Record], bool]:
    """The first page of what was found, and whether there is more."""
    given = request.query_params.get("page_size", "")
    size = min(int(given), LARGEST_PAGE_SIZE) if given.isdigit() and int(given) else DEFAULT_PAGE_SIZE
    page = list(islice(found, size + 1))
    return page[:size], len(page) > size
