"""What Amazon says of an order, translated. Both versions of its API are read into one `Standing` first.

Amazon's order goes no further than "complete", which is the departure: scans and delivery are said of its packages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final, TypeVar

from pydantic import ValidationError

from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.amazon_mcf.errors import unreadable

Word = TypeVar("Word")


class Phase(Enum):
    """What an order's own status says. `SHIPMENTS_SAY`: it is as far as its shipments are."""

    OPEN = "open"
    PICKING = "picking"
    SHIPMENTS_SAY = "shipments_say"
    LEFT = "left"
    CANCELED = "canceled"
    INVALID = "invalid"
    UNFULFILLABLE = "unfulfillable"


ORDER_2020: Final[Mapping[str, Phase]] = {
    "New": Phase.OPEN,
    "Received": Phase.OPEN,
    "Planning": Phase.OPEN,
    "Processing": Phase.PICKING,
    "Complete": Phase.LEFT,
    "CompletePartialled": Phase.LEFT,
    "Cancelled": Phase.CANCELED,
    "Unfulfillable": Phase.UNFULFILLABLE,
    "Invalid": Phase.INVALID,
}
ORDER_2026: Final[Mapping[str, Phase]] = {
    "PROCESSING": Phase.SHIPMENTS_SAY,
    "COMPLETE": Phase.LEFT,
    "COMPLETE_PARTIAL": Phase.LEFT,
    "CANCELLED": Phase.CANCELED,
    "UNFULFILLABLE": Phase.UNFULFILLABLE,
    "INVALID": Phase.INVALID,
}
# A shipment that the center could not fulfill is replaced by a new one at once.
SHIPMENT: Final[Mapping[str, ParcelStatus]] = {
    "PENDING": ParcelStatus.PICKED,
    "PROCESSING": ParcelStatus.PICKED,
    "SHIPPED": ParcelStatus.LEFT_WAREHOUSE,
    "CANCELLED": ParcelStatus.CANCELED,
    "CANCELLED_BY_SELLER": ParcelStatus.CANCELED,
    "CANCELLED_BY_FULFILLER": ParcelStatus.CANCELED,
}
PACKAGE_2020: Final[Mapping[str, ParcelStatus]] = {
    "UNKNOWN": ParcelStatus.LEFT_WAREHOUSE,
    "IN_TRANSIT": ParcelStatus.IN_TRANSIT,
    "DELAYED": ParcelStatus.IN_TRANSIT,
    "OUT_FOR_DELIVERY": ParcelStatus.IN_TRANSIT,
    "DELIVERY_ATTEMPTED": ParcelStatus.IN_TRANSIT,
    "AVAILABLE_FOR_PICKUP": ParcelStatus.IN_TRANSIT,
    "CUSTOMER_ACTION": ParcelStatus.IN_TRANSIT,
    "PICKUP_SCHEDULED": ParcelStatus.IN_TRANSIT,
    "PICKUP_ATTEMPTED": ParcelStatus.IN_TRANSIT,
    "PICKUP_CANCELLED": ParcelStatus.IN_TRANSIT,
    "PICKUP_SUCCESSFUL": ParcelStatus.IN_TRANSIT,
    "REFUND_ISSUED": ParcelStatus.IN_TRANSIT,
    "RETURNING": ParcelStatus.IN_TRANSIT,
    "DELIVERED": ParcelStatus.DELIVERED,
    "RETURN_REQUEST_ACCEPTED": ParcelStatus.DELIVERED,
    "RETURN_RECEIVED_IN_FC": ParcelStatus.DELIVERED,
    "RETURNED": ParcelStatus.RETURNED_TO_SENDER,
    "UNDELIVERABLE": ParcelStatus.LOST,
}
PACKAGE_2026: Final[Mapping[str, ParcelStatus]] = {
    "PROCESSING": ParcelStatus.LEFT_WAREHOUSE,
    "IN_TRANSIT": ParcelStatus.IN_TRANSIT,
    "DELAYED": ParcelStatus.IN_TRANSIT,
    "OUT_FOR_DELIVERY": ParcelStatus.IN_TRANSIT,
    "EXPIRED": ParcelStatus.IN_TRANSIT,
    "DELIVERED": ParcelStatus.DELIVERED,
    "UNDELIVERABLE": ParcelStatus.LOST,
}
_ENDED: Final[Mapping[Phase, str]] = {
    Phase.CANCELED: "canceled at Amazon",
    Phase.INVALID: "Amazon could not validate it: its address, or too little stock",
    Phase.UNFULFILLABLE: "Amazon found no sellable unit of it",
}
# What is least far decides; lost and returned are news for all of the parcel.
_LEAST_FIRST: Final = (
    ParcelStatus.PICKED,
    ParcelStatus.LEFT_WAREHOUSE,
    ParcelStatus.LOST,
    ParcelStatus.RETURNED_TO_SENDER,
    ParcelStatus.IN_TRANSIT,
    ParcelStatus.DELIVERED,
)
_USUAL: Final = frozenset({"PROCESSING", "IN_TRANSIT", "DELIVERED", "UNKNOWN"})
_SAID_LATER: Final = frozenset(_LEAST_FIRST[2:])


@dataclass(frozen=True)
class Package:
    """One package; `number` finds its tracking (2020), `status` and `seen_at` are what that says."""

    carrier: str | None
    tracking_number: str | None
    number: int | None = None
    status: ParcelStatus | None = None
    word: str | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Shipment:
    """What leaves together."""

    status: ParcelStatus
    packages: tuple[Package, ...] = ()


@dataclass(frozen=True)
class Standing:
    """An order as it stands at Amazon.

    `ordered`: its units by SKU; `gone`: those of them that Amazon canceled or could not fulfill. `ship_to`: `folded`.
    """

    reference: str
    phase: Phase
    held: bool
    changed_at: datetime | None
    shipments: tuple[Shipment, ...] = ()
    ordered: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    ship_to: tuple[str, ...] = ()

    @property
    def reserved(self) -> bool:
        """Set aside, and nothing else so far."""
        return self.held and status_of(self) is ParcelStatus.PLANNED

    @property
    def packages(self) -> tuple[Package, ...]:
        """Of every shipment."""
        return tuple(package for shipment in self.shipments for package in shipment.packages)

    def tracked(self, said: Mapping[int, Package]) -> "Standing":
        """With what tracking says of its packages, by their number."""
        shipments = tuple(
            replace(each, packages=tuple(said.get(package.number or 0, package) for package in each.packages))
            for each in self.shipments
        )
        return replace(self, shipments=shipments)


def known(table: Mapping[str, Word], word: object, what: str) -> Word:
    """What a word means. Raises RetryError for one that the documentation does not have."""
    if not isinstance(word, str) or word not in table:
        raise unreadable(f"{what} {word!r} is none that its documentation has")
    return table[word]


def telling(word: object) -> str | None:
    """A package's word for people; none where our status says the same."""
    return f"Amazon says {word}" if isinstance(word, str) and word not in _USUAL else None


def status_of(standing: Standing) -> ParcelStatus:
    """Where the parcel is: as far as what is least far of it."""
    if standing.phase in _ENDED:
        return ParcelStatus.CANCELED
    living = [each for each in standing.shipments if each.status is not ParcelStatus.CANCELED]
    if standing.phase is Phase.OPEN or (standing.phase is Phase.SHIPMENTS_SAY and not living):
        return ParcelStatus.PLANNED if standing.held else ParcelStatus.ACCEPTED
    otherwise = ParcelStatus.LEFT_WAREHOUSE if standing.phase is Phase.LEFT else ParcelStatus.PICKED
    return min((_shipment_status(each) for each in living), key=_LEAST_FIRST.index, default=otherwise)


def _shipment_status(shipment: Shipment) -> ParcelStatus:
    if shipment.status is not ParcelStatus.LEFT_WAREHOUSE:
        return shipment.status
    words = (package.status or ParcelStatus.LEFT_WAREHOUSE for package in shipment.packages)
    return min(words, key=_LEAST_FIRST.index, default=shipment.status)


def provider_order(standing: Standing) -> ProviderOrder:
    """The order in our words. Its id at Amazon is our reference."""
    status, packages = status_of(standing), standing.packages
    shown = next((package for package in packages if package.tracking_number), None)
    partial = bool(standing.gone) and status is not ParcelStatus.CANCELED
    return ProviderOrder(
        provider_id=standing.reference,
        reference=standing.reference,
        status=status,
        carrier=shown.carrier if shown else None,
        tracking_number=shown.tracking_number if shown else None,
        detail=_detail(standing, partial=partial),
        partially_canceled=partial,
        canceled_lines=_lines(standing.gone) if partial else (),
        changed_at=_changed_at(standing, status),
    )


def _changed_at(standing: Standing, status: ParcelStatus) -> datetime | None:
    """The order's time is that of its own status; what comes later has the time of a scan, where that is told."""
    if status not in _SAID_LATER:
        return standing.changed_at
    return max((package.seen_at for package in standing.packages if package.seen_at), default=None)


def _detail(standing: Standing, *, partial: bool) -> str | None:
    words = [_ENDED[standing.phase]] if standing.phase in _ENDED else []
    words += dict.fromkeys(package.word for package in standing.packages if package.word)
    if partial:
        words.append("Amazon does not fulfill all units")
    return "; ".join(words) or None


def _lines(gone: Mapping[str, int]) -> tuple[LineQuantity, ...]:
    """None when one of them is no SKU of ours."""
    try:
        return tuple(LineQuantity(sku=sku, quantity=gone[sku]) for sku in sorted(gone))
    except ValidationError:
        return ()


def units_of(lines: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    """Units by SKU; a SKU without any is left out."""
    units: dict[str, int] = {}
    for sku, quantity in lines:
        if quantity > 0:
            units[sku] = units.get(sku, 0) + quantity
    return units
