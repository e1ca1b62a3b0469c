"""The Selling Partner API over HTTP: outbound orders in two versions, package tracking, inventory summaries."""

from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.amazon_mcf import shapes_2020, shapes_2026, tokens, validation
from emulators.amazon_mcf.desk import Desk
from emulators.amazon_mcf.orders import moment
from emulators.amazon_mcf.stages import Record
from emulators.amazon_mcf.validation import RefusedError

FBA: Final = "/fba/outbound/2020-07-01"
ORDERS_2020: Final = f"{FBA}/fulfillmentOrders"
ORDERS_2026: Final = "/fulfillment/outbound/2026-07-04/orders"
TRACKING: Final = f"{FBA}/tracking"
SUMMARIES: Final = "/fba/inventory/v1/summaries"
MARKETPLACE: Final = "ATVPDKIKX0DER"
MOST_SKUS: Final = 50
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """Endpoints by path. The work of each request is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._orders = desk, desk.orders

    def table(self) -> list[BaseRoute]:
        """Every route, with the name of its operation."""
        paths: list[tuple[str, str, str, Endpoint]] = [
            ("createFulfillmentOrder", "POST", ORDERS_2020, self._create_2020),
            ("listAllFulfillmentOrders", "GET", ORDERS_2020, self._list_2020),
            ("cancelFulfillmentOrder", "PUT", ORDERS_2020 + "/{id}/cancel", self._cancel_2020),
            ("getFulfillmentOrder", "GET", ORDERS_2020 + "/{id}", self._get_2020),
            ("updateFulfillmentOrder", "PUT", ORDERS_2020 + "/{id}", self._update_2020),
            ("getPackageTrackingDetails", "GET", TRACKING, self._tracking),
            ("createOrder", "POST", ORDERS_2026, self._create_2026),
            ("listOrders", "GET", ORDERS_2026, self._list_2026),
            ("cancelOrder", "PUT", ORDERS_2026 + "/{id}/cancel", self._cancel_2026),
            ("getOrder", "GET", ORDERS_2026 + "/{id}", self._get_2026),
            ("updateOrder", "PUT", ORDERS_2026 + "/{id}", self._update_2026),
            ("getInventorySummaries", "GET", SUMMARIES, self._summaries),
            ("token", "POST", tokens.PATH, self._token),
        ]
        return [Route(path, _telling(endpoint), methods=[method], name=name) for name, method, path, endpoint in paths]

    async def _create_2020(self, request: Request) -> Response:
        body = await _json(request)
        validation.check_2020(body)
        with self._desk.store.transaction():
            self._orders.place(shapes_2020.wanted(body), at_once=True)
        return JSONResponse({})

    async def _list_2020(self, request: Request) -> Response:
        query = request.query_params
        found, token = self._orders.listed("status_at", query.get("queryStartDate"), query.get("nextToken"))
        shown = [shapes_2020.order_view(order, MARKETPLACE) for order in found]
        return JSONResponse({"payload": {"fulfillmentOrders": shown, **({"nextToken": token} if token else {})}})

    async def _get_2020(self, request: Request) -> Response:
        order = self._orders.seen(request.path_params["id"])
        return JSONResponse({"payload": shapes_2020.result_view(order, MARKETPLACE)})

    async def _update_2020(self, request: Request) -> Response:
        body = await _json(request)
        with self._desk.store.transaction():
            ship, address = body.get("fulfillmentAction") == "Ship", body.get("destinationAddress")
            self._orders.change(request.path_params["id"], ship=ship, address=address)
        return JSONResponse({})

    async def _cancel_2020(self, request: Request) -> Response:
        with self._desk.store.transaction():
            self._orders.cancel(request.path_params["id"], at_once=True)
        return JSONResponse({})

    async def _tracking(self, request: Request) -> Response:
        number = request.query_params.get("packageNumber", "")
        found = self._desk.books.by_package(int(number)) if number.isdigit() else None
        if found is None or not found[1]["goods_left"]:
            raise RefusedError(f"No package with the number {number} exists.", "NotFound", 404)
        return JSONResponse({"payload": shapes_2020.tracking_view(*found)})

    async def _create_2026(self, request: Request) -> Response:
        body = await _json(request)
        validation.check_2026(body)
        with self._desk.store.transaction():
            order = self._orders.place(shapes_2026.wanted(body), at_once=False)
        return JSONResponse({"orderId": order["id"], "status": "PROCESSING"}, 202)

    async def _list_2026(self, request: Request) -> Response:
        query = request.query_params
        found, token = self._orders.listed("updated_at", query.get("updatedAfter"), query.get("pageToken"))
        shown = [shapes_2026.order_view(order, shipments=_wants_shipments(request)) for order in found]
        return JSONResponse({"orders": shown, **({"pagination": {"nextToken": token}} if token else {})})

    async def _get_2026(self, request: Request) -> Response:
        order = self._orders.seen(request.path_params["id"])
        return JSONResponse({"order": shapes_2026.order_view(order, shipments=_wants_shipments(request))})

    async def _update_2026(self, request: Request) -> Response:
        asked = (await _json(request)).get("fulfillmentConfiguration") or {}
        with self._desk.store.transaction():
            self._orders.change(request.path_params["id"], ship=asked.get("action") == "SHIP")
        return JSONResponse({}, 202)

    async def _cancel_2026(self, request: Request) -> Response:
        with self._desk.store.transaction():
            self._orders.cancel(request.path_params["id"], at_once=False)
        return JSONResponse({}, 202)

    async def _summaries(self, request: Request) -> Response:
        query = request.query_params
        for name in ("granularityType", "granularityId", "marketplaceIds"):
            if not query.get(name):
                raise RefusedError(f"Missing required parameter: {name}.")
        skus = query["sellerSkus"].split(",") if query.get("sellerSkus") else None
        if skus is not None and len(skus) > MOST_SKUS:
            raise RefusedError(f"sellerSkus: at most {MOST_SKUS}.")
        found = self._desk.inventory.listed(skus)
        if query.get("startDateTime"):
            found = [each for each in found if moment(each["lastUpdatedTime"]) >= moment(query["startDateTime"])]
        page, token = self._orders.page(found, query.get("nextToken"))
        if query.get("details", "false").lower() != "true":
            page = [{name: value for name, value in each.items() if name != "inventoryDetails"} for each in page]
        granularity = {"granularityType": query["granularityType"], "granularityId": query["granularityId"]}
        payload = {"granularity": granularity, "inventorySummaries": page}
        return JSONResponse({"payload": payload, **({"pagination": {"nextToken": token}} if token else {})})

    async def _token(self, request: Request) -> Response:
        answer = self._desk.tokens.answer(await request.body())
        return Response(answer.body, answer.status, answer.headers)


def _telling(endpoint: Endpoint) -> Endpoint:
    """A refusal anywhere in an endpoint is its answer."""

    async def told(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RefusedError as refused:
            return JSONResponse(errors(refused.code, refused.message), refused.status)

    return told


def errors(code: str, message: str, details: str = "") -> Record:
    """The shape of every refusal."""
    return {"errors": [{"code": code, "message": message, "details": details}]}


def _wants_shipments(request: Request) -> bool:
    return request.query_params.get("shipments", "INCLUDE") != "EXCLUDE"


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        raise RefusedError("Request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RefusedError("Request body is not an object.")
    return body
