"""UPS over plain HTTP, as its documentation shows the calls."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.emulators import EmulatorProcess

Json = dict[str, Any]
ACCOUNT = "A1B2C3"
BASIC = ("client", "secret")
_numbers = itertools.count(1)


def new_reference() -> str:
    """A reference no other test uses."""
    return f"parcel-{next(_numbers):05d}-end"


def party(**changes: Any) -> Json:
    """Somebody in Chicago."""
    address = {
        "AddressLine": ["1 Main St"],
        "City": "Chicago",
        "StateProvinceCode": "IL",
        "PostalCode": "60601",
        "CountryCode": "US",
    }
    return {"Name": "Ada", "Address": {**address, **changes}}


def ship_body(reference: str, **changes: Any) -> Json:
    """A package of two pounds by Ground, within the United States."""
    charge = {"Type": "01", "BillShipper": {"AccountNumber": ACCOUNT}}
    weight = {"UnitOfMeasurement": {"Code": "LBS"}, "Weight": "2"}
    package = {"Packaging": {"Code": "02"}, "PackageWeight": weight, "ReferenceNumber": [{"Value": reference}]}
    shipment: Json = {
        "Shipper": {**party(), "ShipperNumber": ACCOUNT},
        "ShipTo": party(),
        "ShipFrom": party(City="Newark", StateProvinceCode="NJ", PostalCode="07102"),
        "PaymentInformation": {"ShipmentCharge": [charge]},
        "Service": {"Code": "03"},
        "Package": [package],
    }
    return {"ShipmentRequest": {"Request": {"RequestOption": "validate"}, "Shipment": {**shipment, **changes}}}


def return_body(number: str, **changes: Any) -> Json:
    """A request to turn a parcel around."""
    body = {
        "transactionId": "t1",
        "source": "72",
        "clientIP": "192.0.2.1",
        "trackingNumber": number,
        "requesterContactInfo": {"name": "Acme"},
        "reasonForReturn": "AM",
    }
    return {**body, **changes}


@dataclass
class UPSClient:
    """One emulated UPS, with a token."""

    process: EmulatorProcess
    token: str = ""
    headers: Json = field(default_factory=lambda: {"transId": "1", "transactionSrc": "tests"})

    async def sign_in(self) -> httpx.Response:
        """Get a token and keep it."""
        form = {"grant_type": "client_credentials"}
        answer = await self.process.request("POST", "/security/v1/oauth/token", data=form, auth=BASIC)
        self.token = answer.json()["access_token"]
        return answer

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One call with the token."""
        headers = {"authorization": f"Bearer {self.token}", **self.headers, **arguments.pop("headers", {})}
        return await self.process.request(method, path, headers=headers, **arguments)

    async def ship(self, reference: str, **changes: Any) -> httpx.Response:
        """Buy a label."""
        return await self.call("POST", "/api/shipments/v2409/ship", json=ship_body(reference, **changes))

    async def bought(self, reference: str) -> str:
        """A label's number."""
        answer = await self.ship(reference)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ShipmentResponse"]["ShipmentResults"]["ShipmentIdentificationNumber"])

    async def void(self, number: str) -> httpx.Response:
        """Give a label back."""
        return await self.call("DELETE", f"/api/shipments/v2409/void/cancel/{number}")

    async def recover(self, **asked: Any) -> httpx.Response:
        """Print a label once more."""
        return await self.call(
            "POST", "/api/labels/v1/recovery", json={"LabelRecoveryRequest": {"Request": {}, **asked}}
        )

    async def recover_reference(self, reference: str, account: str = ACCOUNT) -> httpx.Response:
        """The same, by reference."""
        values = {"ReferenceNumber": {"Value": reference}, "ShipperNumber": account}
        return await self.recover(ReferenceValues=values)

    async def track(self, reference: str, **query: str) -> httpx.Response:
        """By reference."""
        return await self.call("GET", f"/api/track/v1/reference/details/{reference}", params=query)

    async def happened(self, number: str) -> list[str]:
        """Status codes of a package, the latest first."""
        answer = await self.call("GET", f"/api/track/v1/details/{number}")
        (package,) = answer.json()["trackResponse"]["shipment"][0]["package"]
        return [each["status"]["statusCode"] for each in package["activity"]]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status, and UPS's code of the error."""
    return answer.status_code, str(answer.json()["response"]["errors"][0]["code"])
