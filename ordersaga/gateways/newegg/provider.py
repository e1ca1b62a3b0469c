"""Newegg as a provider: "Shipped by Newegg" for orders of other channels (https://developer.newegg.com).

Newegg decides while nobody waits. An order is handed over in a feed that it works through later and that may then fail;
a cancellation is a request whose result is asked for. So a hand-off waits for a moment only; what is undecided then is
unknown, and the inquiry says what became of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.orders import Address
from ordersaga.domain.reconciliation import StockLevel
from ordersaga.domain.shipping import (
    AddressDecision,
    CancelDecision,
    HandOff,
    ProviderCapabilities,
    ProviderOrder,
    ShippingService,
)
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.newegg import errors
from ordersaga.gateways.newegg.calls import Calls
from ordersaga.gateways.newegg.feeds import COUNTRIES, Feeds, creation
from ordersaga.gateways.newegg.shapes import Json, several, unwrapped
from ordersaga.gateways.newegg.states import (
    CANCELLATION_ANSWERS,
    CANCELLATION_RESULTS,
    has_left,
    number_of,
    provider_order,
    reference_of,
    shipped_at,
    status_of,
)
from ordersaga.gateways.newegg.stock import available, stock_levels
from ordersaga.gateways.newegg.times import as_moment, read
from ordersaga.gateways.personal_data import hiding
from ordersaga.gateways.webhook_parts import child
from ordersaga.ports import LaneGate

CALLS_PER_MINUTE: Final = 1000 / 60
"""Each function has a limit of its own; a hand-off makes one call of each of those with the lowest, 1,000 an hour."""
METHODS: Final[Mapping[ShippingService, str]] = {
    ShippingService.STANDARD: "Standard Shipping (5-7 business days)",
    ShippingService.EXPEDITED: "Expedited Shipping (3-5 business days)",
}
"""Shipping methods as Newegg.com names them."""

_VERSION: Final = "307"
_CANCEL_VERSION: Final = "304"
_CUSTOMER_ASKED: Final = "72"
_MULTI_CHANNEL, _SHIPPED_BY_NEWEGG = "3", "1"
_PAGE: Final = 100
_LOOKS_BACK: Final = timedelta(days=14)
"""Newegg voids an order that is not shipped by then: an older one no longer changes."""
_MARGIN: Final = timedelta(days=1)
"""Of orders Newegg tells the day only."""
_REFUSAL_STANDS: Final = timedelta(hours=3)
"""For so long a request that failed is the answer; then it is worth asking anew."""
_CAPABILITIES: Final = ProviderCapabilities(
    name="newegg",
    books_carrier=True,
    point_of_no_return=ParcelStatus.LEFT_WAREHOUSE,
    tells_delivery=False,
    calls_per_minute=CALLS_PER_MINUTE,
)


async def no_skus() -> Sequence[str]:
    """Nobody asks for any shelf."""
    return ()


class Newegg:
    """Provider and ProviderStock ports over Newegg.com.

    Args:
        api_key: goes into `Authorization`.
        secret_key: goes into `SecretKey`.
        seller_id: of the account that owns the goods in Newegg's warehouses.
        base_url: `https://api.newegg.com`, or an emulator's URL.
        timeout: of one call, and of a hand-off in all.
        phone: the seller's; Newegg requires one, and a shopper may have given none.
        sales_channel: how Newegg tells our orders from those of the seller's other systems.
        feed_wait: when to ask again about a feed that is under way.
        skus: which SKUs to ask for when shelves are counted; Newegg lists none by itself.
        shipping_methods: one that is not named here is called as `METHODS` says.
        page_size: orders, or SKUs, in one call when listing; Newegg allows 100.
        followed: a carrier account of ours is asked what becomes of its packages.
        gate: every call passes it.
    """

    def __init__(
        self,
        api_key: str,
        secret_key: str,
        *,
        seller_id: str,
        base_url: str,
        timeout: timedelta,
        phone: str,
        sales_channel: str = "ordersaga",
        feed_wait: timedelta = timedelta(seconds=30),
        skus: Callable[[], Awaitable[Sequence[str]]] = no_skus,
        shipping_methods: Mapping[ShippingService, str] | None = None,
        page_size: int = _PAGE,
        followed: bool = False,
        gate: LaneGate = OPEN,
    ) -> None:
        self._capabilities = _CAPABILITIES.model_copy(update={"followed": followed})
        self._calls = Calls(api_key, secret_key, seller_id, base_url, timeout, gate)
        self._feeds = Feeds(self._calls)
        self._timeout, self._feed_wait = timeout, feed_wait
        self._phone, self._channel, self._skus = phone, sales_channel, skus
        self._methods = {**METHODS, **(shipping_methods or {})}
        self._page_size = page_size

    @property
    def capabilities(self) -> ProviderCapabilities:
        """Newegg buys the label itself; what it has taken it may still refuse; it cancels nothing that has left.

        It has no word for a delivery.
        """
        return self._capabilities

    async def aclose(self) -> None:
        """Close the connections."""
        await self._calls.aclose()

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Send a feed with the order, and wait for what becomes of it, for as long as one call may take.

        Refused (a duplicate is), the order that stands under the reference is the answer. Undecided by then:
        RetryError `newegg_undecided`, unknown, with `feed_wait` as `retry_after`.
        """
        if hand_off.ship_to.country not in COUNTRIES:
            raise CustomerError("address_refused", f"Newegg does not ship to {hand_off.ship_to.country}")
        with hiding(hand_off.ship_to):
            return await self._submit(hand_off)

    async def _submit(self, hand_off: HandOff) -> ProviderOrder:
        until = asyncio.get_running_loop().time() + self._timeout.total_seconds()
        method = self._methods[hand_off.service]
        entry = creation(hand_off, channel=self._channel, method=method, phone=self._phone, now=datetime.now(UTC))
        feed = await self._feeds.send(entry)
        try:
            async with asyncio.timeout_at(until):
                with already_asked():
                    refusal = await self._feeds.outcome(feed, hand_off.reference)
                    standing = await self._standing(hand_off.reference)
        except TimeoutError:
            raise errors.undecided(hand_off.reference, self._feed_wait) from None
        if standing is None:
            raise refusal or errors.not_visible(hand_off.reference)
        return standing

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """Find by our reference; looked for again after the feeds, one of which may have made it meanwhile.

        Not there: RetryError `newegg_undecided` while a feed is under way; the refusal itself (CustomerError,
        RefusedError) where a recent feed says that it did not make this order, unless as a duplicate, which is a
        contradiction (RetryError `newegg_not_visible`); else None.
        """
        standing = await self._standing(reference)
        if standing is not None:
            return standing
        if await self._feeds.any_under_way():
            raise errors.undecided(reference, self._feed_wait)
        standing = await self._standing(reference)
        refusal = None if standing else await self._feeds.refusal_of(reference)
        if refusal is not None:
            raise refusal
        return standing

    async def cancel(self, reference: str) -> CancelDecision:
        """Ask for the cancellation of the whole order, once: what becomes of the request is the answer to whoever asks.

        PENDING while Newegg has not decided. An order in its warehouse may be REFUSED though it is shown as unshipped;
        that answer is three hours old at most.
        """
        order = await self._require(reference)
        if status_of(order) is ParcelStatus.CANCELED:
            return CancelDecision.CANCELED
        if has_left(order):
            return CancelDecision.REFUSED
        number = number_of(order)
        return await self._result(number) or await self._ask_to_cancel(reference, number)

    async def _ask_to_cancel(self, reference: str, number: str) -> CancelDecision:
        body = {"Action": "1", "Value": _CUSTOMER_ASKED}
        path = f"/ordermgmt/orderstatus/orders/{number}"
        answer = await self._calls.answer("PUT", path, body, version=_CANCEL_VERSION)
        if errors.codes(answer) & errors.NOT_UNSHIPPED:
            return await self._after_refusal(reference)
        if errors.NOT_RELEASED in errors.codes(answer):
            raise errors.not_released(reference)
        if not answer.is_success:
            raise errors.refusal(answer)
        word = child(unwrapped(errors.json_of(answer)) or {}, "Result").get("OrderStatus")
        decision = CANCELLATION_ANSWERS.get(str(word))
        if decision is None:
            raise errors.undocumented(f"the cancellation of {reference}", word)
        if decision is not CancelDecision.PENDING:
            return decision
        with already_asked():
            return await self._result(number) or CancelDecision.PENDING

    async def _after_refusal(self, reference: str) -> CancelDecision:
        """No longer unshipped: canceled by someone else meanwhile, or gone."""
        with already_asked():
            gone = status_of(await self._require(reference)) is ParcelStatus.CANCELED
        return CancelDecision.CANCELED if gone else CancelDecision.REFUSED

    async def _result(self, number: str) -> CancelDecision | None:
        """What became of a request to cancel; None when none was made, or none that still counts."""
        answer = await self._calls.answer("GET", f"/ordermgmt/sbnorder/cancellationresult/{number}")
        if errors.NOT_FOUND in errors.codes(answer):
            return None
        if not answer.is_success:
            raise errors.refusal(answer)
        told = child(unwrapped(errors.json_of(answer)) or {}, "ResponseBody")
        if "Result" not in told:
            raise errors.unreadable("no result of a cancellation")
        decision = CANCELLATION_RESULTS.get(str(told["Result"]))
        if decision is None:
            raise errors.undocumented(f"the cancellation of order {number}", told["Result"])
        return None if decision is CancelDecision.REFUSED and _is_old(told) else decision

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """Newegg offers nothing of the kind: the order would have to be canceled, and handed over anew."""
        return AddressDecision.NOT_OFFERED

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """Our orders that may have changed since then, oldest first; other systems' orders are left out.

        Newegg says when an order was placed and when a package left, not when it changed: what was voided is told
        again as long as it is younger than 14 days. An order that cannot be read, as one with a status that is not
        documented, is left out; looking at it says so.
        """
        criteria = {"Type": _MULTI_CHANNEL, "OrderDateFrom": as_moment(since - _LOOKS_BACK)}
        found = [order async for order in self._listed(criteria) if parse_parcel_reference(reference_of(order))]
        changed = [order for order in map(_known, found) if order is not None]
        return [told for order, told in sorted(changed, key=_age) if _may_have_changed(order, told, since - _MARGIN)]

    async def stock(self) -> Sequence[StockLevel]:
        """The SKUs it was told to ask for, as far as Newegg has them in its warehouses."""
        left = await available(self._calls, await self._skus(), self._page_size)
        waiting: dict[str, Json] = {}
        for kind in (_SHIPPED_BY_NEWEGG, _MULTI_CHANNEL) if left else ():
            for status in ("0", "1"):
                async for order in self._listed({"Type": kind, "Status": status}):
                    waiting[number_of(order)] = order
        return stock_levels(left, waiting.values())

    async def _require(self, reference: str) -> Json:
        order = await self._find(reference)
        if order is None:
            raise errors.not_visible(reference)
        return order

    async def _standing(self, reference: str) -> ProviderOrder | None:
        order = await self._find(reference)
        return provider_order(order) if order else None

    async def _find(self, reference: str) -> Json | None:
        """The order with this SellerOrderNumber; of several, which should not be, one that is not voided."""
        criteria = {"SellerOrderNumberList": {"SellerOrderNumber": [reference]}}
        found = [order async for order in self._listed(criteria) if reference_of(order) == reference]
        return min(found, key=_is_voided, default=None)

    async def _listed(self, criteria: Json) -> AsyncIterator[Json]:
        page = 1
        while True:
            place = {"PageIndex": str(page), "PageSize": str(self._page_size)}
            body = {"OperationType": "GetOrderInfoRequest", "RequestBody": {**place, "RequestCriteria": criteria}}
            told = await self._calls.told("PUT", "/ordermgmt/order/orderinfo", body, version=_VERSION)
            found = child(told, "ResponseBody")
            if not found.keys() & {"OrderInfoList", "PageInfo"}:
                raise errors.unreadable("no list of orders")
            orders = several(found, "OrderInfoList", "OrderInfo")
            for order in orders:
                yield order
            if len(orders) < self._page_size:
                return
            page += 1


def _is_old(told: Json) -> bool:
    """Newegg's clock may be read an hour wrong: its documentation says standard time, all year."""
    asked_at = read(told.get("RequestDate"))
    return asked_at is not None and datetime.now(UTC) - asked_at > _REFUSAL_STANDS


def _is_voided(order: Json) -> bool:
    return str(order.get("OrderStatus")) == "4"


def _known(order: Json) -> tuple[Json, ProviderOrder] | None:
    try:
        return order, provider_order(order)
    except (OperatorError, RetryError):
        return None


def _placed_at(order: Json) -> datetime:
    return read(order.get("OrderDate")) or datetime.min.replace(tzinfo=UTC)


def _age(found: tuple[Json, ProviderOrder]) -> tuple[datetime, int, str]:
    order, told = found
    return shipped_at(order) or _placed_at(order), len(told.provider_id), told.provider_id


def _may_have_changed(order: Json, told: ProviderOrder, since: datetime) -> bool:
    """Unless what Newegg says proves that it did not."""
    if told.status is ParcelStatus.CANCELED or told.partially_canceled:
        return True
    return max(_placed_at(order), shipped_at(order) or _placed_at(order)) >= since
