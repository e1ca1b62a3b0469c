"""A small typed client of the HTTP API, for the command line, demos and tests.

async with ApiClient("http://127.0.0.1:8080", key) as api:
    placed = await api.place(body, wait=5, idempotency_key="cart-1")
    print(placed.order.status, placed.status)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from ordersaga.api.attention_shapes import AttentionList, ResolvedMany
from ordersaga.api.finding_shapes import FindingList, RepairedMany, RunList
from ordersaga.api.lane_shapes import LaneList
from ordersaga.api.notification_shapes import (
    DeliveryList,
    EndpointList,
    NewEndpointRow,
    ReplayAnswer,
    RotatedSecret,
)
from ordersaga.api.return_shapes import ReturnDocument, ReturnExplanation, ReturnList
from ordersaga.api.shapes import (
    Explanation,
    MessageList,
    MessageRow,
    OrderDocument,
    OrderPage,
    PlacedOrder,
    TicketList,
    TicketMoved,
    Timeline,
)
from ordersaga.api.stock_shapes import CatalogLoaded, StockList
from ordersaga.api_errors import ApiError as ApiError
from ordersaga.api_errors import ApiUnreachableError as ApiUnreachableError
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.reconciliation import RunRecord
from workflows.messages import CancelAnswer, ChangeAnswer, OrderView

M = TypeVar("M", bound=BaseModel)
Units = Sequence[tuple[str, int]]
"""SKUs and how many of each."""
ChangeName = Literal["address", "expedite", "split", "move", "carrier", "refunds", "payment", "delay"]


@dataclass(frozen=True)
class Placed:
    """A placed order: HTTP status (201 decided, 202 going on), the order, and whether it was an earlier answer."""

    status: int
    order: PlacedOrder
    replayed: bool


class ApiClient:
    """Calls of the API; each raises `ApiError` or `ApiUnreachableError`."""

    def __init__(
        self, url: str, key: str = "", *, timeout: float = 40.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._url = url
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def place(
        self, order: Mapping[str, Any], *, wait: int | None = None, idempotency_key: str | None = None
    ) -> Placed:
        """Place an order; `wait` up to that many seconds for its outcome."""
        headers = _prefer(wait) | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        answer = await self._send("POST", "/v1/orders", json=dict(order), headers=headers)
        replayed = answer.headers.get("Idempotent-Replayed") == "true"
        return Placed(answer.status_code, _read(answer, PlacedOrder), replayed)

    async def order(self, order_id: str, *, live: bool = False) -> OrderDocument:
        """One order; `live` asks its saga as well."""
        return await self._get(f"/v1/orders/{part(order_id)}", OrderDocument, live="true" if live else None)

    async def orders(
        self,
        *,
        status: str | None = None,
        seller: str | None = None,
        channel: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> OrderPage:
        """A page of orders, newest first."""
        filters = {"status": status, "seller": seller, "channel": channel, "limit": limit, "cursor": cursor}
        return await self._get("/v1/orders", OrderPage, **filters)

    async def timeline(self, order_id: str) -> Timeline:
        """The order's story."""
        return await self._get(f"/v1/orders/{part(order_id)}/timeline", Timeline)

    async def explain(self, order_id: str) -> Explanation:
        """Why the order is where it is."""
        return await self._get(f"/v1/orders/{part(order_id)}/explain", Explanation)

    async def cancel(
        self,
        order_id: str,
        *,
        lines: Units = (),
        reason: str = "not given",
        wait: int | None = None,
        idempotency_key: str | None = None,
        digest: str | None = None,
        by: str | None = None,
    ) -> CancelAnswer:
        """Ask for cancellation of the order, or of (sku, quantity) units of it; these need a key to be asked again.

        `digest`: of the preview it rests on; `by`: the person an operator acts for.
        """
        body = {"reason": reason, **_these(lines), **_given(digest=digest, by=by)}
        headers = _prefer(wait) | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        return _read(
            await self._send("POST", f"/v1/orders/{part(order_id)}/cancel", json=body, headers=headers), CancelAnswer
        )

    async def preview_cancel(self, order_id: str, *, lines: Units = ()) -> CancelAnswer:
        """What `cancel` would answer now; nothing is done."""
        return _read(
            await self._send("POST", f"/v1/orders/{part(order_id)}/cancel-preview", json=_these(lines)), CancelAnswer
        )

    async def change(
        self,
        order_id: str,
        what: ChangeName,
        body: Mapping[str, Any],
        *,
        wait: int | None = None,
        idempotency_key: str | None = None,
    ) -> ChangeAnswer:
        """Ask for a change; `body` as the route of that name takes it. A refusal is an `ApiError` of status 409."""
        headers = _prefer(wait) | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        return await self.call("POST", f"/v1/orders/{part(order_id)}/{what}", ChangeAnswer, json=body, headers=headers)

    async def hold(self, order_id: str, kind: str, *, reason: str = "not given") -> OrderView:
        """Place a hold."""
        body = {"kind": kind, "reason": reason}
        return _read(await self._send("POST", f"/v1/orders/{part(order_id)}/holds", json=body), OrderView)

    async def release(self, order_id: str, kind: str, *, reason: str = "not given") -> OrderView:
        """Release a hold."""
        params = {"kind": kind, "reason": reason}
        return _read(await self._send("DELETE", f"/v1/orders/{part(order_id)}/holds", params=params), OrderView)

    async def attention(
        self,
        *,
        kind: str | None = None,
        seller: str | None = None,
        provider: str | None = None,
        older_than_hours: int | None = None,
    ) -> AttentionList:
        """Open questions, oldest first."""
        filters = {"kind": kind, "seller": seller, "provider": provider, "older_than_hours": older_than_hours}
        return await self._get("/v1/attention", AttentionList, **filters)

    async def resolve(
        self, item_id: str, choice: str, *, reason: str, order_id: str | None = None, by: str | None = None
    ) -> AttentionItem:
        """Answer an attention item; one whose `resolved` is None then waits for a second person."""
        body = _given(choice=choice, reason=reason, order_id=order_id, by=by)
        return _read(await self._send("POST", f"/v1/attention/{part(item_id)}/resolve", json=body), AttentionItem)

    async def resolve_many(
        self,
        wanted: Mapping[str, Any],
        choice: str,
        *,
        reason: str,
        by: str | None = None,
        dry_run: bool = True,
    ) -> ResolvedMany:
        """Give one answer to every question that `wanted` finds, a thousand at most; only say what it would do first.

        `wanted`: some of kind, seller, provider, older_than_hours, order_ids, item_ids.
        """
        body = _given(filter=dict(wanted), choice=choice, reason=reason, by=by, dry_run=dry_run)
        return _read(await self._send("POST", "/v1/attention/resolve-many", json=body), ResolvedMany)

    async def reconcile(self, *, since: datetime | None = None, order_id: str | None = None) -> RunRecord:
        """Start a run of reconciliation; it ends by itself."""
        body = _given(since=since.isoformat() if since else None, order_id=order_id)
        return _read(await self._send("POST", "/v1/reconciliations", json=body), RunRecord)

    async def reconciliation(self, run_id: str) -> RunRecord:
        """One run, as far as it is."""
        return await self._get(f"/v1/reconciliations/{part(run_id)}", RunRecord)

    async def reconciliations(self, *, limit: int | None = None) -> RunList:
        """The latest runs, newest first."""
        return await self._get("/v1/reconciliations", RunList, limit=limit)

    async def findings(
        self,
        *,
        kind: str | None = None,
        seller: str | None = None,
        order_id: str | None = None,
        status: str | None = None,
    ) -> FindingList:
        """What reconciliation found, oldest first; without `status` what is not settled."""
        return await self._get("/v1/findings", FindingList, kind=kind, seller=seller, order_id=order_id, status=status)

    async def repair_many(
        self, wanted: Mapping[str, Any], *, reason: str, by: str | None = None, dry_run: bool = True
    ) -> RepairedMany:
        """Repair every finding that `wanted` finds, a thousand at most; only say what would become of them first.

        `wanted`: some of kind, seller, order_ids, finding_ids; or `all`.
        """
        body = _given(filter=dict(wanted), reason=reason, by=by, dry_run=dry_run)
        return _read(await self._send("POST", "/v1/findings/repair-many", json=body), RepairedMany)

    async def failed_messages(self) -> MessageList:
        """Messages of outside companies that were given up on."""
        return await self._get("/v1/inbox", MessageList)

    async def requeue_message(self, message_id: int) -> MessageRow:
        """Deliver one of them after all; the answer is which."""
        return _read(await self._send("POST", f"/v1/inbox/{part(message_id)}/requeue"), MessageRow)

    async def lanes(self) -> LaneList:
        """Every lane, with what waits in it."""
        return await self._get("/v1/lanes", LaneList)

    async def metrics(self) -> str:
        """The gauges, in Prometheus' text format."""
        return (await self._send("GET", "/metrics")).text

    async def stock(
        self, *, location: str | None = None, sku: str | None = None, seller: str | None = None
    ) -> StockList:
        """Stock levels."""
        return await self._get("/v1/stock", StockList, location=location, sku=sku, seller=seller)

    async def pick_tickets(self, *, seller: str | None = None) -> TicketList:
        """Parcels a seller has to pack, the most urgent first."""
        return await self._get("/v1/pick-tickets", TicketList, seller=seller)

    async def move_ticket(self, reference: str, to: Literal["packed", "collected"]) -> TicketMoved:
        """Say that a parcel is packed, or that the carrier took it."""
        return _read(await self._send("POST", f"/v1/pick-tickets/{part(reference)}/{to}"), TicketMoved)

    async def request_return(
        self, order_id: str, request: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> ReturnDocument:
        """Ask to return goods of an order."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        path = f"/v1/orders/{part(order_id)}/returns"
        return _read(await self._send("POST", path, json=dict(request), headers=headers), ReturnDocument)

    async def returns(self, order_id: str) -> ReturnList:
        """An order's returns."""
        return await self._get(f"/v1/orders/{part(order_id)}/returns", ReturnList)

    async def show_return(self, return_id: str, *, live: bool = False) -> ReturnDocument:
        """One return; `live` asks its workflow as well."""
        return await self._get(f"/v1/returns/{part(return_id)}", ReturnDocument, live="true" if live else None)

    async def receive_return(self, return_id: str, found: Mapping[str, Any]) -> ReturnDocument:
        """Say what the warehouse found."""
        return _read(
            await self._send("POST", f"/v1/returns/{part(return_id)}/receipt", json=dict(found)), ReturnDocument
        )

    async def cancel_return(self, return_id: str, *, reason: str = "not given") -> ReturnDocument:
        """The shopper keeps the goods."""
        body = {"reason": reason}
        return _read(await self._send("POST", f"/v1/returns/{part(return_id)}/cancel", json=body), ReturnDocument)

    async def explain_return(self, return_id: str) -> ReturnExplanation:
        """Why the return is where it is."""
        return await self._get(f"/v1/returns/{part(return_id)}/explain", ReturnExplanation)

    async def load_catalog(self, content: bytes) -> CatalogLoaded:
        """Load a catalog file (docs/csv.md)."""
        headers = {"Content-Type": "text/csv"}
        return _read(await self._send("POST", "/v1/catalog", content=content, headers=headers), CatalogLoaded)

    async def add_endpoint(self, url: str, *, seller: str | None = None, types: Sequence[str] = ()) -> NewEndpointRow:
        """Send notifications to a URL; the answer shows its secret, which is not shown again."""
        body = _given(url=url, seller=seller, types=list(types))
        return _read(await self._send("POST", "/v1/webhook-endpoints", json=body), NewEndpointRow)

    async def endpoints(self, *, seller: str | None = None) -> EndpointList:
        """Where notifications are sent."""
        return await self._get("/v1/webhook-endpoints", EndpointList, seller=seller)

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Send it nothing any more."""
        await self.delete(f"/v1/webhook-endpoints/{part(endpoint_id)}")

    async def rotate_secret(self, endpoint_id: str) -> RotatedSecret:
        """Sign with a new secret, and for a day with the one before it as well."""
        return _read(
            await self._send("POST", f"/v1/webhook-endpoints/{part(endpoint_id)}/rotate-secret"), RotatedSecret
        )

    async def replay(
        self, endpoint_id: str, since: datetime, until: datetime | None = None, types: Sequence[str] = ()
    ) -> ReplayAnswer:
        """Send what happened from `since` to before `until` again, with the ids it had."""
        end = until.isoformat() if until else None
        body = _given(since=since.isoformat(), until=end, types=list(types))
        return _read(
            await self._send("POST", f"/v1/webhook-endpoints/{part(endpoint_id)}/replay", json=body), ReplayAnswer
        )

    async def deliveries(self, endpoint_id: str, *, status: str | None = None) -> DeliveryList:
        """How deliveries to an endpoint stand, newest first."""
        return await self._get(f"/v1/webhook-endpoints/{part(endpoint_id)}/deliveries", DeliveryList, status=status)

    async def call(self, method: str, path: str, shape: type[M], **options: Any) -> M:
        """Any other call; its answer as `shape`. `options` as httpx takes them."""
        return _read(await self._send(method, path, **options), shape)

    async def delete(self, path: str) -> None:
        """Any other deletion, which has no answer."""
        await self._send("DELETE", path)

    async def _get(self, path: str, shape: type[M], **filters: str | int | None) -> M:
        params = {name: value for name, value in filters.items() if value is not None}
        return _read(await self._send("GET", path, params=params), shape)

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ApiUnreachableError(f"no answer from {self._url}: {error or type(error).__name__}") from error
        if answer.status_code >= 400:
            raise ApiError(answer.status_code, _object(answer))
        return answer


def _prefer(wait: int | None) -> dict[str, str]:
    return {"Prefer": f"wait={wait}"} if wait else {}


def part(name: object) -> str:
    """An id as one part of a path, whatever it is made of, so that the API refuses it by name and looks nowhere else.

    One quoting is taken off before the path is looked for: slashes are quoted twice, and dots where nothing else is.
    """
    text = str(name).replace("/", "%2F")
    return quote(text if text.strip(".") else text.replace(".", "%2E") or " ", safe="")


def _these(units: Units) -> dict[str, Any]:
    """No units: the whole order, which is meant by leaving them out."""
    return {"lines": _units(units)} if units else {}


def _units(units: Units) -> list[dict[str, str | int]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in units]


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _read(answer: httpx.Response, shape: type[M]) -> M:
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError as error:
        raise ApiError(answer.status_code, {"detail": f"the answer is no {shape.__name__}"}) from error
