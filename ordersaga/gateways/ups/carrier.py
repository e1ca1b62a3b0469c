"""UPS direct, as a carrier: one account, its own prices, labels found again by our reference.

UPS has no idempotency key. Our reference is the label's reference number; before a label is bought, tracking is asked
for it, and label recovery, which learns of a label sooner (https://developer.ups.com/api/reference/shipping).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import (
    CancelDecision,
    InterceptDecision,
    LabelRequest,
    LabelState,
    ParcelEvent,
    ShippingService,
)
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.personal_data import hiding
from ordersaga.gateways.ups.calls import Calls, Credentials
from ordersaga.gateways.ups.errors import (
    NO_LABEL,
    NOT_FOUND,
    VOID_REFUSED,
    VOIDED,
    code_of,
    is_bad_input,
    json_of,
    label_refusal,
    refusal,
    unreadable,
)
from ordersaga.gateways.ups.requests import (
    SERVICES,
    Account,
    Requester,
    recovery_request,
    reference_number,
    return_to_sender_request,
    ship_request,
    tracking_query,
)
from ordersaga.gateways.ups.states import (
    CARRIER,
    SOURCE,
    Json,
    bought_at,
    bought_label,
    is_scanned,
    is_turned,
    is_voided,
    packages_of,
    parcel_events,
    standing,
    status_of,
    void_event,
)
from ordersaga.gateways.webhook_parts import child, text
from ordersaga.ports import LaneGate

_SHIP = "/api/shipments/v2409/ship"
_VOID = "/api/shipments/v2409/void/cancel"
_RECOVERY = "/api/labels/v1/recovery"
_TRACK = "/api/track/v1/reference/details"
_RETURN_TO_SENDER = "/api/deliveryintercept/v2/return"
_CALLS_OF_A_LABEL = 3
_VOIDABLE = timedelta(days=28)


@dataclass(frozen=True)
class _Printed:
    """What label recovery says of a label: its number and URL, that it was given back, or that it is not printed."""

    number: str | None = None
    url: str | None = None
    voided: bool = False


@dataclass(frozen=True)
class _Found:
    """A label that was bought. `package`: None while tracking does not know it; `number` too, of one voided by then."""

    number: str | None
    package: Json | None
    url: str | None
    voided: bool


class UPS:
    """Carrier port over UPS. It lists no labels: there is no LabelHistory.

    Args:
        credentials: client id and secret of the app, and the account that ships and pays.
        base_url: `https://onlinetools.ups.com`, or an emulator's URL.
        timeout: of one call; buying a label takes no longer than three.
        services: UPS's service codes; one that is not named is `SERVICES`'.
        void_within: how long after it was bought a label may be given back, as agreed with UPS.
        intercepts: who turns parcels around; None: the account has not bought Delivery Intercept.
        gate: every call passes it.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        base_url: str,
        timeout: timedelta,
        services: Mapping[ShippingService, str] | None = None,
        void_within: timedelta = _VOIDABLE,
        intercepts: Requester | None = None,
        gate: LaneGate = OPEN,
    ) -> None:
        self._account = Account(credentials.account, {**SERVICES, **(services or {})})
        self._calls = Calls(credentials, base_url=base_url, timeout=timeout, gate=gate)
        self._longest = _CALLS_OF_A_LABEL * timeout.total_seconds()
        self._void_within, self._requester = void_within, intercepts

    async def aclose(self) -> None:
        """Close the connections."""
        await self._calls.aclose()

    async def book(self, request: LabelRequest) -> LabelState:
        """Buy a label, unless one was bought under this reference already.

        OperatorError `no_rates` for a label of another carrier.
        """
        if request.carrier not in {None, SOURCE}:
            why = f"UPS sells no label of {request.carrier}; leave the carrier open, or choose ups"
            raise OperatorError("no_rates", why)
        with hiding(request.ship_to), hiding(request.ship_from):
            return await self._in_time(request)

    async def inquire(self, reference: str) -> LabelState | None:
        """The label bought under our reference. UPS tells its price once; its URL until the first scan."""
        found = await self._find(reference)
        if found is None:
            return None
        if found.number is None:
            raise _not_visible(reference)
        return LabelState(
            label_id=found.number,
            reference=reference,
            carrier=CARRIER,
            tracking_number=found.number,
            cost=None,
            voided=found.voided,
            can_intercept=self._can_intercept(reference),
            intercepted=found.package is not None and is_turned(found.package),
            url=found.url,
        )

    async def void(self, reference: str) -> CancelDecision:
        """Give an unused label back, decided at once; UPS is not asked for one scanned or older than `void_within`."""
        found = await self._find(reference)
        if found is None:
            return CancelDecision.NOTHING_TO_UNDO
        if found.voided or found.number is None:
            return CancelDecision.CANCELED
        if found.package is not None and not self._may_be_voided(found.package):
            return CancelDecision.REFUSED
        return await self._void(found.number)

    async def look(self, reference: str) -> ParcelEvent | None:
        """What tracking says now."""
        return next(reversed(await self._events(reference)), None)

    async def changes(self, references: Sequence[str]) -> tuple[ParcelEvent, ...]:
        """What tracking says now about these labels; UPS sends us nothing by itself."""
        return tuple([event for reference in references for event in await self._events(reference)])

    async def intercept(self, reference: str) -> InterceptDecision:
        """Ask for the parcel's return to its sender, before it is delivered. UPS promises nothing by taking it."""
        if self._requester is None or not self._can_intercept(reference):
            return InterceptDecision.NOT_OFFERED
        package = standing(await self._tracked(reference))
        if package is None or not is_scanned(package):
            return InterceptDecision.REFUSED
        if is_turned(package):
            return InterceptDecision.ACCEPTED
        if status_of(package) not in {ParcelStatus.IN_TRANSIT, ParcelStatus.EXCEPTION}:
            return InterceptDecision.REFUSED
        return await self._turn_around(str(package["trackingNumber"]), self._requester)

    async def void_news(self, reference: str) -> ParcelEvent | None:
        """That a label was given back. UPS decides when it is asked: nobody has to wait for it."""
        package = standing(await self._tracked(reference))
        return void_event(package, reference) if package else None

    async def resolve(self, incoming: Incoming) -> Incoming:
        """UPS sends no messages here that would name an object of its own: the message says what it says."""
        return incoming

    def _can_intercept(self, reference: str) -> bool:
        """What a shopper sends back is not turned around."""
        owner = parse_label_reference(reference)
        return self._requester is not None and not (owner and owner.returning)

    async def _in_time(self, request: LabelRequest) -> LabelState:
        """Whoever holds the lease of the purchase waits for three calls, and a token may have to be got as well."""
        try:
            async with asyncio.timeout(self._longest):
                return await self.inquire(request.reference) or await self._buy(request)
        except TimeoutError as error:
            what = "UPS was asked and did not answer in the time of a purchase"
            raise RetryError("ups_no_answer", what, unknown=True) from error

    async def _buy(self, request: LabelRequest) -> LabelState:
        answer = await self._calls.send("POST", _SHIP, json=ship_request(request, self._account))
        if not answer.is_success:
            raise label_refusal(answer, returning=request.returning)
        try:
            can_intercept = self._can_intercept(request.reference)
            return bought_label(json_of(answer), request.reference, can_intercept=can_intercept)
        except ValueError:
            raise unreadable("no label") from None

    async def _find(self, reference: str) -> _Found | None:
        """By tracking; and by label recovery, which knows labels before tracking does, and where to print them."""
        package = standing(await self._tracked(reference))
        if package is None:
            return await self._recovered(reference)
        number, voided, url = str(package["trackingNumber"]), is_voided(package), None
        if not voided and not is_scanned(package):
            printed = await self._recover(number=number)
            voided, url = (printed.voided, printed.url) if printed else (False, None)
        return _Found(number, package, url, voided)

    async def _recovered(self, reference: str) -> _Found | None:
        printed = await self._recover(reference=reference, account=self._account.number)
        if printed is None:
            return None
        if printed.number is None and not printed.voided:
            raise _not_visible(reference)
        return _Found(printed.number, None, printed.url, printed.voided)

    async def _recover(self, **asked: str) -> _Printed | None:
        """The label, printed once more; None when UPS has none."""
        answer = await self._calls.send("POST", _RECOVERY, json=recovery_request(**asked))
        if answer.is_success:
            return _printed(json_of(answer))
        code = code_of(answer)
        if code in NOT_FOUND:
            return None
        if code in VOIDED | NO_LABEL:
            return _Printed(asked.get("number"), voided=code in VOIDED)
        raise refusal(answer)

    async def _void(self, number: str) -> CancelDecision:
        answer = await self._calls.send("DELETE", f"{_VOID}/{number}")
        if not answer.is_success:
            return _void_decision(answer)
        body = json_of(answer)
        summary = child(child(body if isinstance(body, dict) else {}, "VoidShipmentResponse"), "SummaryResult")
        code = child(summary, "Status").get("Code")
        if code is None:
            raise unreadable("no result of a void")
        return CancelDecision.CANCELED if str(code).strip() == "1" else CancelDecision.REFUSED

    def _may_be_voided(self, package: Json) -> bool:
        printed = bought_at(package)
        return not is_scanned(package) and (printed is None or datetime.now(UTC) - printed <= self._void_within)

    async def _turn_around(self, number: str, requester: Requester) -> InterceptDecision:
        body = return_to_sender_request(number, requester)
        query = {"loc": "en_US"}
        answer = await self._calls.send("POST", f"{_RETURN_TO_SENDER}/{number}", params=query, json=body)
        if answer.status_code == httpx.codes.BAD_REQUEST and not is_bad_input(answer):
            return InterceptDecision.REFUSED
        if not answer.is_success:
            raise refusal(answer)
        told = json_of(answer)
        if not isinstance(told, dict) or not isinstance(told.get("success"), bool):
            raise unreadable("no decision on an intercept")
        return InterceptDecision.ACCEPTED if told["success"] else InterceptDecision.REFUSED

    async def _events(self, reference: str) -> tuple[ParcelEvent, ...]:
        package = standing(await self._tracked(reference))
        return parcel_events(package, reference) if package else ()

    async def _tracked(self, reference: str) -> list[Json]:
        """The packages under our reference; UPS says of none that nothing is found, in one way or the other."""
        number = reference_number(reference)
        query = tracking_query(self._account.number, datetime.now(UTC))
        answer = await self._calls.send("GET", f"{_TRACK}/{quote(number, safe='')}", params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        if not answer.is_success:
            raise refusal(answer)
        try:
            return packages_of(json_of(answer), number)
        except ValueError:
            raise unreadable("no tracking response") from None


def _not_visible(reference: str) -> RetryError:
    what = f"UPS has a label {reference_number(reference)}, and tracking does not show it yet"
    return RetryError("label_not_visible", what, unknown=True)


def _void_decision(answer: httpx.Response) -> CancelDecision:
    code = code_of(answer)
    if code in VOIDED:
        return CancelDecision.CANCELED
    if code in VOID_REFUSED:
        return CancelDecision.REFUSED
    raise refusal(answer)


def _printed(body: Any) -> _Printed:
    """Of several labels under one reference the first; which one stands, tracking will say."""
    told = child(body if isinstance(body, dict) else {}, "LabelRecoveryResponse")
    if not told:
        raise unreadable("no recovered label")
    number = text(told.get("ShipmentIdentificationNumber"))
    labels = [each for each in told.get("LabelResults") or [] if isinstance(each, dict)]
    if labels:
        return _Printed(
            number or text(labels[0].get("TrackingNumber")), text(child(labels[0], "LabelImage").get("URL"))
        )
    candidates = [each for each in told.get("TrackingCandidate") or [] if isinstance(each, dict)]
    return _Printed(number or (text(candidates[0].get("TrackingNumber")) if candidates else None))
