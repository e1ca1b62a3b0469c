"""EasyPost, as a carrier: one account, many carriers, labels found again by our reference.

EasyPost has no idempotency key: our reference goes into `reference`, a shipment can be retrieved by it
(https://docs.easypost.com/docs/shipments), and a purchase is looked for before it is made.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from easypost.easypost_client import EasyPostClient
from easypost.errors.api.api_error import ApiError
from easypost.errors.api.not_found_error import NotFoundError
from requests.adapters import HTTPAdapter

from ordersaga.domain.errors import RetryError
from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.orders import Address
from ordersaga.domain.reconciliation import LabelRecord
from ordersaga.domain.shipping import CancelDecision, InterceptDecision, LabelRequest, LabelState, ParcelEvent
from ordersaga.gateways.easypost.calls import Calls, Json, json_of
from ordersaga.gateways.easypost.errors import code_of, translate, translated
from ordersaga.gateways.easypost.history import EasyPostHistory
from ordersaga.gateways.easypost.rates import cheapest
from ordersaga.gateways.easypost.states import (
    REFUND_LOOKUP,
    SOURCE,
    is_bought,
    is_scanned,
    label_state,
    parcel_event,
    refund_decision,
    void_event,
)
from ordersaga.gateways.http_errors import already_asked
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.personal_data import hiding
from ordersaga.gateways.webhook_parts import child
from ordersaga.ports import LaneGate

_POSTAGE_EXISTS = "SHIPMENT.POSTAGE.EXISTS"
_REFUND_REFUSED = "SHIPMENT.REFUND."
_GRAMS_PER_OUNCE = Decimal("28.349523125")
_PAGE = 100


class EasyPost:
    """Carrier and LabelHistory ports over EasyPost.

    Args:
        api_key: of the account.
        base_url: `https://api.easypost.com`, or an emulator's URL.
        timeout: of one call.
        carriers: whose rates may be chosen, in EasyPost's names (`USPS`, `FedEx`, `UPSDAP`); empty means all.
        page_size: labels per call when listing; EasyPost allows 100.
        gate: every call passes it.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str,
        timeout: timedelta,
        carriers: Iterable[str] = (),
        page_size: int = _PAGE,
        gate: LaneGate = OPEN,
    ) -> None:
        api_base = f"{base_url.rstrip('/')}/v2"
        seconds: Any = timeout.total_seconds()  # annotated int, but handed to requests, which takes fractions
        self._client = EasyPostClient(api_key, api_base=api_base, timeout=seconds)
        # The SDK asks a GET up to four times by itself, each with the full timeout: the caller decides about repeats.
        self._client._requests_session.mount(base_url, HTTPAdapter(max_retries=0))
        self._carriers = frozenset(carrier.lower() for carrier in carriers)
        calls = Calls(gate)
        self._in_thread, self._history = calls.in_thread, EasyPostHistory(self._client, page_size, calls)

    async def aclose(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._client._requests_session.close)

    async def book(self, request: LabelRequest) -> LabelState:
        """Buy the cheapest permitted label, unless one was bought under this reference already."""
        with hiding(request.ship_to), hiding(request.ship_from):
            return await self._in_thread(self._book, request)

    async def inquire(self, reference: str) -> LabelState | None:
        """The label bought under our reference."""
        return await self._in_thread(self._inquire, reference)

    async def void(self, reference: str) -> CancelDecision:
        """Ask for the refund of an unused label; `submitted` settles in days, and asking again tells what became of it.

        A rejected refund may be asked for again (EasyPost: too early a refund may be flagged as invalid).
        """
        return await self._in_thread(self._void, reference)

    def labels_since(self, since: datetime) -> AsyncIterator[LabelRecord]:
        """Labels bought since then, whoever bought them, those given back included."""
        return self._history.labels_since(since)

    async def void_label(self, label_id: str) -> CancelDecision:
        """Ask for the refund of the label with EasyPost's own id, though others bear the same reference."""
        return await self._in_thread(self._void, label_id)

    async def look(self, reference: str) -> ParcelEvent | None:
        """What the label's tracker says now."""
        return await self._in_thread(self._latest, reference)

    async def follow(self, number: str, reference: str) -> ParcelEvent | None:
        """A tracker for a label that is not ours: one for each number, which EasyPost charges for once.

        Which carrier it is, EasyPost finds out by the number.
        """
        return await self._in_thread(self._follow, number, reference)

    async def intercept(self, reference: str) -> InterceptDecision:
        """EasyPost's API has no call for it, though carriers sell it: NOT_OFFERED, and no label says `can_intercept`.

        Turning a parcel around is bought from the carrier itself (UPS Delivery Intercept, USPS Package Intercept).
        """
        return InterceptDecision.NOT_OFFERED

    async def void_news(self, reference: str) -> ParcelEvent | None:
        """What became of a refund the carrier took: EasyPost sends an event for a successful one only."""
        return await self._in_thread(self._void_news, reference)

    async def changes(self, references: Sequence[str]) -> tuple[ParcelEvent, ...]:
        """What the trackers of these labels say now: the poller's view of what webhooks missed."""
        found = [await self._in_thread(self._latest, reference) for reference in references]
        return tuple(event for event in found if event)

    async def resolve(self, incoming: Incoming) -> Incoming:
        """Complete a webhook that names only EasyPost's shipment: whose it is, and what its tracker says now.

        The event is what holds now, not what held when it was sent, so that a late message cannot mislead.
        """
        if incoming.lookup is None:
            return incoming
        shipment = await self._in_thread(self._find, incoming.lookup.removeprefix(REFUND_LOOKUP))
        reference = str((shipment or {}).get("reference") or "")
        read = void_event if incoming.lookup.startswith(REFUND_LOOKUP) else self._event
        owner, event = parse_label_reference(reference), read(shipment or {}, incoming.source_id)
        if owner is None or event is None:
            return Incoming(source=SOURCE, source_id=incoming.source_id)
        return Incoming(source=SOURCE, source_id=incoming.source_id, order_id=owner.order_id, events=(event,))

    @staticmethod
    def _event(shipment: Json, source_id: str | None = None) -> ParcelEvent | None:
        return parcel_event(child(shipment, "tracker"), str(shipment.get("reference") or ""), source_id)

    def _follow(self, number: str, reference: str) -> ParcelEvent | None:
        return parcel_event(json_of(self._client.tracker.create(tracking_code=number)), reference)

    def _latest(self, reference: str) -> ParcelEvent | None:
        return self._event(self._find(reference) or {})

    def _void_news(self, reference: str) -> ParcelEvent | None:
        return void_event(self._find(reference) or {})

    def _find(self, reference: str) -> Json | None:
        """By our reference, or by EasyPost's own id."""
        try:
            return json_of(self._client.shipment.retrieve(reference))
        except NotFoundError:
            return None

    def _inquire(self, reference: str) -> LabelState | None:
        shipment = self._find(reference)
        return label_state(shipment) if shipment and is_bought(shipment) else None

    def _book(self, request: LabelRequest) -> LabelState:
        shipment = self._find(request.reference) or self._create(request)
        if is_bought(shipment):
            return label_state(shipment)
        rate = cheapest(shipment, request, self._carriers)
        try:
            return label_state(json_of(self._client.shipment.buy(shipment["id"], rate={"id": rate["id"]})))
        except ApiError as error:
            return self._bought_meanwhile(request.reference, error)

    def _create(self, request: LabelRequest) -> Json:
        """EasyPost turns the addresses of a return around by itself: it is told those of the way there."""
        warehouse, shopper = request.ship_from, request.ship_to
        if request.returning:
            warehouse, shopper = shopper, warehouse
        ounces = (Decimal(request.weight_grams) / _GRAMS_PER_OUNCE).quantize(Decimal("0.1"))
        created = self._client.shipment.create(
            reference=request.reference,
            from_address=_address(warehouse),
            to_address=_address(shopper),
            is_return=request.returning,
            parcel={"weight": max(float(ounces), 0.1)},
        )
        return json_of(created)

    def _bought_meanwhile(self, reference: str, error: ApiError) -> LabelState:
        """Another attempt of ours bought it between our look and our purchase: that label is the answer."""
        if code_of(error) != _POSTAGE_EXISTS:
            raise translate(error) from error
        with already_asked(), translated():
            found = self._inquire(reference)
        if found is None:
            raise RetryError("label_not_visible", f"{reference} is bought, but shows no label", unknown=True) from error
        return found

    def _void(self, reference: str) -> CancelDecision:
        shipment = self._find(reference)
        if shipment is None or not is_bought(shipment):
            return CancelDecision.NOTHING_TO_UNDO
        decision = refund_decision(shipment)
        if decision not in {None, CancelDecision.REFUSED}:
            return CancelDecision(decision)
        if is_scanned(shipment):
            return CancelDecision.REFUSED
        return self._ask_refund(shipment["id"])

    def _ask_refund(self, shipment_id: str) -> CancelDecision:
        try:
            return refund_decision(json_of(self._client.shipment.refund(shipment_id))) or CancelDecision.PENDING
        except ApiError as error:
            if not code_of(error).startswith(_REFUND_REFUSED):
                raise translate(error) from error
        with already_asked(), translated():
            return refund_decision(self._find(shipment_id) or {}) or CancelDecision.REFUSED


def _address(address: Address) -> Json:
    return {
        "name": address.name,
        "street1": address.line1,
        "street2": address.line2,
        "city": address.city,
        "state": address.region,
        "zip": address.postal_code,
        "country": address.country,
        "phone": address.phone,
        "email": address.email,
    }
