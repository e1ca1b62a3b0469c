"""The outside companies' own records (`GET /_control/records`), read into the shapes an audit compares."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ordersaga.demo.outside import Label, Outside, Page, Payment, ProviderParcel, Sale
from ordersaga.domain.channels import our_order_id
from ordersaga.domain.identifiers import ParcelReference, is_shortened, parse_parcel_reference, shortened

Record = Mapping[str, Any]
Records = Mapping[str, Record]
"""By company: objects by kind."""

_REFUNDED: Final = frozenset({"pending", "succeeded"})
_NOT_KEPT: Final = frozenset({"return_to_sender", "returned", "lost", "damaged"})
_NOT_SCANNED: Final = frozenset({"unknown", "pre_transit", "created", "label", "voided"})
UPS_TAKES: Final = 35
"""Characters of a reference."""
_BROUGHT_BACK: Final = frozenset({"RETURNED", "RETURNING", "UNDELIVERABLE"})
"""What Amazon's tracking says at the end of a way that did not end with the shopper."""


def read_outside(records: Records, known: Iterable[str] = ()) -> Outside:
    """Read what the companies wrote down; a company that is missing wrote nothing.

    `known`: references of the labels we asked for, by which those are recognized that were too long for a carrier.
    """
    known = tuple(known)
    stripe = records.get("stripe", {})
    refunds = stripe.get("refund", [])
    return Outside(
        payments=tuple(_payment(intent, refunds) for intent in stripe.get("payment_intent", [])),
        provider_parcels=tuple(parcel for name in PROVIDERS for parcel in _parcels(name, records.get(name, {}))),
        labels=tuple(label for name in CARRIERS for label in labels_of(name, records.get(name, {}), known)),
        pages=tuple(map(_page, stripe.get("checkout.session", []))),
        sales=tuple(
            sale for name, read in MARKETS.items() for sale in map(read, records.get(name, {}).get("orders", []))
        ),
    )


def labels_of(account: str, records: Record, known: Iterable[str] = ()) -> Iterator[Label]:
    """Every label of ours that was bought at a carrier account; `known` as in `read_outside`.

    One that was too long, and is none that we know of, stands under what the carrier calls it: it is nobody's parcel.
    """
    whole = {shortened(each, UPS_TAKES): each for each in known} if account == "ups" else {}
    for told_as, told in CARRIERS[account](records):
        text = whole.get(told_as, told_as)
        unknown = account == "ups" and is_shortened(text, UPS_TAKES)
        reference = ParcelReference(text, 0, 0) if unknown else parse_parcel_reference(text)
        if reference is not None:
            yield Label(reference, account=account, **told)


# ---- money ---------------------------------------------------------------------------------------------------------


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


def _page(session: Record) -> Page:
    known = session.get("metadata") or {}
    is_open = session["status"] == "open"
    return Page(session["id"], known.get("order_id", ""), is_open, known.get("effect_key", ""))


def _sold_by_tiktok(order: Record) -> Sale:
    told = Counter(line["seller_sku"] for line in order["lines"] if line["tracking_number"])
    return Sale(
        order_id=our_order_id("tiktok_shop", order["shop"], order["id"]),
        collected=order["total"] if "paid_time" in order["times"] else 0,
        refunded=order["refunded"],
        canceled=order["status"] == "CANCELLED",
        told=dict(told),
    )


def _sold_by_stall(order: Record) -> Sale:
    told: Counter[str] = Counter()
    for shipment in order["shipments"]:
        told.update({line["sku"]: line["quantity"] for line in shipment["lines"] if shipment["tracking_number"]})
    return Sale(order["id"], order["total"], order["refunded"], canceled=order["status"] == "canceled", told=dict(told))


MARKETS: Final[Mapping[str, Callable[[Record], Sale]]] = {"tiktok_shop": _sold_by_tiktok, "stall": _sold_by_stall}
"""How a sale stands in a marketplace's records."""


# ---- providers -----------------------------------------------------------------------------------------------------


def _parcels(provider: str, records: Record) -> Iterator[ProviderParcel]:
    for order in records.get("orders", []):
        reference = parse_parcel_reference(order["reference_id"])
        if reference is not None:
            live = any(shipment["goods_left"] or not shipment["cancelled_at"] for shipment in order["shipments"])
            units = _units_that_left(order["shipments"])
            yield ProviderParcel(reference, live, units, provider, kept=PROVIDERS[provider](order))


def _units_that_left(shipments: Iterable[Record]) -> dict[str, int]:
    units: Counter[str] = Counter()
    for shipment in shipments:
        if shipment["goods_left"]:
            for product in shipment["products"]:
                units[product["sku"]] += product["quantity"]
    return dict(units)


def _never_comes_back(order: Record) -> bool:
    """Neither ShipBob nor Newegg knows what became of a parcel that left."""
    return True


def _stays(order: Record) -> bool:
    return not (order["stage"] == "Delivered" and order["tracking"] in _BROUGHT_BACK)


PROVIDERS: Final[Mapping[str, Callable[[Record], bool]]] = {
    "shipbob": _never_comes_back,
    "newegg": _never_comes_back,
    "amazon_mcf": _stays,
}
"""Whether the shopper keeps what left, by provider."""


# ---- carriers ------------------------------------------------------------------------------------------------------


def _at_easypost(records: Record) -> Iterator[tuple[str, dict[str, bool]]]:
    by_id = {tracker["id"]: tracker for tracker in records.get("trackers", [])}
    for shipment in records.get("shipments", []):
        if shipment.get("postage_label"):
            status = by_id.get(shipment.get("tracker_id"), {"status": "unknown"})["status"]
            voided = shipment.get("refund_status") in {"submitted", "refunded"}
            yield shipment.get("reference") or "", _standing(status, voided=voided)


def _at_ups(records: Record) -> Iterator[tuple[str, dict[str, bool]]]:
    for shipment in records.get("shipments", []):
        known = (
            each for each in shipment["references"] if parse_parcel_reference(each) or is_shortened(each, UPS_TAKES)
        )
        yield next(known, ""), _standing(shipment["stage"], voided=shipment["label"] == "voided")


def _at_courier(records: Record) -> Iterator[tuple[str, dict[str, bool]]]:
    for shipment in records.get("shipments", []):
        yield shipment["reference"], _standing(shipment["status"], voided=shipment["label"] == "voided")


def _standing(status: str, *, voided: bool) -> dict[str, bool]:
    return {"voided": voided, "scanned": status not in _NOT_SCANNED, "kept": status not in _NOT_KEPT}


CARRIERS: Final[Mapping[str, Callable[[Record], Iterator[tuple[str, dict[str, bool]]]]]] = {
    "easypost": _at_easypost,
    "ups": _at_ups,
    "courier": _at_courier,
}
"""How labels stand in a carrier's records: reference, and `voided`, `scanned`, `kept`; by account."""
