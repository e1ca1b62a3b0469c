"""Shipments: rated when created, then bought once. Nothing makes two creations one: the API has no idempotency keys."""

from typing import Any, Final

from emulators.easypost import errors
from emulators.easypost.books import Books, Record
from emulators.easypost.rates import rates_for, tracking_code
from emulators.easypost.tracking import Tracking, view

ADDRESS_FIELDS: Final = (
    "name", "company", "street1", "street2", "city", "state", "zip", "country",
    "phone", "email", "residential", "carrier_facility", "federal_tax_id", "state_tax_id",
)  # fmt: skip
NOT_YET: Final = (
    "selected_rate", "postage_label", "tracking_code", "refund_status", "insurance", "scan_form", "usps_zone",
    "batch_id", "batch_status", "batch_message", "order_id", "customs_info", "return_address", "buyer_address",
)  # fmt: skip
PRIVATE: Final = {"label", "tracker_id"}


class Shipments:
    """Creates, buys and prints shipments. Changes expect to run inside a store transaction."""

    def __init__(self, books: Books, tracking: Tracking) -> None:
        self._books, self._tracking = books, tracking

    def create(self, asked: Record) -> Record:
        """A new shipment with its rates; a return goes the other way ("Returns" page: "we switch" the addresses)."""
        for field in ("to_address", "from_address"):
            if not isinstance(asked.get(field), dict):
                raise errors.required(field)
        _refuse_undeliverable(asked["to_address"])
        to_address, from_address = asked["to_address"], asked["from_address"]
        if asked.get("is_return"):
            to_address, from_address = from_address, to_address
        shipment: Record = {
            **self._books.new("shp", "Shipment"),
            **dict.fromkeys(NOT_YET),
            "reference": asked.get("reference"),
            "to_address": self._address(to_address),
            "from_address": self._address(from_address),
            "parcel": self._parcel(asked.get("parcel")),
            "options": {"currency": "USD", **(asked.get("options") or {})},
            "is_return": bool(asked.get("is_return")),
            "customs_info": asked.get("customs_info"),
            "status": "unknown",
            "messages": [],
            "fees": [],
            "forms": [],
            "label": None,
            "tracker_id": None,
        }
        shipment["return_address"], shipment["buyer_address"] = shipment["from_address"], shipment["to_address"]
        shipment["rates"] = rates_for(self._books, shipment)
        self._books.save_shipment(shipment)
        return shipment

    def buy(self, shipment: Record, asked: Record) -> None:
        """Buy postage at one of the shipment's rates."""
        if shipment["postage_label"] is not None:
            raise errors.postage_exists()
        rate_id = (asked.get("rate") or {}).get("id") if isinstance(asked.get("rate"), dict) else None
        if rate_id is None:
            raise errors.required("rate")
        rate = next((each for each in shipment["rates"] if each["id"] == rate_id), None)
        if rate is None:
            raise errors.invalid("rate", "is not a rate of this shipment")
        number = self._books.store.next_number("label")
        shipment.update(selected_rate=rate, label="bought", fees=_fees(rate))
        shipment["tracking_code"] = tracking_code(rate["carrier"], number)
        shipment["postage_label"] = self._label(shipment["id"])
        self._books.save_shipment(shipment)
        tracker = self._tracking.begin(shipment, rate["carrier"])
        self._books.save_shipment({**shipment, "tracker_id": tracker["id"], "status": tracker["status"]})

    def view(self, shipment: Record) -> Record:
        """The shipment as the API prints it, with its tracker inside."""
        shown = {name: value for name, value in shipment.items() if name not in PRIVATE}
        tracker = self._books.tracker(shipment["tracker_id"]) if shipment["tracker_id"] else None
        return {**shown, "tracker": view(tracker) if tracker else None}

    def _address(self, asked: Record) -> Record:
        shown: dict[str, Any] = {field: asked.get(field) for field in ADDRESS_FIELDS}
        return {
            **self._books.new("adr", "Address"),
            **shown,
            "country": asked.get("country") or "US",
            "verifications": {},
        }

    def _parcel(self, asked: Record | None) -> Record | None:
        if not asked:
            return None
        if not isinstance(asked.get("weight"), int | float):
            raise errors.required("parcel.weight")
        size = {field: asked.get(field) for field in ("length", "width", "height", "predefined_package")}
        return {**self._books.new("prcl", "Parcel"), **size, "weight": asked["weight"]}

    def _label(self, shipment_id: str) -> Record:
        return {
            **self._books.new("pl", "PostageLabel"),
            "label_url": f"https://easypost-files.example/labels/{shipment_id}.png",
            "label_file_type": "image/png",
            "label_size": "4x6",
            "label_type": "default",
            "label_resolution": 300,
            "label_date": self._books.now(),
            "date_advance": 0,
            "integrated_form": "none",
            "label_pdf_url": None,
            "label_zpl_url": None,
            "label_epl2_url": None,
            "label_file": None,
        }


def _fees(rate: Record) -> list[Record]:
    paid = {"object": "Fee", "type": "PostageFee", "amount": rate["rate"], "charged": True, "refunded": False}
    label = {"object": "Fee", "type": "LabelFee", "amount": "0.00000", "charged": True, "refunded": False}
    return [label, paid]


def _refuse_undeliverable(address: Record) -> None:
    street = f"{address.get('street1') or ''} {address.get('street2') or ''}"
    if address.get("zip") == "00000" or "UNDELIVERABLE" in street:
        raise errors.address_failure()
