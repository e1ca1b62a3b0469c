"""The Marketplace API of Newegg.com over HTTP: feeds, orders, cancellations, inventory."""

from collections.abc import Awaitable, Callable
from itertools import islice
from json import JSONDecodeError
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.newegg import feeds, shapes, stages
from emulators.newegg.cancellation import REASONS
from emulators.newegg.desk import Desk
from emulators.newegg.orders import LARGEST_PAGE
from emulators.newegg.stages import Record

PREFIX: Final = "/marketplace"
MOST_FEEDS: Final = 100
MOST_SKUS: Final = 100
LARGEST_NUMBER: Final = 2_147_483_647
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """Endpoints by path. The work of each request is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        order = "/ordermgmt/orderstatus/orders/{number}"
        paths: list[tuple[str, str, Endpoint]] = [
            ("POST", "/datafeedmgmt/feeds/submitfeed", self._submit),
            ("PUT", "/datafeedmgmt/feeds/status", self._feed_status),
            ("GET", "/datafeedmgmt/feeds/result/{id}", self._feed_result),
            ("PUT", "/ordermgmt/order/orderinfo", self._order_information),
            ("GET", order, self._order_status),
            ("PUT", order, self._cancel),
            ("GET", "/ordermgmt/sbnorder/cancellationresult/{number}", self._cancellation_result),
            ("POST", "/contentmgmt/item/international/inventorylist", self._inventory),
            ("GET", "/ordermgmt/servicestatus", self._service_status),
        ]
        return [Route(PREFIX + path, endpoint, methods=[method]) for method, path, endpoint in paths]

    async def _submit(self, request: Request) -> Response:
        body = await _json(request)
        if request.query_params.get("requesttype", "").upper() != feeds.TYPE:
            return refused("DF001", "The request type is invalid.")
        if not feeds.orders_in(body):
            return refused("DF005", "The feed does not match the schema of its request type.")
        with self._desk.store.transaction():
            feed = self._desk.feeds.submit(body)
        return self._answer(request, "SubmitFeedResponse", {"ResponseList": [shapes.feed_view(feed)]})

    async def _feed_status(self, request: Request) -> Response:
        criteria = _within(await _json(request), "RequestBody", "GetRequestStatus")
        try:
            found = list(islice(self._desk.feeds.listed(criteria), _most(criteria.get("MaxCount"))))
        except ValueError as error:
            return refused("DF007", str(error))
        body = {"ResponseList": [shapes.feed_view(feed) for feed in found]}
        return self._answer(request, "GetFeedStatusResponse", body)

    async def _feed_result(self, request: Request) -> Response:
        feed = self._desk.books.feed(request.path_params["id"])
        if feed is None or feed["report"] is None:
            return refused("DF006", "The RequestID is invalid, or its report is not ready.")
        return JSONResponse(shapes.report_view(feed))

    async def _order_information(self, request: Request) -> Response:
        wanted = _within(await _json(request), "RequestBody")
        try:
            page, size = _place(wanted)
            found = self._desk.orders.listed(_within(wanted, "RequestCriteria"))
        except ValueError as error:
            return refused("OM004", str(error))
        return self._answer(request, "GetOrderInfoResponse", _page(found, page, size, _seller(request)))

    async def _order_status(self, request: Request) -> Response:
        order = self._order(request)
        if isinstance(order, Response):
            return order
        status = stages.status_of(order)
        return JSONResponse(
            {
                "OrderNumber": str(order["id"]),
                "OrderStatusCode": status,
                "OrderStatusName": stages.STATUS_NAMES[status],
                "SellerID": _seller(request),
                "OrderDownloaded": False,
                "SalesChannel": shapes.MULTI_CHANNEL,
                "FulfillmentOption": shapes.BY_NEWEGG,
            }
        )

    async def _cancel(self, request: Request) -> Response:
        body = await _json(request)
        order = self._order(request)
        if isinstance(order, Response):
            return order
        refusal = _cancel_refusal(body, stages.status_of(order))
        if refusal:
            return refusal
        with self._desk.store.transaction():
            status = self._desk.cancellation.ask(order)
        result = {"OrderNumber": str(order["id"]), "SellerID": _seller(request), "OrderStatus": status}
        return JSONResponse({"IsSuccess": "true", "Result": result})

    async def _cancellation_result(self, request: Request) -> Response:
        order = self._order(request)
        if isinstance(order, Response):
            return order
        if order["cancellation"] is None:
            return refused("SO003", "No data found.")
        body = shapes.cancellation_view(order)
        return self._answer(request, "GetSBNOrderCancellationResultResponse", body)

    async def _inventory(self, request: Request) -> Response:
        body = await _json(request)
        values = body.get("Values")
        if str(body.get("Type", "1")) != "1" or not isinstance(values, list) or not 1 <= len(values) <= MOST_SKUS:
            return refused("CT002", "Invalid SellerPartNumber")
        found = self._desk.inventory.listed(str(value) for value in values)
        return self._answer(request, "GetInventoryList", {"ItemList": found, "TotalCount": len(found)})

    async def _service_status(self, request: Request) -> Response:
        return self._answer(request, "GetServiceStatus", {"Status": "1"})

    def _order(self, request: Request) -> Record | Response:
        number = request.path_params["number"]
        if not number.isdigit() or not 1 <= int(number) <= LARGEST_NUMBER:
            return refused("SO002", f"Order number must be an integer between 1 and {LARGEST_NUMBER}.")
        return self._desk.books.order(int(number)) or refused("SO003", "No data found.")

    def _answer(self, request: Request, operation: str, body: Record) -> Response:
        return JSONResponse(shapes.response(operation, _seller(request), body, self._desk.books.epoch()))


def refused(code: str, message: str) -> Response:
    """Newegg's errors are a list of codes and messages; the status that goes with them is not published."""
    return JSONResponse([{"Code": code, "Message": message}], 400)


def _cancel_refusal(body: Record, status: int) -> Response | None:
    if str(body.get("Action")) != "1":
        return refused("SO014", "Action must be 1 (cancel): orders shipped by Newegg are not shipped by sellers.")
    if str(body.get("Value")) not in REASONS:
        return refused("SO017", f"The cancel reason must be one of {', '.join(sorted(REASONS))}.")
    if status == stages.VOIDED:
        return refused("SO008", "The order was voided already.")
    if status:
        return refused("SO006", f"Only unshipped orders can be voided (current status {stages.DESCRIPTIONS[status]}).")
    return None


def _place(wanted: Record) -> tuple[int, int]:
    """Number and size of the page asked for. Raises ValueError."""
    page, size = int(wanted.get("PageIndex") or 1), int(wanted.get("PageSize") or LARGEST_PAGE)
    if page < 1 or not 1 <= size <= LARGEST_PAGE:
        raise ValueError(f"PageIndex begins at 1; PageSize must be between 1 and {LARGEST_PAGE}.")
    return page, size


def _page(found: list[Record], page: int, size: int, seller: str) -> Record:
    shown = [shapes.order_view(order, seller) for order in found[(page - 1) * size : page * size]]
    info = {"TotalCount": len(found), "TotalPageCount": -(-len(found) // size), "PageIndex": page, "PageSize": size}
    return {"PageInfo": info, "OrderInfoList": shown or None}


def _most(count: object) -> int:
    return min(int(str(count)), MOST_FEEDS) if str(count or "").isdigit() else MOST_FEEDS


def _seller(request: Request) -> str:
    return request.query_params.get("sellerid", "")


def _within(body: Record, *names: str) -> Record:
    """An object inside objects; empty when absent."""
    found: Any = body
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
