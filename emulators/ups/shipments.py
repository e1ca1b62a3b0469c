"""Buying labels, giving them back, and printing them once more."""

import base64
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from emulators.ups import errors, requests
from emulators.ups.books import Books, Record
from emulators.ups.rates import charges, pounds, tracking_number
from emulators.ups.scripts import Scripts
from emulators.ups.tracking import Tracking

VOIDABLE: Final = timedelta(days=28)
SUCCESS: Final = {"ResponseStatus": {"Code": "1", "Description": "Success"}}
_IMAGE: Final = base64.b64encode(b"GIF89a").decode()
_VOID_REFUSALS: Final = {"expired": errors.VOID_EXPIRED, "refused": errors.NOTHING_VOIDED}


class Shipments:
    """The counter. Changes expect to run inside a store transaction."""

    def __init__(self, books: Books, tracking: Tracking, scripts: Scripts) -> None:
        self._books, self._tracking, self._scripts = books, tracking, scripts

    def ship(self, body: Any) -> Record:
        """Sell a label; the answer to the request."""
        asked = requests.shipment_of(body)
        references = requests.references_of(asked)
        service, shipper = asked["Service"]["Code"], asked["Shipper"]["ShipperNumber"]
        number = tracking_number(shipper, service, self._books.store.next_number("label"))
        published, negotiated = charges(service, asked["Package"][0])
        rated = "NegotiatedRatesIndicator" in asked.get("ShipmentRatingOptions", {})
        shipment: Record = {
            "id": number,
            "shipper": shipper,
            "references": references,
            "service": service,
            "returning": "ReturnService" in asked,
            "ship_from": asked["ShipFrom"],
            "ship_to": asked["ShipTo"],
            "package": asked["Package"][0],
            "charge": str(negotiated if rated else published),
            "label": "bought",
            "linked": "LabelLinksIndicator" in _label_delivery(asked),
            "created_at": self._books.now().isoformat(),
            "created_virtual": self._books.clock.virtual(),
            "stage": "label",
            "scanned": False,
            "paused": False,
            "turned": None,
            "activity": [],
        }
        self._tracking.begin(shipment)
        return _shipped(shipment, published, negotiated if rated else None)

    def void(self, number: str) -> Record:
        """Give a label back; the answer to the request."""
        shipment = self._books.shipment(number)
        if shipment is None:
            raise errors.refused(errors.NOT_VOIDABLE)
        if shipment["label"] == "voided":
            raise errors.refused(errors.ALREADY_VOIDED)
        if shipment["scanned"]:
            raise errors.refused(errors.NOT_VOIDABLE)
        told = self._scripts.of(shipment)["void"]
        if self._books.clock.virtual() - shipment["created_virtual"] > VOIDABLE.total_seconds():
            told = "expired"
        if told in _VOID_REFUSALS:
            raise errors.refused(_VOID_REFUSALS[told])
        self._tracking.void(shipment)
        summary = {"Status": {"Code": "1", "Description": "Voided"}}
        return {"VoidShipmentResponse": {"Response": SUCCESS, "SummaryResult": summary}}

    def recover(self, body: Any) -> Record:
        """Print a label once more, found by its number or by a reference of the account."""
        asked = body.get("LabelRecoveryRequest") if isinstance(body, dict) else None
        if not isinstance(asked, dict):
            raise errors.missing("10002", "LabelRecoveryRequest")
        found = self._asked_for(asked)
        if not found:
            raise errors.refused(errors.LABEL_NOT_FOUND)
        living = [each for each in found if each["label"] != "voided"]
        if not living:
            raise errors.refused(errors.LABEL_VOIDED)
        if len(living) > 1:
            return _recovered(LabelResults=[], TrackingCandidate=[{"TrackingNumber": each["id"]} for each in living])
        if living[0]["scanned"]:
            raise errors.refused(errors.LABEL_GONE)
        linked = "LabelLinkIndicator" in (asked.get("LabelDelivery") or {})
        return _recovered(
            ShipmentIdentificationNumber=living[0]["id"], LabelResults=[_printed(living[0], linked=linked)]
        )

    def _asked_for(self, asked: Record) -> list[Record]:
        if asked.get("TrackingNumber"):
            found = self._books.shipment(str(asked["TrackingNumber"]))
            return [found] if found else []
        values = asked.get("ReferenceValues") or {}
        reference, shipper = (values.get("ReferenceNumber") or {}).get("Value"), values.get("ShipperNumber")
        if not reference or not shipper:
            raise errors.missing("300005", "TrackingNumber, or ReferenceNumber with ShipperNumber")
        return [each for each in self._books.with_reference(str(reference)) if each["shipper"] == shipper]


def label_url(shipment: Record) -> str:
    """Where the label can be printed."""
    return f"https://ups-labels.example/{shipment['id']}"


def _shipped(shipment: Record, published: Decimal, negotiated: Decimal | None) -> Record:
    zero = Decimal(0)
    results: Record = {
        "ShipmentCharges": {
            "TransportationCharges": _money(published),
            "ServiceOptionsCharges": _money(zero),
            "TotalCharges": _money(published),
        },
        "BillingWeight": {
            "UnitOfMeasurement": {"Code": "LBS", "Description": "Pounds"},
            "Weight": f"{pounds(shipment['package']):.1f}",
        },
        "ShipmentIdentificationNumber": shipment["id"],
        "PackageResults": [_package(shipment)],
    }
    if negotiated is not None:
        results["NegotiatedRateCharges"] = {"TotalCharge": _money(negotiated)}
    if shipment["linked"]:
        results["LabelURL"] = label_url(shipment)
    return {"ShipmentResponse": {"Response": SUCCESS, "ShipmentResults": results}}


def _package(shipment: Record) -> Record:
    image = {"ImageFormat": {"Code": "GIF", "Description": "GIF"}, "GraphicImage": _IMAGE}
    return {"TrackingNumber": shipment["id"], "ServiceOptionsCharges": _money(Decimal(0)), "ShippingLabel": image}


def _printed(shipment: Record, *, linked: bool) -> Record:
    image: Record = {"LabelImageFormat": {"Code": "GIF"}, "GraphicImage": _IMAGE}
    if linked:
        image["URL"] = label_url(shipment)
    return {"TrackingNumber": shipment["id"], "LabelImage": image}


def _recovered(**results: Any) -> Record:
    return {"LabelRecoveryResponse": {"Response": SUCCESS, **results}}


def _money(amount: Decimal) -> Record:
    return {"CurrencyCode": "USD", "MonetaryValue": f"{amount:.2f}"}


def _label_delivery(asked: Record) -> Record:
    found = (asked.get("ShipmentServiceOptions") or {}).get("LabelDelivery")
    return found if isinstance(found, dict) else {}
