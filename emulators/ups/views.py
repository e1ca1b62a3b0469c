"""Shipments as tracking tells them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from emulators.ups.books import Record
from emulators.ups.errors import NOT_TRACKED
from emulators.ups.rates import SERVICES
from emulators.ups.tracking import SCANS

LOCAL: Final = timezone(-timedelta(hours=6))
"""Every scan is at the hub of Chicago."""


def tracked(shipments: list[Record], asked: str) -> Record:
    """The answer of the tracking API; without shipments, the warning that there is nothing to tell."""
    if not shipments:
        code, message = NOT_TRACKED
        nothing = {"inquiryNumber": asked, "warnings": [{"code": code, "message": message}]}
        return {"trackResponse": {"shipment": [nothing]}}
    found = [{"inquiryNumber": each["id"], "package": [_package(each)]} for each in shipments]
    return {"trackResponse": {"shipment": found}}


def _package(shipment: Record) -> Record:
    latest = shipment["activity"][0]["what"]
    weight, name = shipment["package"]["PackageWeight"], SERVICES[shipment["service"]][0]
    return {
        "trackingNumber": shipment["id"],
        "activity": [_activity(each) for each in shipment["activity"]],
        "currentStatus": {**_status(latest), "simplifiedTextDescription": SCANS[latest][3].strip()},
        "referenceNumber": [{"type": "PACKAGE", "number": value} for value in shipment["references"]],
        "service": {"code": shipment["service"], "description": name},
        "weight": {"unitOfMeasurement": weight["UnitOfMeasurement"]["Code"], "weight": weight["Weight"]},
        "packageAddress": [_party("ORIGIN", shipment["ship_from"]), _party("DESTINATION", shipment["ship_to"])],
        "packageCount": 1,
    }


def _activity(entry: Record) -> Record:
    at = datetime.fromisoformat(entry["at"])
    local, universal = at.astimezone(LOCAL), at.astimezone(UTC)
    place = {"city": "CHICAGO", "stateProvince": "IL", "countryCode": "US", "country": "US"}
    return {
        "location": {"address": place, "slic": "6045"},
        "status": _status(entry["what"]),
        "date": f"{local:%Y%m%d}",
        "time": f"{local:%H%M%S}",
        "gmtDate": f"{universal:%Y%m%d}",
        "gmtOffset": "-06:00",
        "gmtTime": f"{universal:%H:%M:%S}",
    }


def _status(what: str) -> Record:
    kind, code, status_code, words = SCANS[what]
    return {"type": kind, "code": code, "statusCode": status_code, "description": words}


def _party(kind: str, party: Record) -> Record:
    address = party["Address"]
    return {
        "type": kind,
        "name": party["Name"],
        "address": {
            "city": address["City"],
            "stateProvince": address.get("StateProvinceCode", ""),
            "countryCode": address["CountryCode"],
            "country": address["CountryCode"],
        },
    }
