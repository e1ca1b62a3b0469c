"""Feeds of multi-channel orders: sent, waited for a moment, and read again (https://developer.newegg.com, "Datafeed").

A feed says nothing of what is in it until it is finished, and then only of what failed. So while any is under way an
order that is not shown may still be made; and only a feed we sent ourselves tells why an order was not.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ordersaga.domain.errors import OrdersagaError, RefusedError
from ordersaga.domain.shipping import HandOff
from ordersaga.gateways.newegg.calls import Calls
from ordersaga.gateways.newegg.errors import not_created, undocumented, unreadable
from ordersaga.gateways.newegg.shapes import Json, several, words
from ordersaga.gateways.newegg.states import FEED_STATES, FeedState
from ordersaga.gateways.newegg.times import as_date, as_moment, read
from ordersaga.gateways.webhook_parts import child, text

TYPE: Final = "MULTICHANNEL_ORDER_DATA"
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_UNFINISHED: Final = ("SUBMITTED", "IN_PROGRESS")
"""In this order: a feed that goes on between the two questions is met by the second."""
_READ_BACK: Final = timedelta(hours=6)
_MOST_REPORTS: Final = 10
"""Reports of finished feeds read in search of a refusal; one that is older is found by sending the order again."""
COUNTRIES: Final[Mapping[str, str]] = {"US": "USA"}
"""Where Newegg.com ships to, as it calls them."""


class Feeds:
    """What can be done with feeds. Nothing is remembered from one call to the next."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def send(self, order: Json) -> str:
        """Submit a feed with one order; its request id."""
        told = await self._calls.told("POST", "/datafeedmgmt/feeds/submitfeed", _envelope(order), requesttype=TYPE)
        listed = _listed(told)
        request_id = text(listed[0].get("RequestId")) if listed else None
        if request_id is None:
            raise unreadable("no request id")
        return request_id

    async def outcome(self, request_id: str, reference: str) -> OrdersagaError | None:
        """Wait for a feed of ours; why its order was not made, or None. Waits for as long as its caller lets it."""
        pause = _FIRST_PAUSE
        while (state := await self._state(request_id)) is FeedState.UNDER_WAY:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if state is FeedState.CANCELED:
            return RefusedError("newegg_feed_canceled", f"Newegg canceled the feed {request_id} that held the order")
        reasons = [reason for _, each in await self._failures(request_id) for reason in each]
        return not_created(reference, reasons, quoting=True) if reasons else None

    async def any_under_way(self) -> bool:
        """Whether Newegg is still working on feeds of orders; a state that is not documented counts as such."""
        for status in _UNFINISHED:
            if await self._asked({"RequestStatus": status}):
                return True
        return False

    async def refusal_of(self, reference: str) -> OrdersagaError | None:
        """Why a recent feed did not make this order, if one says so."""
        since = datetime.now(UTC) - _READ_BACK
        found = await self._asked({"RequestStatus": "FINISHED", "RequestDateFrom": as_moment(since)})
        newest = sorted(found, key=_submitted_at, reverse=True)[:_MOST_REPORTS]
        for feed in newest:
            failures = await self._failures(str(feed.get("RequestId")))
            reasons = [reason for name, each in failures if name == reference for reason in each]
            if reasons:
                return not_created(reference, reasons, quoting=False)
        return None

    async def _state(self, request_id: str) -> FeedState:
        found = await self._asked({"RequestIDList": {"RequestID": [request_id]}})
        feed = next((each for each in found if each.get("RequestId") == request_id), {})
        state = FEED_STATES.get(str(feed.get("RequestStatus")))
        if state is None:
            raise undocumented(f"the feed {request_id}", feed.get("RequestStatus"))
        return state

    async def _asked(self, criteria: Json) -> list[Json]:
        wanted = {"MaxCount": "100", "RequestStatus": "ALL", **criteria}
        body = {"OperationType": "GetFeedStatusRequest", "RequestBody": {"GetRequestStatus": wanted}}
        told = await self._calls.told("PUT", "/datafeedmgmt/feeds/status", body)
        return [feed for feed in _listed(told) if feed.get("RequestType", TYPE) == TYPE]

    async def _failures(self, request_id: str) -> list[tuple[str, list[str]]]:
        """Reference and reasons of each order that a finished feed did not make."""
        told = await self._calls.told("GET", f"/datafeedmgmt/feeds/result/{request_id}")
        report = child(child(child(told, "NeweggEnvelope"), "Message"), "ProcessingReport")
        if not report:
            raise unreadable("no processing report")
        failures = [(_reference(entry), _reasons(entry)) for entry in several(report, "Result", "Result")]
        return [(reference, reasons) for reference, reasons in failures if reasons]


def _listed(told: Json) -> list[Json]:
    return several(child(told, "ResponseBody"), "ResponseList", "ResponseInfo")


def _submitted_at(feed: Mapping[str, Any]) -> datetime:
    return read(feed.get("RequestDate")) or datetime.min.replace(tzinfo=UTC)


def _reference(entry: Json) -> str:
    return str(child(entry, "AdditionalInfo").get("SellerOrderID") or "")


def _reasons(entry: Json) -> list[str]:
    """The descriptions of an entry's errors, however they are nested."""
    found = entry.get("ErrorList", entry.get("Error"))
    return words(found.get("ErrorDescription") if isinstance(found, dict) else found)


def _envelope(order: Json) -> Json:
    message = {"MultiChannelOrder": {"Order": [order]}}
    envelope = {"Header": {"DocumentVersion": "1.0"}, "MessageType": "MultiChannelOrderCreation", "Message": message}
    return {"NeweggEnvelope": envelope}


def creation(hand_off: HandOff, *, channel: str, method: str, phone: str, now: datetime) -> Json:
    """A hand-off as an entry of a feed. `phone`: of the seller, where the shopper gave none."""
    to = hand_off.ship_to
    first, last = _names(to.name)
    items = [{"SellerPartNumber": line.sku, "Quantity": str(line.quantity)} for line in hand_off.lines]
    return {
        "OrderDate": as_date(now),
        "SalesChannel": channel,
        "SellerOrderID": hand_off.reference,
        "ShippingMethod": method,
        "ShipToFirstName": first,
        "ShipToLastName": last,
        "ShipToCompany": "",
        "ShipToAddressLine1": to.line1,
        "ShipToAddressLine2": to.line2 or "",
        "ShipToCity": to.city,
        "ShipToState": to.region,
        "ShipToPostalCode": to.postal_code,
        "ShipToCountry": COUNTRIES[to.country],
        "ShipToPhoneNumber": to.phone or phone,
        "ItemList": {"Item": items},
    }


def _names(name: str) -> tuple[str, str]:
    """First and last name, both of which Newegg requires."""
    first, _, last = name.strip().rpartition(" ")
    return (first.strip(), last) if first else (last, "-")
