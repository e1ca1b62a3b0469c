"""The 2026-01 API over HTTP: orders, shipments, inventory levels, subscriptions, simulations."""

from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.shipbob import shapes
from emulators.shipbob.cancellation import NotCancellableError
from emulators.shipbob.desk import Desk
from emulators.shipbob.orders import InvalidOrderError
from emulators.shipbob.stages import Record
from emulators.shipbob.updates import update_address

VERSION: Final = "/2026-01"
ORDER_PATH: Final = f"{VERSION}/order"
DEFAULT_PAGE_SIZE: Final = 50
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """Endpoints by path. The work of each request is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route, with the paths that carry an action before those that do not."""
        order, shipment = "/order/{order_id:int}", "/shipment/{shipment_id:int}"
        paths: list[tuple[str, str, Endpoint]] = [
            ("POST", "/order", self._create_order),
            ("GET", "/order", self._list_orders),
            ("POST", f"{order}:cancel", self._cancel_order),
            ("GET", order, self._get_order),
            ("GET", f"{order}/shipment", self._order_shipments),
            ("POST", "/shipment:batchCancel", self._batch_cancel),
            ("GET", "/inventory-level", self._inventory_levels),
            ("POST", "/webhook", self._subscribe),
            ("GET", "/webhook", self._subscriptions),
            ("DELETE", "/webhook/{id}", self._unsubscribe),
            ("POST", "/simulate/shipment", self._simulate),
            ("GET", "/simulate/status/{id}", self._simulation_status),
            ("GET", "/channel", self._channels),
            ("PUT", f"{shipment}:updateAddress", self._update_address),
        ]
        for prefix in ("", order):
            paths += [
                ("POST", f"{prefix}{shipment}:cancel", self._cancel_shipment),
                ("GET", f"{prefix}{shipment}", self._get_shipment),
                ("GET", f"{prefix}{shipment}/timeline", self._timeline),
                ("GET", f"{prefix}{shipment}/logs", self._timeline),
            ]
        return [Route(VERSION + path, endpoint, methods=[method]) for method, path, endpoint in paths]

    async def _create_order(self, request: Request) -> Response:
        body = await _json(request)
        try:
            with self._desk.store.transaction():
                order = self._desk.orders.place(body, int(request.headers["shipbob_channel_id"]))
        except InvalidOrderError as error:
            return JSONResponse(error.errors, 422)
        return JSONResponse(shapes.order_view(order), 201)

    async def _list_orders(self, request: Request) -> Response:
        try:
            found = self._desk.orders.listed({name.lower(): value for name, value in request.query_params.items()})
        except ValueError as error:
            return JSONResponse({"query": [str(error)]}, 400)
        return JSONResponse([shapes.order_view(order) for order in found])

    async def _get_order(self, request: Request) -> Response:
        order = self._order(request)
        return JSONResponse(shapes.order_view(order)) if order else _not_found()

    async def _order_shipments(self, request: Request) -> Response:
        order = self._order(request)
        return JSONResponse([shapes.shipment_view(each) for each in order["shipments"]]) if order else _not_found()

    async def _cancel_order(self, request: Request) -> Response:
        order = self._order(request)
        if order is None:
            return _not_found()
        try:
            with self._desk.store.transaction():
                status, results = self._desk.cancellation.order(order)
        except NotCancellableError as error:
            return JSONResponse({"order": [str(error)]}, 422)
        view = shapes.order_view(self._order(request) or order)
        answer = {"order_id": order["id"], "status": status, "canceled_shipment_results": results, "order": view}
        return JSONResponse(answer)

    async def _cancel_shipment(self, request: Request) -> Response:
        shipment = self._shipment(request)
        if shipment is None:
            return _not_found()
        try:
            with self._desk.store.transaction():
                self._desk.cancellation.shipment(shipment)
        except NotCancellableError as error:
            return JSONResponse({"shipment": [str(error)]}, 422)
        return JSONResponse(shapes.shipment_view(shipment))

    async def _batch_cancel(self, request: Request) -> Response:
        wanted = (await _json(request)).get("shipment_ids")
        if not isinstance(wanted, list) or not wanted or not all(isinstance(each, int) for each in wanted):
            return JSONResponse({"shipment_ids": ["At least one shipment id is required."]}, 422)
        with self._desk.store.transaction():
            results = self._desk.cancellation.batch(wanted)
        return JSONResponse({"results": results})

    async def _update_address(self, request: Request) -> Response:
        body = await _json(request)
        with self._desk.store.transaction():
            status, answer = update_address(self._desk, request.path_params["shipment_id"], body)
        return JSONResponse(answer, status)

    async def _get_shipment(self, request: Request) -> Response:
        shipment = self._shipment(request)
        return JSONResponse(shapes.shipment_view(shipment)) if shipment else _not_found()

    async def _timeline(self, request: Request) -> Response:
        shipment = self._shipment(request)
        return JSONResponse(shapes.timeline_view(shipment)) if shipment else _not_found()

    async def _inventory_levels(self, request: Request) -> Response:
        query = {name.lower(): value for name, value in request.query_params.items()}
        try:
            levels = self._desk.inventory.listed(query)
        except ValueError as error:
            return JSONResponse({"title": str(error), "status": 400}, 400)
        return JSONResponse(_linked_page(request, levels, query.get("pagesize")))

    async def _subscribe(self, request: Request) -> Response:
        try:
            with self._desk.store.transaction():
                return JSONResponse(self._desk.subscriptions.add(await _json(request)))
        except ValueError as error:
            return JSONResponse(_unprocessable(str(error)), 422)

    async def _subscriptions(self, request: Request) -> Response:
        size = request.query_params.get("RecordsPerPage")
        return JSONResponse(_page(request, self._desk.subscriptions.all(), size))

    async def _unsubscribe(self, request: Request) -> Response:
        self._desk.subscriptions.remove(request.path_params["id"])
        return Response(status_code=204)

    async def _simulate(self, request: Request) -> Response:
        body = await _json(request)
        try:
            with self._desk.store.transaction():
                identity = self._desk.simulations.submit(body)
        except ValueError as error:
            return JSONResponse({"simulation": [str(error)]}, 400)
        return JSONResponse({"simulation_id": identity, "message": "Simulation submitted"})

    async def _simulation_status(self, request: Request) -> Response:
        status = self._desk.simulations.status(request.path_params["id"])
        return JSONResponse(status) if status else _not_found()

    async def _channels(self, request: Request) -> Response:
        channel = {"id": 1, "name": shapes.CHANNEL_NAME, "application_name": "ShipBob", "scopes": ["orders_write"]}
        return JSONResponse({"items": [channel], "next": None, "prev": None})

    def _order(self, request: Request) -> Record | None:
        return self._desk.books.order(request.path_params["order_id"])

    def _shipment(self, request: Request) -> Record | None:
        shipment = self._desk.books.shipment(request.path_params["shipment_id"])
        order_id = request.path_params.get("order_id")
        return shipment if shipment and order_id in {None, shipment["order_id"]} else None


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _not_found() -> Response:
    return JSONResponse({"message": "Not found"}, 404)


def _unprocessable(message: str) -> Record:
    return {"$type": "UnprocessableEntityObjectResult", "value": {"errors": [message]}, "status_code": 422}


def _page(request: Request, items: list[Record], size: str | None) -> Record:
    """One page and the links to its neighbors; the cursor is the position of the page's first item."""
    start, count = _place(request, size)
    return {
        "items": items[start : start + count],
        "next": _link(request, start + count) if start + count < len(items) else None,
        "prev": _link(request, max(0, start - count)) if start else None,
    }


def _linked_page(request: Request, items: list[Record], size: str | None) -> Record:
    """One page, with links to the first and the last as well, unless it is that page."""
    start, count = _place(request, size)
    last = max(len(items) - 1, 0) // count * count
    ends = {"first": _link(request, 0) if start else None, "last": _link(request, last) if start < last else None}
    return {**_page(request, items, size), **ends}


def _place(request: Request, size: str | None) -> tuple[int, int]:
    """Where the page begins, and how many items it holds."""
    cursor, given = request.query_params.get("Cursor", "0"), size or ""
    count = int(given) if given.isdigit() and int(given) else DEFAULT_PAGE_SIZE
    return int(cursor) if cursor.isdigit() else 0, count


def _link(request: Request, position: int) -> str:
    return str(request.url.include_query_params(Cursor=position).replace(scheme="", netloc=""))
