"""ShipBob, as a provider: API 2026-01 over HTTP (https://developer.shipbob.com).

`reference_id` is unique at ShipBob: a duplicate is a 422, and the order that stands under it is the answer. Orders that
are looked up at the same time share a call.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.lanes import SHIPBOB_CALLS_PER_MINUTE
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
from ordersaga.gateways.http_errors import already_asked, transport_error
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.personal_data import hiding
from ordersaga.gateways.shipbob.addresses import goes_to, is_updated, may_change, put_back_body, update_body
from ordersaga.gateways.shipbob.errors import json_of, names_reference, refusal
from ordersaga.gateways.shipbob.finding import Finder
from ordersaga.gateways.shipbob.states import living_shipments, provider_order
from ordersaga.gateways.shipbob.stock import next_query, stock_levels
from ordersaga.ports import LaneGate

_ORDERS = "/2026-01/order"
_SHIPMENTS = "/2026-01/shipment"
_INVENTORY = "/2026-01/inventory-level"
_PAGE = 250
_CAPABILITIES = ProviderCapabilities(
    name="shipbob",
    books_carrier=True,
    point_of_no_return=ParcelStatus.PICKED,
    idempotent=True,
    cancels_parts=True,
    changes_address=True,
    tells=True,
    calls_per_minute=SHIPBOB_CALLS_PER_MINUTE,
)

METHODS: Mapping[ShippingService, str] = {
    ShippingService.STANDARD: "Standard",
    ShippingService.EXPEDITED: "Expedited",
}
"""Ship options as ShipBob names them in a new account."""


class ShipBob:
    """Provider and ProviderStock ports over ShipBob.

    Args:
        token: personal access token or OAuth token.
        base_url: `https://api.shipbob.com`, or an emulator's URL.
        channel_id: the channel with write scope that owns our orders.
        timeout: of one call.
        shipping_methods: the ship options as they are named in the ShipBob account; one that is not named here is
            called as `METHODS` says.
        locations: ShipBob's fulfillment center id by our location code; ShipBob chooses for the others.
        page_size: orders, or SKUs, per page when listing; ShipBob allows 250.
        gate: every call passes it.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str,
        channel_id: int,
        timeout: timedelta,
        shipping_methods: Mapping[ShippingService, str] | None = None,
        locations: Mapping[str, int] | None = None,
        page_size: int = _PAGE,
        gate: LaneGate = OPEN,
    ) -> None:
        headers = {"authorization": f"Bearer {token}", "shipbob_channel_id": str(channel_id)}
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout.total_seconds())
        self._methods = {**METHODS, **(shipping_methods or {})}
        self._locations, self._page_size = dict(locations or {}), page_size
        self._gate = gate
        self._finder = Finder(self._list, page_size)

    @property
    def capabilities(self) -> ProviderCapabilities:
        """ShipBob buys the label itself, and cancels nothing once it is picked."""
        return _CAPABILITIES

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Create the order; refused (a duplicate is), the order that stands under the reference is the answer."""
        with hiding(hand_off.ship_to):
            return await self._submit(hand_off)

    async def _submit(self, hand_off: HandOff) -> ProviderOrder:
        answer = await self._send("POST", _ORDERS, json=self._creation(hand_off))
        if answer.is_success:
            return provider_order(json_of(answer))
        if answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
            raise refusal(answer)
        with already_asked():
            standing = await self.inquire(hand_off.reference)
        if standing is None:
            raise _not_visible(hand_off.reference) if names_reference(answer) else refusal(answer)
        return standing

    def _creation(self, hand_off: HandOff) -> dict[str, Any]:
        order: dict[str, Any] = {
            "reference_id": hand_off.reference,
            "order_number": hand_off.order_id,
            "type": "DTC",
            "shipping_method": self._methods[hand_off.service],
            "recipient": _recipient(hand_off.ship_to),
            "products": [
                {"reference_id": line.sku, "name": line.sku, "quantity": line.quantity} for line in hand_off.lines
            ],
            "tags": [{"name": "ship_by", "value": hand_off.ship_by.astimezone(UTC).isoformat()}],
        }
        if hand_off.location in self._locations:
            order["location_id"] = self._locations[hand_off.location]
        return order

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """Find by our reference."""
        order = await self._finder.find(reference)
        return provider_order(order) if order else None

    async def _list(self, references: Sequence[str]) -> list[dict[str, Any]]:
        return await self._get_page({"ReferenceIds": ",".join(references), "Limit": str(self._page_size)})

    async def cancel(self, reference: str) -> CancelDecision:
        """Cancel the order with all its shipments.

        A split order canceled only in part is REFUSED: goods still leave; `inquire` says so (`partially_canceled`).
        """
        order = await self._require(reference)
        if provider_order(order).status is ParcelStatus.CANCELED:
            return CancelDecision.CANCELED
        answer = await self._send("POST", f"{_ORDERS}/{order['id']}:cancel")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise _not_visible(reference)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            return await self._after_refusal(reference)
        if not answer.is_success:
            raise refusal(answer)
        return await self._decide(reference, json_of(answer))

    async def _decide(self, reference: str, answer: Any) -> CancelDecision:
        """200 says Success, Failure or PartialSuccess; shipments canceled before count as failures, so look."""
        if isinstance(answer, dict) and answer.get("status") == "Success":
            return CancelDecision.CANCELED
        return await self._after_refusal(reference)

    async def _after_refusal(self, reference: str) -> CancelDecision:
        """Not in a cancellable state: canceled by someone else meanwhile, or too late."""
        with already_asked():
            standing = await self.inquire(reference)
        if standing is None:
            raise _not_visible(reference)
        gone = standing.status is ParcelStatus.CANCELED
        return CancelDecision.CANCELED if gone else CancelDecision.REFUSED

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """Another address for every shipment of the order, until one is picked.

        One that refuses decides for all: those changed before it are put back, so that no parcel goes two ways.
        Raises OperatorError `address_split` when one of them was picked meanwhile.
        """
        with hiding(ship_to):
            return await self._update_address(reference, ship_to)

    async def _update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        living = living_shipments(await self._require(reference))
        elsewhere = [shipment for shipment in living if not goes_to(shipment, ship_to)]
        if not elsewhere:
            return AddressDecision.UPDATED if living else AddressDecision.REFUSED
        refusing = await self._first_refusal(elsewhere, ship_to)
        if refusing is None:
            return AddressDecision.UPDATED
        await self._put_back(reference, ship_to, refusing)
        return AddressDecision.REFUSED

    async def _first_refusal(self, shipments: Sequence[dict[str, Any]], ship_to: Address) -> dict[str, Any] | None:
        """Change one after the other; answers the shipment that may not be changed. None is sent when one is known."""
        known = next((shipment for shipment in shipments if not may_change(shipment)), None)
        if known is not None:
            return known
        for shipment in shipments:
            if not await self._readdress(shipment, update_body(ship_to)):
                return shipment
        return None

    async def _put_back(self, reference: str, ship_to: Address, refusing: dict[str, Any]) -> None:
        with already_asked():
            living = living_shipments(await self._require(reference))
        for shipment in (each for each in living if each["id"] != refusing["id"] and goes_to(each, ship_to)):
            if not await self._readdress(shipment, put_back_body(refusing)):
                advice = "ask ShipBob to bring its shipments to one address"
                raise OperatorError("address_split", f"the shipments of {reference} go to two addresses: {advice}")

    async def _readdress(self, shipment: dict[str, Any], body: dict[str, Any]) -> bool:
        """False when ShipBob refuses because of where the shipment stands."""
        answer = await self._send("PUT", f"{_SHIPMENTS}/{shipment['id']}:updateAddress", json=body)
        return is_updated(answer)

    async def _require(self, reference: str) -> dict[str, Any]:
        order = await self._finder.find(reference)
        if order is None:
            raise _not_visible(reference)
        return order

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """Our orders updated since then, oldest first; other systems' orders in the same account are left out."""
        query = {"LastUpdateStartDate": since.astimezone(UTC).isoformat(), "SortOrder": "Oldest"}
        found = [provider_order(order) async for order in self._pages(query)]
        return [order for order in found if parse_parcel_reference(order.reference)]

    async def _pages(self, query: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        page = 1
        while True:
            orders = await self._get_page({**query, "Page": str(page), "Limit": str(self._page_size)})
            for order in orders:
                yield order
            if len(orders) < self._page_size:
                return
            page += 1

    async def stock(self) -> Sequence[StockLevel]:
        """Every SKU as ShipBob counts it over all of its fulfillment centers; what is digital lies on no shelf."""
        return stock_levels([item async for item in self._inventory()])

    async def _inventory(self) -> AsyncIterator[dict[str, Any]]:
        query: dict[str, str] | None = {"IsDigital": "false", "PageSize": str(self._page_size)}
        while query is not None:
            page = await self._get(_INVENTORY, query)
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise _unreadable("no page of inventory levels")
            for item in page["items"]:
                yield item
            query = next_query(page)

    async def _get_page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        found = await self._get(_ORDERS, query)
        if not isinstance(found, list):
            raise _unreadable("no list of orders")
        return found

    async def _get(self, path: str, query: dict[str, str]) -> Any:
        answer = await self._send("GET", path, params=query)
        if not answer.is_success:
            raise refusal(answer)
        return json_of(answer)

    async def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async with self._gate.passing() as passage:
            try:
                answer = await self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                raise transport_error("shipbob", error) from error
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise refusal(answer)
            passage.answered(answer.status_code)
            return answer


def _not_visible(reference: str) -> RetryError:
    """An order that must stand, as ShipBob or our own hand-off said, is not shown: that is no proof of absence."""
    return RetryError("shipbob_not_visible", f"ShipBob does not show the order {reference}", unknown=True)


def _unreadable(what: str) -> RetryError:
    return RetryError("shipbob_unavailable", f"ShipBob answered something that is {what}", unknown=True)


def _recipient(to: Address) -> dict[str, Any]:
    """Name and address; phone and e-mail when the shopper gave them."""
    address = {
        "address1": to.line1,
        "address2": to.line2,
        "city": to.city,
        "state": to.region,
        "zip_code": to.postal_code,
        "country": to.country,
    }
    contact = {"email": to.email, "phone_number": to.phone}
    return {"name": to.name, "address": address, **{name: value for name, value in contact.items() if value}}
