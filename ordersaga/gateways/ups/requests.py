"""What UPS is asked, as its API wants it written (https://developer.ups.com/api/reference/shipping).

Reference numbers have at most 35 characters. Ours fit, unless the order's id has more than thirty or so: then they are
shortened, anew whenever a label is looked up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from textwrap import wrap
from typing import Any
from uuid import uuid4

from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.identifiers import shortened
from ordersaga.domain.orders import Address
from ordersaga.domain.shipping import LabelRequest, ShippingService

Json = dict[str, Any]

LONGEST_REFERENCE = 35
_LINE, _LINES, _NAMES = 35, 3, 2
_POUNDS_COUNTRIES = frozenset({"US", "PR", "VI", "DO"})
_DOMESTIC = frozenset({"US", "PR"})
_GRAMS_PER_POUND = Decimal("453.59237")
_GRAMS_PER_KILOGRAM = Decimal(1000)
_TENTH = Decimal("0.1")
_OLDEST = timedelta(days=120)
_TOMORROW = timedelta(days=1)

SERVICES: Mapping[ShippingService, str] = {ShippingService.STANDARD: "03", ShippingService.EXPEDITED: "02"}
"""UPS Ground, and UPS 2nd Day Air."""
_PRINT_RETURN_LABEL = "9"
_CUSTOMER_SUPPLIED_PACKAGE = "02"
_CANCELED_ORDER = "AM"


@dataclass(frozen=True)
class Requester:
    """Who turns parcels around, as UPS wants to be told.

    `source`: two characters by which UPS knows where requests come from; `client_ip`: of whoever asks.
    """

    name: str
    telephone: str
    email: str
    source: str = "72"
    client_ip: str = "127.0.0.1"


@dataclass(frozen=True)
class Account:
    """The account that pays: its six characters, and the services it buys."""

    number: str
    services: Mapping[ShippingService, str]


def reference_number(reference: str) -> str:
    """What UPS knows a label by: our reference, shortened if it must be. The same reference gives the same number."""
    return shortened(reference, LONGEST_REFERENCE)


def ship_request(request: LabelRequest, account: Account) -> Json:
    """The label to buy: one package, paid by the account, its own prices asked for.

    Raises CustomerError `label_refused` for a shopper's address that does not fit on a label, OperatorError for ours.
    """
    shopper, warehouse = request.ship_to, request.ship_from
    if request.returning:
        shopper, warehouse = warehouse, shopper
    ours = _party(warehouse, OperatorError)
    theirs = _party(shopper, CustomerError)
    ship_from, ship_to = (theirs, ours) if request.returning else (ours, theirs)
    shipment: Json = {
        "Shipper": {**ours, "ShipperNumber": account.number},
        "ShipTo": ship_to,
        "ShipFrom": ship_from,
        "PaymentInformation": {
            "ShipmentCharge": [{"Type": "01", "BillShipper": {"AccountNumber": account.number}}],
        },
        "ShipmentRatingOptions": {"NegotiatedRatesIndicator": ""},
        "Service": {"Code": account.services[request.service]},
        "ShipmentServiceOptions": {"LabelDelivery": {"LabelLinksIndicator": ""}},
        "Package": [_package(request)],
    }
    if request.returning:
        shipment["ReturnService"] = {"Code": _PRINT_RETURN_LABEL}
    numbers = [{"Value": reference_number(request.reference)}]
    holder = shipment["Package"][0] if _is_domestic(request) else shipment
    holder["ReferenceNumber"] = numbers
    return {
        "ShipmentRequest": {
            "Request": {"RequestOption": "validate"},
            "Shipment": shipment,
            "LabelSpecification": {
                "LabelImageFormat": {"Code": "GIF"},
                "LabelStockSize": {"Height": "6", "Width": "4"},
            },
        }
    }


def recovery_request(*, number: str | None = None, reference: str | None = None, account: str = "") -> Json:
    """The label to print once more, by its number, or by our reference on the account."""
    named: Json = {"TrackingNumber": number}
    if number is None:
        named = {
            "ReferenceValues": {
                "ReferenceNumber": {"Value": reference_number(reference or "")},
                "ShipperNumber": account,
            }
        }
    return {"LabelRecoveryRequest": {"Request": {}, "LabelDelivery": {"LabelLinkIndicator": ""}, **named}}


def return_to_sender_request(number: str, requester: Requester) -> Json:
    """The parcel to turn around."""
    contact = {"name": requester.name, "telephone": requester.telephone, "emailAddress": requester.email}
    return {
        "transactionId": uuid4().hex[:14],
        "source": requester.source,
        "clientIP": requester.client_ip,
        "loc": "en_US",
        "trackingNumber": number,
        "requestType": "RS",
        "requesterContactInfo": contact,
        "reasonForReturn": _CANCELED_ORDER,
    }


def tracking_query(account: str, now: datetime) -> dict[str, str]:
    """Labels of the account, as far back as tracking remembers: left out, UPS looks back two weeks."""
    return {
        "shipperNum": account,
        "refNumType": "SmallPackage",
        "fromPickUpDate": f"{now - _OLDEST:%Y%m%d}",
        "toPickUpDate": f"{now + _TOMORROW:%Y%m%d}",
    }


def weight_of(grams: int, country: str) -> Json:
    """In pounds or kilograms, as the country of departure has it, rounded up to a tenth."""
    pounds = country in _POUNDS_COUNTRIES
    whole = Decimal(grams) / (_GRAMS_PER_POUND if pounds else _GRAMS_PER_KILOGRAM)
    weight = max(whole.quantize(_TENTH, ROUND_CEILING), _TENTH)
    return {"UnitOfMeasurement": {"Code": "LBS" if pounds else "KGS"}, "Weight": str(weight)}


def _package(request: LabelRequest) -> Json:
    package: Json = {
        "Packaging": {"Code": _CUSTOMER_SUPPLIED_PACKAGE},
        "PackageWeight": weight_of(request.weight_grams, request.ship_from.country),
    }
    return {"Description": "Returned goods", **package} if request.returning else package


def _is_domestic(request: LabelRequest) -> bool:
    """UPS prints a reference on the package on domestic ways of the US, and on the shipment on all others."""
    return request.ship_from.country == request.ship_to.country and request.ship_to.country in _DOMESTIC


def _party(address: Address, whose: type[CustomerError] | type[OperatorError]) -> Json:
    names = wrap(address.name, _LINE)
    lines = [*wrap(address.line1, _LINE), *wrap(address.line2 or "", _LINE)]
    for field, found, most in (("name", names, _NAMES), ("address", lines, _LINES)):
        if len(found) > most:
            raise whose(
                "label_refused", f"the {field} does not fit on a label of UPS: {most} lines of {_LINE} characters"
            )
    party: Json = {"Name": names[0], "Address": _address(address, lines)}
    if names[1:]:
        party["AttentionName"] = names[1]
    digits = re.sub(r"\D", "", address.phone or "")
    if 10 <= len(digits) <= 15:
        party["Phone"] = {"Number": digits}
    return party


def _address(address: Address, lines: list[str]) -> Json:
    return {
        "AddressLine": lines,
        "City": address.city[:30],
        "StateProvinceCode": address.region[:5],
        "PostalCode": re.sub(r"[ -]", "", address.postal_code),
        "CountryCode": address.country,
    }
