"""What the outside companies say happened, read from their records into one shape an audit can compare."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.domain.identifiers import ParcelReference, parse_parcel_reference

Record = Mapping[str, Any]

_OPEN: Final = frozenset({"requires_capture", "requires_action", "requires_confirmation", "processing"})
_REFUNDED: Final = frozenset({"pending", "succeeded"})
_NOT_KEPT: Final = frozenset({"return_to_sender"})


@dataclass(frozen=True)
class Payment:
    """A payment at Stripe. Amounts in minor units; `key` is our effect key, found in its metadata."""

    payment_id: str
    order_id: str
    parcel: int
    key: str
    status: str
    amount: int
    captured: int = 0
    refunds: tuple[tuple[str, int], ...] = ()

    @property
    def refunded(self) -> int:
        """What went back to the shopper."""
        return sum(amount for _, amount in self.refunds)

    @property
    def net(self) -> int:
        """What the shopper paid and did not get back."""
        return self.captured - self.refunded

    @property
    def is_open(self) -> bool:
        """Whether funds are reserved, or still may be."""
        return self.status in _OPEN


@dataclass(frozen=True)
class ProviderParcel:
    """A parcel at a 3PL. `live`: not canceled, or shipped all the same; `units`: what left the building, by SKU."""

    reference: ParcelReference
    live: bool
    units: Mapping[str, int] = field(default_factory=dict)

    @property
    def left(self) -> bool:
        """Whether goods left the building."""
        return bool(self.units)


@dataclass(frozen=True)
class Label:
    """A label at EasyPost. `scanned`: the carrier has the parcel; `kept`: the shopper has it, or is about to."""

    reference: ParcelReference
    voided: bool = False
    scanned: bool = False
    kept: bool = True


@dataclass(frozen=True)
class Outside:
    """Everything the companies say."""

    payments: tuple[Payment, ...] = ()
    provider_parcels: tuple[ProviderParcel, ...] = ()
    labels: tuple[Label, ...] = ()


def read_outside(stripe: Record, shipbob: Record, easypost: Record) -> Outside:
    """Read the companies' records (`GET /_control/records`), each an object of lists by kind."""
    refunds = stripe.get("refund", [])
    return Outside(
        payments=tuple(_payment(intent, refunds) for intent in stripe.get("payment_intent", [])),
        provider_parcels=tuple(_provider_parcels(shipbob.get("orders", []))),
        labels=tuple(_labels(easypost.get("shipments", []), easypost.get("trackers", []))),
    )


def _payment(intent: Record, refunds: Iterable[Record]) -> Payment:
    known = intent.get("metadata") or {}
    given = [each for each in refunds if each["payment_intent"] == intent["id"] and each["status"] in _REFUNDED]
    return Payment(
        payment_id=intent["id"],
        order_id=known.get("order_id", ""),
        parcel=int(known.get("parcel", 0)),
        key=known.get("effect_key", ""),
        status=intent["status"],
        amount=intent["amount"],
        captured=intent.get("amount_received", 0),
        refunds=tuple(((each.get("metadata") or {}).get("effect_key", ""), each["amount"]) for each in given),
    )


def _provider_parcels(orders: Iterable[Record]) -> Iterable[ProviderParcel]:
    for order in orders:
        reference = parse_parcel_reference(order["reference_id"])
        if reference is not None:
            live = any(shipment["goods_left"] or not shipment["cancelled_at"] for shipment in order["shipments"])
            yield ProviderParcel(reference, live, _units_that_left(order["shipments"]))


def _units_that_left(shipments: Iterable[Record]) -> dict[str, int]:
    units: Counter[str] = Counter()
    for shipment in shipments:
        if shipment["goods_left"]:
            units.update({product["sku"]: product["quantity"] for product in shipment["products"]})
    return dict(units)


def _labels(shipments: Iterable[Record], trackers: Iterable[Record]) -> Iterable[Label]:
    by_id = {tracker["id"]: tracker for tracker in trackers}
    for shipment in shipments:
        reference = parse_parcel_reference(shipment.get("reference") or "")
        if reference is None or not shipment.get("postage_label"):
            continue
        tracker = by_id.get(shipment.get("tracker_id"), {"status": "unknown"})
        yield Label(
            reference,
            voided=shipment.get("refund_status") in {"submitted", "refunded"},
            scanned=tracker["status"] not in {"unknown", "pre_transit"},
            kept=tracker["status"] not in _NOT_KEPT,
        )
