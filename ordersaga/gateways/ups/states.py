"""UPS's answers, as plain JSON, translated (https://developer.ups.com/api/reference/tracking/api-codes).

Each activity of a package has a type of one or two letters and a status code of three digits. A code of `_BY_CODE`
says more than the type; of all others the type decides. What neither names says nothing, and the activity before it
counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from ordersaga.domain.amounts import minor_digits
from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.shipping import LabelState, ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.webhook_parts import child, text

Json = dict[str, Any]
P = ParcelStatus

SOURCE = "ups"
CARRIER = "UPS"
_VOIDED_TYPE, _VOIDED_CODE = "MV", "007"
_BY_CODE: Mapping[str, ParcelStatus] = {
    "003": P.LABELED,
    "011": P.DELIVERED,
    "026": P.DELIVERED,  # by the local post office
    "040": P.IN_TRANSIT,  # waits at an access point for its recipient
    "033": P.IN_TRANSIT,  # a return was requested
    "035": P.IN_TRANSIT,  # on its way back
    "036": P.IN_TRANSIT,
    "037": P.IN_TRANSIT,
    "034": P.RETURNED_TO_SENDER,
    "067": P.RETURNED_TO_SENDER,  # by the post office
    "068": P.LOST,  # sent to lost and found
    "029": P.EXCEPTION,  # action required
    "030": P.EXCEPTION,
    "049": P.EXCEPTION,
    "050": P.EXCEPTION,  # address information required
    "058": P.EXCEPTION,  # clearance information required
    "059": P.EXCEPTION,  # damage reported
    "064": P.EXCEPTION,  # refused
    "069": P.EXCEPTION,  # not claimed
}
_BY_TYPE: Mapping[str, ParcelStatus] = {
    "M": P.LABELED,
    "P": P.IN_TRANSIT,
    "I": P.IN_TRANSIT,
    "O": P.IN_TRANSIT,
    "D": P.DELIVERED,
    "RS": P.RETURNED_TO_SENDER,
}
_DELAY = "X"
_VOIDED_PICKUP = "043"
_TURNING = frozenset({"033", "034", "035", "036", "037", "067"})
_GOING_BACK = _TURNING - {"033"}
_RETURNED_TYPE = "RS"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Activity:
    """One thing that happened to a package. `at`: None where UPS does not say."""

    kind: str
    code: str
    words: str
    at: datetime | None

    @property
    def is_voided(self) -> bool:
        """The label was given back."""
        return self.kind == _VOIDED_TYPE or self.code == _VOIDED_CODE

    @property
    def is_scan(self) -> bool:
        """UPS has, or had, the parcel."""
        moves = _BY_TYPE.get(self.kind, P.LABELED) is not P.LABELED and self.code != _VOIDED_PICKUP
        return moves or self.code in _TURNING

    @property
    def goes_back(self) -> bool:
        """The parcel is on its way to its sender, or there."""
        return self.kind == _RETURNED_TYPE or self.code in _GOING_BACK


def packages_of(answer: Any, number: str) -> list[Json]:
    """The packages in an answer of tracking that bear the reference number; those that name none were asked for by it.

    Raises ValueError when it is no such answer.
    """
    found = child(answer, "trackResponse").get("shipment") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise ValueError("no tracking response")
    packages = [each for shipment in found if isinstance(shipment, dict) for each in shipment.get("package") or []]
    return [
        each
        for each in packages
        if isinstance(each, dict) and text(each.get("trackingNumber")) and _bears(each, number)
    ]


def _bears(package: Mapping[str, Any], number: str) -> bool:
    named = [each.get("number") for each in package.get("referenceNumber") or [] if isinstance(each, dict)]
    return not named or number in named


def standing(packages: Sequence[Json]) -> Json | None:
    """The package whose label stands: of several the oldest, and one that was given back only if all were."""
    return min(packages, key=lambda each: (is_voided(each), _began(each), str(each["trackingNumber"])), default=None)


def activities(package: Mapping[str, Any]) -> list[Activity]:
    """What happened, the latest first; the current status comes before all of it."""
    told = [_activity(each) for each in package.get("activity") or [] if isinstance(each, dict)]
    current = child(package, "currentStatus")
    if not current:
        return told
    return [_status(current, told[0].at if told else None), *told]


def is_voided(package: Mapping[str, Any]) -> bool:
    """The last thing that says anything says so."""
    latest = _latest(activities(package))
    return latest is not None and latest[0].is_voided


def is_scanned(package: Mapping[str, Any]) -> bool:
    """The carrier has the parcel, or had it: a used label is not given back."""
    return any(each.is_scan for each in activities(package))


def is_turned(package: Mapping[str, Any]) -> bool:
    """A return to its sender was asked for, or is under way."""
    return any(each.code in _TURNING or each.goes_back for each in activities(package))


def bought_at(package: Mapping[str, Any]) -> datetime | None:
    """When the label was printed, as far as tracking says."""
    return min((each.at for each in activities(package) if each.at), default=None)


def status_of(package: Mapping[str, Any]) -> ParcelStatus | None:
    """Where the parcel is; None for one of which nothing is said, or whose label was given back."""
    latest = _latest(activities(package))
    return latest[1] if latest else None


def parcel_events(package: Mapping[str, Any], reference: str) -> tuple[ParcelEvent, ...]:
    """What tracking says about the parcel under our reference, as far as we act on it.

    A parcel that has a problem on its way was scanned: that is told first, in case nobody heard it.
    """
    told, owner = activities(package), parse_label_reference(reference)
    latest = _latest(told)
    if owner is None or latest is None or latest[1] is None:
        return ()
    found = [latest]
    if latest[1] is P.EXCEPTION and (scan := _first_scan(told)) is not None:
        found.insert(0, (scan, P.IN_TRANSIT))
    number = str(package.get("trackingNumber"))
    return tuple(
        ParcelEvent(
            source=SOURCE,
            source_id=f"{number}:{status}:{activity.code or activity.kind}",
            parcel=owner.parcel,
            generation=owner.generation,
            status=status,
            occurred_at=activity.at or datetime.now(UTC),
            carrier=CARRIER,
            tracking_number=number,
            detail=activity.words or None,
            returning=owner.returning,
        )
        for activity, status in found
        if status is not None
    )


def void_event(package: Mapping[str, Any], reference: str) -> ParcelEvent | None:
    """That a label was given back, as a notice; None for one that stands, or is not ours."""
    owner, number = parse_label_reference(reference), str(package.get("trackingNumber"))
    if owner is None or not is_voided(package):
        return None
    return ParcelEvent(
        source=SOURCE,
        source_id=f"{number}:voided",
        parcel=owner.parcel,
        generation=owner.generation,
        status=P.PLANNED,
        occurred_at=activities(package)[0].at or datetime.now(UTC),
        detail=f"label {number} of {CARRIER} costs nothing",
        notice="void_settled",
        returning=owner.returning,
    )


def bought_label(answer: Any, reference: str, *, can_intercept: bool) -> LabelState:
    """The label that was sold. Raises ValueError when the answer names none."""
    results = child(child(answer if isinstance(answer, dict) else {}, "ShipmentResponse"), "ShipmentResults")
    number = text(results.get("ShipmentIdentificationNumber"))
    if number is None:
        raise ValueError("no label")
    cost, currency = _price(results)
    return LabelState(
        label_id=number,
        reference=reference,
        carrier=CARRIER,
        tracking_number=number,
        cost=cost,
        currency=currency,
        can_intercept=can_intercept,
        url=text(results.get("LabelURL")),
    )


def _price(results: Mapping[str, Any]) -> tuple[int | None, str]:
    """What the account pays: its own price where UPS names one, else the published one; None when UPS names neither."""
    own = child(child(results, "NegotiatedRateCharges"), "TotalCharge")
    told = own or child(child(results, "ShipmentCharges"), "TotalCharges")
    currency = text(told.get("CurrencyCode")) or "USD"
    try:
        amount = Decimal(str(told.get("MonetaryValue"))).scaleb(minor_digits(currency))
        return int(amount.to_integral_value(ROUND_HALF_UP)), currency
    except (InvalidOperation, ValueError):
        return None, currency


def _latest(told: Sequence[Activity]) -> tuple[Activity, ParcelStatus | None] | None:
    """The first that says something, with what it says; a voided label says nothing of a parcel."""
    return next(_telling(told), None)


def _telling(told: Sequence[Activity]) -> Iterator[tuple[Activity, ParcelStatus | None]]:
    scanned, back = any(each.is_scan for each in told), any(each.goes_back for each in told)
    for each in told:
        status = _meaning(each, scanned=scanned)
        if status is P.DELIVERED and back:
            status = P.RETURNED_TO_SENDER  # to whom it came from
        if status is not None or each.is_voided:
            yield each, status


def _meaning(activity: Activity, *, scanned: bool) -> ParcelStatus | None:
    """A delay on the way is no exception; before the first scan it keeps the parcel from leaving."""
    if activity.is_voided or activity.code == _VOIDED_PICKUP:
        return None
    known = _BY_CODE.get(activity.code) or _BY_TYPE.get(activity.kind)
    if known is None and activity.kind == _DELAY:
        return P.IN_TRANSIT if scanned else P.EXCEPTION
    return known


def _first_scan(told: Sequence[Activity]) -> Activity | None:
    scans = [each for each in told if each.is_scan and each.at]
    return min(scans, key=lambda each: each.at or _LONG_AGO, default=None)


def _began(package: Mapping[str, Any]) -> datetime:
    return bought_at(package) or datetime.now(UTC)


def _activity(told: Mapping[str, Any]) -> Activity:
    return _status(child(told, "status"), _moment(told))


def _status(told: Mapping[str, Any], at: datetime | None) -> Activity:
    """UPS writes the three digits into `statusCode`, and in some answers into `code`."""
    code = str(told.get("statusCode") or "")
    if not code and str(told.get("code") or "").isdecimal():
        code = str(told["code"])
    words = str(told.get("description") or told.get("simplifiedTextDescription") or "").strip()
    return Activity(str(told.get("type") or "").strip(), code, words, at)


def _moment(told: Mapping[str, Any]) -> datetime | None:
    """In Greenwich time where UPS says it, else local with its offset; without one it is taken for Greenwich."""
    found = _parsed(told.get("gmtDate"), told.get("gmtTime"))
    if found is not None:
        return found
    local = _parsed(told.get("date"), told.get("time"))
    return local and local.replace(tzinfo=_offset(told.get("gmtOffset"))).astimezone(UTC)


def _parsed(day: object, clock: object) -> datetime | None:
    """`20240202` and `20:04:35`, or `200435`, or `74700`."""
    digits = str(clock or "").replace(":", "").zfill(6)
    try:
        return datetime.strptime(f"{day}{digits}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _offset(told: object) -> timezone:
    """`-05:00`."""
    try:
        hours, _, minutes = str(told).partition(":")
        size = timedelta(hours=abs(int(hours)), minutes=int(minutes or 0))
        return timezone(-size if hours.startswith("-") else size)
    except ValueError:
        return UTC
