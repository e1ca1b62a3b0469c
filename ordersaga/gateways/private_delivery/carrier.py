"""A private delivery network, as a carrier: any regional courier that offers the API in docs/courier-api.md.

The idempotency key of a booking is our reference, and the courier keeps it as long as the shipment: a booking may be
sent again at any time and buys one label.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote as quoted

import httpx

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.orders import Address
from ordersaga.domain.reconciliation import LabelRecord
from ordersaga.domain.shipping import CancelDecision, InterceptDecision, LabelRequest, LabelState, ParcelEvent, Quote
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.personal_data import hiding
from ordersaga.gateways.private_delivery.calls import Calls, read
from ordersaga.gateways.private_delivery.errors import NOT_SERVED, code_of, refusal
from ordersaga.gateways.private_delivery.states import (
    SOURCE,
    Offer,
    Shipment,
    ShipmentPage,
    is_voided,
    label_record,
    label_state,
    parcel_event,
    quote_of,
)
from ordersaga.ports import LaneGate

_SHIPMENTS: Final = "/v1/shipments"
_QUOTES: Final = "/v1/quotes"
_REUSED: Final = "idempotency_key_reused"
_REPLAYED: Final = "idempotency-replayed"
_NOT_VOIDED: Final = frozenset({"already_scanned", "void_refused"})
_NOT_TURNED: Final = frozenset({"not_scanned", "already_ended", "return_refused"})
_CURRENCY: Final = "USD"
_PAGE: Final = 100


class PrivateDelivery:
    """Carrier and LabelHistory ports over the private delivery API, with quotes.

    Args:
        api_key: of the account at the courier.
        base_url: the courier's, without `/v1`.
        timeout: of one call.
        name: what this courier is called in labels, in messages and when it is asked for, in lower case.
        page_size: labels per call when listing; the API allows 100.
        gate: every call passes it.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str,
        timeout: timedelta,
        name: str = SOURCE,
        page_size: int = _PAGE,
        gate: LaneGate = OPEN,
    ) -> None:
        headers = {"authorization": f"Bearer {api_key}"}
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout.total_seconds())
        self._calls = Calls(self._http, gate)
        self._name, self._page_size = name, page_size

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def quote(self, request: LabelRequest) -> Quote | None:
        """What the parcel would cost, and by when it would be there; None: the courier does not take it there."""
        if request.carrier not in {None, self._name}:
            return None
        with hiding(request.ship_to), hiding(request.ship_from):
            answer = await self._calls.send("POST", _QUOTES, json=_quote_body(request))
            if code_of(answer) in NOT_SERVED:
                return None
            if not answer.is_success:
                raise refusal(answer)
        return quote_of(read(answer, Offer), self._name)

    async def book(self, request: LabelRequest) -> LabelState:
        """Buy a label, once per reference.

        Raises CustomerError `label_refused` for the address, OperatorError `no_rates` where the courier does not go.
        """
        if request.carrier not in {None, self._name}:
            told = f"no rate of {request.carrier} is offered; rates come from: {self._name}; choose this carrier"
            raise OperatorError("no_rates", told)
        with hiding(request.ship_to), hiding(request.ship_from):
            key = {"idempotency-key": request.reference}
            answer = await self._calls.send("POST", _SHIPMENTS, json=_booking(request), headers=key)
            if not answer.is_success and code_of(answer) != _REUSED:
                raise refusal(answer)
        if answer.is_success and _REPLAYED not in answer.headers:
            return label_state(read(answer, Shipment), self._name)
        return await self._standing(request.reference)

    async def _standing(self, reference: str) -> LabelState:
        """A label was bought under the reference before, perhaps from another address or weight: as it stands now."""
        with already_asked():
            found = await self.inquire(reference)
        if found is None:
            told = f"the courier knows the key {reference}, but lists no label under this reference"
            raise RetryError("private_delivery_not_visible", told, unknown=True)
        return found

    async def inquire(self, reference: str) -> LabelState | None:
        """The label bought under our reference."""
        shipment = await self._find(reference)
        return label_state(shipment, self._name) if shipment else None

    async def void(self, reference: str) -> CancelDecision:
        """Give an unused label back, which the courier decides at once; refused after the first scan."""
        shipment = await self._find(reference)
        if shipment is None:
            return CancelDecision.NOTHING_TO_UNDO
        return CancelDecision.CANCELED if is_voided(shipment) else await self.void_label(shipment.id)

    async def void_label(self, label_id: str) -> CancelDecision:
        """Give back the label with the courier's own id, though others bear the same reference."""
        answer = await self._calls.send("POST", f"{_SHIPMENTS}/{_in_path(label_id)}/void")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return CancelDecision.NOTHING_TO_UNDO
        if code_of(answer) in _NOT_VOIDED:
            return CancelDecision.REFUSED
        if not is_voided(_changed(answer)):
            raise RetryError(
                "private_delivery_not_voided", "the courier does not show the label as voided", unknown=True
            )
        return CancelDecision.CANCELED

    async def look(self, reference: str) -> ParcelEvent | None:
        """The last thing that happened to the label's parcel."""
        shipment = await self._find(reference)
        return None if shipment is None or is_voided(shipment) else parcel_event(shipment.last_event, self._name)

    async def intercept(self, reference: str) -> InterceptDecision:
        """Turn a parcel around that is on its way."""
        shipment = await self._find(reference)
        if shipment is None:
            return InterceptDecision.REFUSED
        if not shipment.can_return:
            return InterceptDecision.NOT_OFFERED
        answer = await self._calls.send("POST", f"{_SHIPMENTS}/{_in_path(shipment.id)}/return")
        if code_of(answer) in _NOT_TURNED:
            return InterceptDecision.REFUSED
        if code_of(answer) == "return_not_offered":
            return InterceptDecision.NOT_OFFERED
        return InterceptDecision.ACCEPTED if _changed(answer).return_requested else InterceptDecision.REFUSED

    async def changes(self, references: Sequence[str]) -> tuple[ParcelEvent, ...]:
        """What happened last to these labels' parcels: the poller's view of what webhooks missed."""
        found = [await self.look(reference) for reference in references]
        return tuple(event for event in found if event)

    async def void_news(self, reference: str) -> ParcelEvent | None:
        """That a label was given back, as a notice; voids of this API are never undecided."""
        shipment = await self._find(reference)
        return parcel_event(shipment.last_event, self._name) if shipment and is_voided(shipment) else None

    async def resolve(self, incoming: Incoming) -> Incoming:
        """The message as it is: an event names our reference and says all there is."""
        return incoming

    async def labels_since(self, since: datetime) -> AsyncIterator[LabelRecord]:
        """Labels bought since then, whoever bought them, oldest first, those given back included."""
        query = {"created_from": since.astimezone(UTC).isoformat()}
        async for shipment in self._shipments(query):
            if shipment.created_at >= since:
                yield label_record(shipment, self._name)

    async def _find(self, reference: str) -> Shipment | None:
        """The shipment we booked under our reference; else the first that somebody else booked under it."""
        found = [shipment async for shipment in self._shipments({"reference": reference})]
        found = [shipment for shipment in found if shipment.reference == reference]
        return next((each for each in found if each.idempotency_key == reference), found[0] if found else None)

    async def _shipments(self, query: dict[str, str]) -> AsyncIterator[Shipment]:
        cursor: dict[str, str] = {}
        while True:
            page = await self._calls.get(_SHIPMENTS, ShipmentPage, **query, **cursor, limit=str(self._page_size))
            for shipment in page.shipments:
                yield shipment
            if page.next_cursor is None:
                return
            cursor = {"cursor": page.next_cursor}


def _changed(answer: httpx.Response) -> Shipment:
    """The shipment after a change. Raises what a refusal means."""
    if not answer.is_success:
        raise refusal(answer)
    return read(answer, Shipment)


def _in_path(identity: str) -> str:
    return quoted(identity, safe="")


def _booking(request: LabelRequest) -> dict[str, Any]:
    return {
        "reference": request.reference,
        "kind": "return" if request.returning else "outbound",
        "from": _address(request.ship_from),
        "to": _address(request.ship_to),
        **_parcel(request),
    }


def _quote_body(request: LabelRequest) -> dict[str, Any]:
    """A price needs places, no people."""
    return {"from": _place(request.ship_from), "to": _place(request.ship_to), **_parcel(request)}


def _parcel(request: LabelRequest) -> dict[str, Any]:
    return {"weight_grams": max(request.weight_grams, 1), "service": request.service.value, "currency": _CURRENCY}


def _place(address: Address) -> dict[str, Any]:
    return {
        "postal_code": address.postal_code,
        "country": address.country,
        "region": address.region,
        "city": address.city,
    }


def _address(address: Address) -> dict[str, Any]:
    street = {"name": address.name, "line1": address.line1, "line2": address.line2}
    return {**street, **_place(address), "phone": address.phone, "email": address.email}
