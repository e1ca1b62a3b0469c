"""TikTok Shop, as a channel: the Partner API over HTTP (https://partner.tiktokshop.com/docv2).

One shop of one seller. The platform takes the shopper's money and gives it back. Only the carrier's first scan counts
as dispatch there, but telling a tracking number ends a shopper's request to cancel: it is told when it is true.
"""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from ordersaga.channel_ports import TokenVault
from ordersaga.domain.channels import (
    CancellationStatus,
    CancelReason,
    CancelRequest,
    ChannelCancellation,
    ChannelOrder,
    ChannelPackage,
    ChannelRefund,
    ChannelShipment,
    ChannelStatus,
    RefundRequest,
    RejectReason,
)
from ordersaga.domain.errors import NotShownError
from ordersaga.domain.shipping import CancelDecision
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.tiktok_shop.calls import Calls, TikTokKeys
from ordersaga.gateways.tiktok_shop.cancellations import (
    CANCEL_REASONS,
    REJECT_REASONS,
    cancellation,
    refund_of,
    request_of,
    returned,
)
from ordersaga.gateways.tiktok_shop.errors import RefusedByTikTokError
from ordersaga.gateways.tiktok_shop.orders import GRACE, channel_order
from ordersaga.gateways.tiktok_shop.reading import objects
from ordersaga.gateways.tiktok_shop.refunds import RETURNS, Refunds
from ordersaga.gateways.tiktok_shop.refunds import request_of as request_asked
from ordersaga.gateways.tiktok_shop.shipping import is_told, known_package, provider_id, telling
from ordersaga.gateways.tiktok_shop.tokens import ONLY_HERE
from ordersaga.gateways.webhook_parts import text
from ordersaga.ports import LaneGate

__all__ = ["BASE_URL", "TikTokKeys", "TikTokShop"]

BASE_URL: Final = "https://open-api.tiktokglobalshop.com"
AUTH_URL: Final = "https://auth.tiktok-shops.com"
_DETAIL, _SEARCH = "/order/202507/orders", "/order/202309/orders/search"
_CANCELLATIONS, _ANSWERS = "/return_refund/202602/cancellations", "/return_refund/202309/cancellations"
_SEARCH_RETURNS: Final = f"{RETURNS}/search"
_CARRIERS: Final = "/logistics/202309/delivery_options"
_PAGE: Final = 100
_ALREADY: Final = frozenset({25001011, 25001051})
"""It is being canceled, or was, or is complete."""
_TOO_LATE: Final = frozenset({25001045, 25005010})
_SETTLED: Final = frozenset({25001003, 25001045, 25011012})
"""A request that cannot be answered any more."""
_NAMESPACE: Final = uuid.UUID("6f2b8b6e-52ce-4b0c-9d0f-3f1f5a2c7f10")


class TikTokShop:
    """Channel port over TikTok Shop.

    Args:
        keys: the app's and the shop's credentials.
        shop: TikTok's id of the shop, as its webhooks name it.
        base_url: `BASE_URL`, or an emulator's URL.
        auth_url: where expired tokens are renewed.
        timeout: of one call.
        carriers: TikTok's shipping provider id by our carrier; one that is not named here is looked up by its name.
        cancel_reasons: TikTok's names of reasons where they differ from `CANCEL_REASONS`, as they do by market.
        reject_reasons: the same of `REJECT_REASONS`.
        page_size: of lists; TikTok allows 100.
        gate: every call passes it.
        vault: where renewed tokens are shared with other processes.
        grace: how long after payment an order is on hold.
    """

    def __init__(
        self,
        keys: TikTokKeys,
        *,
        shop: str,
        timeout: timedelta,
        base_url: str = BASE_URL,
        auth_url: str = AUTH_URL,
        carriers: Mapping[str, str] | None = None,
        cancel_reasons: Mapping[CancelReason, str] | None = None,
        reject_reasons: Mapping[RejectReason, str] | None = None,
        page_size: int = _PAGE,
        gate: LaneGate = OPEN,
        vault: TokenVault = ONLY_HERE,
        grace: timedelta = GRACE,
    ) -> None:
        self._calls = Calls(keys, base_url=base_url, auth_url=auth_url, timeout=timeout, gate=gate, vault=vault)
        self._grace, self._refunds = grace, Refunds(self._calls)
        self._shop, self._page_size = shop, page_size
        self._carriers = {carrier.casefold(): found for carrier, found in (carriers or {}).items()}
        self._cancel_reasons = {**CANCEL_REASONS, **(cancel_reasons or {})}
        self._reject_reasons = {**REJECT_REASONS, **(reject_reasons or {})}
        self._offered: dict[str, dict[str, Any]] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._calls.aclose()

    async def fetch(self, channel_order_id: str) -> ChannelOrder:
        """Get Order Detail."""
        data = await self._calls.get(_DETAIL, {"ids": channel_order_id})
        found = [each for each in objects(data, "orders") if each.get("id") == channel_order_id]
        if not found:
            raise _not_visible(f"the order {channel_order_id}")
        return channel_order(found[0], self._shop, self._grace)

    async def changed_since(self, since: datetime) -> Sequence[ChannelOrder]:
        """Get Order List by update time. An order without an id is nobody's, and left out."""
        query = {"sort_field": "update_time", "sort_order": "ASC"}
        found = self._pages(_SEARCH, "orders", {"update_time_ge": int(since.timestamp())}, query)
        return [channel_order(each, self._shop, self._grace) async for each in found if text(each.get("id"))]

    async def _pages(
        self, path: str, name: str, body: dict[str, Any], query: Mapping[str, str]
    ) -> AsyncIterator[dict[str, Any]]:
        """Everything that a search finds; a page token that comes again would never end."""
        token, seen = "", {""}
        while True:
            paged = {**query, "page_size": str(self._page_size), **({"page_token": token} if token else {})}
            data = await self._calls.post(path, body, paged)
            for each in objects(data, name):
                yield each
            token = text(data.get("next_page_token")) or ""
            if token in seen:
                return
            seen.add(token)

    async def ship(self, shipment: ChannelShipment) -> ChannelPackage:
        """Ship Package, or Mark Package As Shipped; told already, nothing is sent. Answers what TikTok shows then."""
        order = await self.fetch(shipment.channel_order_id)
        told = is_told(order, shipment)
        if told is not None:
            return told
        call = telling(order, shipment)
        body = call.body(shipment, await self._provider_id(order, shipment.carrier))
        try:
            await self._calls.post(call.path, body)
        except RefusedByTikTokError as error:
            return await self._told_meanwhile(shipment, error)
        with already_asked():
            return await self._shown(shipment)

    async def _told_meanwhile(self, shipment: ChannelShipment, refusal: RefusedByTikTokError) -> ChannelPackage:
        """After a refusal: another attempt of ours may have been first."""
        told = is_told(await self.fetch(shipment.channel_order_id), shipment)
        if told is None:
            raise refusal from None
        return told

    async def _shown(self, shipment: ChannelShipment) -> ChannelPackage:
        told = await self.inquire_shipment(shipment)
        if told is None:
            raise _not_visible(f"the shipment {shipment.reference}")
        return told

    async def inquire_shipment(self, shipment: ChannelShipment) -> ChannelPackage | None:
        """By the order's lines, which bear their tracking number."""
        return known_package(await self.fetch(shipment.channel_order_id), shipment)

    async def _provider_id(self, order: ChannelOrder, carrier: str) -> str:
        """Set for the account, or looked up among the carriers of the order's delivery option, once for each."""
        if carrier.casefold() in self._carriers:
            return self._carriers[carrier.casefold()]
        option = order.delivery_option_id or ""
        if option not in self._offered:
            offered = await self._calls.get(f"{_CARRIERS}/{option}/shipping_providers") if option else {}
            self._offered[option] = offered
        return provider_id(self._offered[option], carrier)

    async def cancel(
        self, channel_order_id: str, reason: CancelReason, *, key: str, line_ids: Sequence[str] = ()
    ) -> CancelDecision:
        """Cancel Order, or lines of it. TikTok takes no key: what is canceled cannot be canceled again."""
        body: dict[str, Any] = {"order_id": channel_order_id, "cancel_reason": self._cancel_reasons[reason]}
        if line_ids:
            body["order_line_list"] = [{"order_line_item_id": line_id} for line_id in line_ids]
        try:
            answer = await self._calls.post(_CANCELLATIONS, body)
        except RefusedByTikTokError as error:
            if error.number not in _ALREADY | _TOO_LATE:
                raise
            return await self._standing(channel_order_id, line_ids, undecided=error.number in _ALREADY)
        told = cancellation({**answer, "order_id": channel_order_id, "role": "SELLER"})
        return CancelDecision.CANCELED if told.stands else CancelDecision.PENDING

    async def _standing(self, channel_order_id: str, line_ids: Sequence[str], *, undecided: bool) -> CancelDecision:
        """What a refusal means: canceled already, about to be, or shipped. `undecided`: one that waits counts too."""
        with already_asked():
            order = await self.fetch(channel_order_id)
            found = await self.cancellations(channel_order_id)
        gone = {line.line_id for line in order.lines if line.canceled}
        wanted = set(line_ids) or {line.line_id for line in order.lines}
        if order.status is ChannelStatus.CANCELED or wanted <= gone:
            return CancelDecision.CANCELED
        counting = [each for each in found if each.stands or (undecided and each.status is CancellationStatus.PENDING)]
        underway = {line_id for each in counting for line_id in each.line_ids}
        return CancelDecision.PENDING if wanted <= gone | underway else CancelDecision.REFUSED

    async def cancellations(self, channel_order_id: str) -> Sequence[ChannelCancellation]:
        """Search Cancellations of one order."""
        return await self._searched({"order_ids": [channel_order_id]})

    async def _searched(self, body: dict[str, Any]) -> list[ChannelCancellation]:
        query = {"sort_field": "create_time", "sort_order": "ASC"}
        found = self._pages(f"{_CANCELLATIONS}/search", "cancellations", body, query)
        return [cancellation(each) async for each in found]

    async def open_cancel_requests(self, since: datetime) -> Sequence[CancelRequest]:
        """Search Cancellations: the shoppers' ones that are pending."""
        pending = {"cancel_types": ["BUYER_CANCEL"], "cancel_status": ["CANCELLATION_REQUEST_PENDING"]}
        found = await self._searched({**pending, "create_time_ge": int(since.timestamp())})
        requests = [request for each in found if (request := request_of(each)) is not None]
        return sorted(requests, key=lambda request: request.answer_by)

    async def answer_cancel_request(
        self, request_id: str, *, approve: bool, reason: RejectReason = RejectReason.ALREADY_PACKED
    ) -> ChannelCancellation:
        """Approve or Reject Cancellation, under a key made of the request and what is answered."""
        answer = "approve" if approve else "reject"
        body = {} if approve else {"reject_reason": self._reject_reasons[reason]}
        key = str(uuid.uuid5(_NAMESPACE, f"{request_id}/{answer}/{body}"))
        try:
            path = f"{_ANSWERS}/{quote(request_id, safe='')}/{answer}"
            await self._calls.post(path, body, {"idempotency_key": key})
        except RefusedByTikTokError as error:
            if error.number not in _SETTLED:
                raise
        with already_asked():
            found = await self._searched({"cancel_ids": [request_id]})
        if not found:
            raise _not_visible(f"the request {request_id}")
        return found[0]

    async def refunds(self, channel_order_id: str) -> Sequence[ChannelRefund]:
        """What completed cancellations and returns say was refunded."""
        canceled = [refund_of(each) for each in await self.cancellations(channel_order_id)]
        query = {"sort_field": "create_time", "sort_order": "ASC"}
        returns = self._pages(_SEARCH_RETURNS, "return_orders", {"order_ids": [channel_order_id]}, query)
        back = [returned(each) async for each in returns]
        return [refund for refund in (*canceled, *back) if refund is not None]

    async def give_back(self, channel_order_id: str, amount: int, currency: str, *, key: str) -> RefundRequest:
        """Create Return of this amount, the goods are kept."""
        return await self._refunds.ask(channel_order_id, amount, currency, key)

    async def refund_requests(self, channel_order_id: str) -> Sequence[RefundRequest]:
        """Search Returns of one order."""
        query = {"sort_field": "create_time", "sort_order": "ASC"}
        returns = self._pages(_SEARCH_RETURNS, "return_orders", {"order_ids": [channel_order_id]}, query)
        found = [request_asked(each) async for each in returns]
        return [request for request in found if request is not None]


def _not_visible(what: str) -> NotShownError:
    """TikTok or we ourselves said that it exists: not being shown is no proof of absence."""
    return NotShownError("tiktok_shop_not_visible", f"TikTok Shop does not show {what}")
