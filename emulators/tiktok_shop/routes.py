"""The Partner API over HTTP. The work of each request is one transaction; a refusal is an envelope with a code."""

from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.tiktok_shop import envelope, searching, shapes
from emulators.tiktok_shop.access import CIPHER, shop_of
from emulators.tiktok_shop.books import CANCELLATIONS, RETURNS, Record
from emulators.tiktok_shop.desk import Desk
from emulators.tiktok_shop.envelope import RefusedError

_MOST_IDS: Final = 50
Work = Callable[[Request, dict[str, Any]], Any]
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """Endpoints by path."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        aftersales, fulfillment = "/return_refund/202602", "/fulfillment/202309"
        paths: list[tuple[str, str, Work]] = [
            ("GET", "/order/202507/orders", self._detail),
            ("POST", "/order/202309/orders/search", self._search),
            ("GET", f"{fulfillment}/packages/{{id}}", self._package),
            ("POST", f"{fulfillment}/packages/{{id}}/ship", self._ship),
            ("POST", "/fulfillment/202610/orders/{id}/packages", self._mark_shipped),
            ("GET", "/logistics/202309/delivery_options/{id}/shipping_providers", self._providers),
            ("POST", f"{aftersales}/cancellations", self._cancel),
            ("POST", f"{aftersales}/cancellations/search", self._search_cancellations),
            ("POST", "/return_refund/202309/cancellations/{id}/approve", self._approve),
            ("POST", "/return_refund/202309/cancellations/{id}/reject", self._reject),
            ("POST", f"{aftersales}/returns/search", self._search_returns),
            ("POST", f"{aftersales}/returns", self._refund),
            ("GET", f"{aftersales}/orders/{{id}}/aftersale_eligibility", self._eligibility),
            ("GET", "/authorization/202309/shops", self._shops),
            ("GET", "/api/v2/token/refresh", self._refresh),
        ]
        return [Route(path, self._endpoint(work), methods=[method]) for method, path, work in paths]

    def _endpoint(self, work: Work) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            body = await _json(request)
            try:
                with self._desk.store.transaction():
                    data = work(request, body)
            except RefusedError as error:
                return JSONResponse(envelope.body(error.code, error.message))
            return JSONResponse(envelope.body(data=data))

        return endpoint

    def _detail(self, request: Request, _: dict[str, Any]) -> Any:
        wanted = [each for text in request.query_params.getlist("ids") for each in text.split(",") if each]
        if not wanted or len(wanted) > _MOST_IDS:
            raise RefusedError(envelope.INVALID, "invalid param: ids")
        found = [order for each in wanted if (order := self._own(request, each)) is not None]
        return {"orders": [shapes.order_view(order) for order in found]}

    def _search(self, request: Request, body: dict[str, Any]) -> Any:
        status = body.get("order_status")
        found = [
            order
            for order in self._desk.books.orders(_shop(request))
            if searching.within(order, body) and status in (None, order["status"])
        ]
        return searching.page(found, request.query_params, "orders", shapes.order_view)

    def _package(self, request: Request, _: dict[str, Any]) -> Any:
        return shapes.package_view(self._order_of_package(request), request.path_params["id"])

    def _ship(self, request: Request, body: dict[str, Any]) -> Any:
        self._desk.shipping.package(self._order_of_package(request), request.path_params["id"], body)

    def _mark_shipped(self, request: Request, body: dict[str, Any]) -> Any:
        return self._desk.shipping.lines(self._require(request, request.path_params["id"]), body)

    def _providers(self, request: Request, _: dict[str, Any]) -> Any:
        known = {**shapes.PROVIDERS, **shapes.OTHERS}
        if request.path_params["id"] != shapes.DELIVERY_OPTION:
            raise RefusedError(envelope.INVALID, "invalid param: delivery_option_id")
        return {"shipping_providers": [{"id": each, "name": name} for name, each in known.items()]}

    def _cancel(self, request: Request, body: dict[str, Any]) -> Any:
        order = self._require(request, str(body.get("order_id")))
        named = [each.get("order_line_item_id") for each in body.get("order_line_list") or []]
        lines = named or body.get("order_line_item_ids") or []
        made = self._desk.cancellation.by_seller(order, str(body.get("cancel_reason")), lines)
        return {"cancel_id": made["cancel_id"], "cancel_status": f"CANCELLATION_REQUEST_{made['status']}"}

    def _search_cancellations(self, request: Request, body: dict[str, Any]) -> Any:
        found = [each for each in self._of_shop(request, CANCELLATIONS) if _is_wanted(each, body)]
        return searching.page(found, request.query_params, "cancellations", shapes.cancellation_view)

    def _approve(self, request: Request, _: dict[str, Any]) -> Any:
        key = request.query_params.get("idempotency_key")
        self._desk.cancellation.answer(request.path_params["id"], key, approve=True)

    def _reject(self, request: Request, body: dict[str, Any]) -> Any:
        if not body.get("reject_reason"):
            raise RefusedError(envelope.BAD_PARAMETER, "reject_reason is required.")
        key = request.query_params.get("idempotency_key")
        self._desk.cancellation.answer(request.path_params["id"], key, approve=False)

    def _search_returns(self, request: Request, body: dict[str, Any]) -> Any:
        found = [
            each
            for each in self._of_shop(request, RETURNS)
            if searching.among(each, "order_id", body.get("order_ids")) and searching.within(each, body)
        ]
        return searching.page(found, request.query_params, "return_orders", shapes.return_view)

    def _refund(self, request: Request, body: dict[str, Any]) -> Any:
        order = self._require(request, str(body.get("order_id")))
        back = self._desk.aftersales.by_seller(order, body, request.query_params.get("idempotency_key"))
        return {"return_id": back["return_id"]}

    def _eligibility(self, request: Request, _: dict[str, Any]) -> Any:
        return self._desk.aftersales.eligibility(self._require(request, request.path_params["id"]))

    def _shops(self, _: Request, __: dict[str, Any]) -> Any:
        shops = dict.fromkeys(order["shop"] for order in self._desk.store.all("orders"))
        return {"shops": [{"id": shop, "cipher": f"{CIPHER}{shop}", "region": "US"} for shop in shops]}

    def _refresh(self, request: Request, _: dict[str, Any]) -> Any:
        return self._desk.access.refresh(dict(request.query_params))

    def _own(self, request: Request, order_id: str) -> Record | None:
        order = self._desk.books.order(order_id)
        return order if order is not None and order["shop"] == _shop(request) else None

    def _require(self, request: Request, order_id: str) -> Record:
        order = self._own(request, order_id)
        if order is None:
            raise RefusedError(envelope.NO_PERMISSION, "No permission for this order.")
        return order

    def _order_of_package(self, request: Request) -> Record:
        order = self._desk.books.order_of_package(request.path_params["id"])
        if order is None or order["shop"] != _shop(request):
            raise RefusedError(envelope.NO_PACKAGE, "The package does not exist.")
        return order

    def _of_shop(self, request: Request, kind: str) -> list[Record]:
        return [each for each in self._desk.store.all(kind) if each["shop"] == _shop(request)]


def _is_wanted(cancellation: Record, body: dict[str, Any]) -> bool:
    view = shapes.cancellation_view(cancellation)
    named = {"order_id": "order_ids", "cancel_id": "cancel_ids", "cancel_type": "cancel_types"}
    listed = all(searching.among(view, name, body.get(filter_)) for name, filter_ in named.items())
    return listed and searching.among(view, "cancel_status", body.get("cancel_status")) and searching.within(view, body)


def _shop(request: Request) -> str:
    return shop_of(request.query_params.get("shop_cipher", ""))


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
