"""A request to ship, judged by the rules UPS publishes: who pays, where to, how long each field may be."""

import re
from collections.abc import Iterable
from typing import Any, Final

from emulators.ups import errors
from emulators.ups.books import Record
from emulators.ups.rates import SERVICES

DOMESTIC: Final = frozenset({"US", "PR"})
HEAVIEST: Final = 150
LONGEST: Final = 35
_POSTAL_CODE: Final = re.compile(r"\d{5}(-?\d{4})?")


def shipment_of(body: Any) -> Record:
    """The request's shipment, if it may be shipped."""
    shipment = _child(_child(body, "ShipmentRequest"), "Shipment")
    if not shipment:
        raise errors.missing("10002", "ShipmentRequest")
    _judge_shipper(shipment)
    if _child(shipment, "Service").get("Code") not in SERVICES:
        raise errors.missing("120500", "Service/Code")
    _judge_address(_child(shipment, "ShipTo"), "1202", "ShipTo", errors.SHIP_TO)
    _judge_address(_child(shipment, "ShipFrom"), "1203", "ShipFrom", errors.SHIP_FROM)
    _judge_package(shipment)
    return shipment


def references_of(shipment: Record) -> list[str]:
    """The reference numbers, which stand at the package on domestic ways and at the shipment on all others."""
    package = shipment["Package"][0]
    given, other = package.get("ReferenceNumber") or [], shipment.get("ReferenceNumber") or []
    if not is_domestic(shipment):
        given, other = other, given
    if other:
        raise errors.missing("120541" if is_domestic(shipment) else "120542", "ReferenceNumber")
    values = [str(_child({"it": each}, "it").get("Value") or "") for each in given]
    if len(values) > 2 or any(not 0 < len(value) <= LONGEST for value in values):
        raise errors.missing("120501", "ReferenceNumber/Value")
    return values


def is_domestic(shipment: Record) -> bool:
    """Within the United States, or within Puerto Rico."""
    countries = {_child(_child(shipment, side), "Address").get("CountryCode") for side in ("ShipFrom", "ShipTo")}
    return len(countries) == 1 and countries <= DOMESTIC


def _judge_shipper(shipment: Record) -> None:
    number = str(_child(shipment, "Shipper").get("ShipperNumber") or "")
    if not re.fullmatch(r"[A-Z0-9]{6}", number):
        raise errors.missing("120100", "shipper number")
    charge = (_child(shipment, "PaymentInformation").get("ShipmentCharge") or [{}])[0]
    if charge.get("Type") != "01":
        raise errors.missing("120410", "PaymentInformation: one payment method is required")
    if _child(charge, "BillShipper").get("AccountNumber") != number:
        raise errors.missing("120415", "PaymentInformation/BillShipper/AccountNumber")


def _judge_address(party: Record, code: str, side: str, unknown: tuple[str, str]) -> None:
    address = _child(party, "Address")
    lines = address.get("AddressLine") or []
    if not 0 < len(str(party.get("Name") or "")) <= LONGEST:
        raise errors.missing(f"{code}00", f"{side} CompanyName")
    if not 0 < len(lines) <= 3 or not _fit(lines):
        raise errors.missing(f"{code}02", f"{side} AddressLine1")
    if not address.get("City") or not address.get("CountryCode"):
        raise errors.missing(f"{code}05", f"{side} City")
    code_wanted = address["CountryCode"] in DOMESTIC
    if code_wanted and not _POSTAL_CODE.fullmatch(str(address.get("PostalCode"))):
        raise errors.missing(f"{code}07", f"{side} PostalCode")
    if address.get("PostalCode") == "00000" or any("UNDELIVERABLE" in line for line in lines):
        raise errors.refused(unknown)


def _fit(lines: Iterable[Any]) -> bool:
    return all(isinstance(line, str) and 0 < len(line) <= LONGEST for line in lines)


def _judge_package(shipment: Record) -> None:
    packages = shipment.get("Package")
    if not isinstance(packages, list) or len(packages) != 1 or not _child(packages[0], "Packaging").get("Code"):
        raise errors.missing("120600", "Package: one with Packaging/Code")
    weight = _child(packages[0], "PackageWeight")
    number, unit = str(weight.get("Weight")), _child(weight, "UnitOfMeasurement").get("Code")
    if not re.fullmatch(r"\d{1,3}(\.\d)?", number) or not 0 < float(number) <= HEAVIEST or unit not in {"LBS", "KGS"}:
        raise errors.missing("120601", "Package weight")
    if shipment.get("ReturnService") and not packages[0].get("Description"):
        raise errors.missing("120503", "Package/Description")


def _child(parent: Any, name: str) -> Record:
    found = parent.get(name) if isinstance(parent, dict) else None
    return found if isinstance(found, dict) else {}
