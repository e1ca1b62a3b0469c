"""The emulator, and what the gateway asks it, against UPS's own machine-readable descriptions, where they are at hand.

UPS's schemas contradict themselves in places: lengths that its own examples and listed values do not have, and fields
of Roadie that every recovery would need. `DEFECTS` names them; everything else counts.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ordersaga.domain.shipping import ShippingService
from ordersaga.gateways.ups.requests import SERVICES, Account, recovery_request, ship_request
from tests.emulators.ups.support import UPSClient, new_reference, party, ship_body
from tests.gateways.support import address, label
from tests.support.emulators import SPECS

SHIPPING, TRACKING = SPECS / "ups-shipping-openapi.json", SPECS / "ups-tracking-openapi.json"
pytestmark = pytest.mark.skipif(not SHIPPING.exists(), reason="UPS's specifications are not beside the repository")

Json = dict[str, Any]
DEFECTS: Final = (
    # where in the body, which rule
    (("BillingWeight", "Weight"), "minLength"),  # eight characters, for "2.0"
    (("LabelImageFormat", "Code"), "minLength"),  # four characters, for GIF
    (("LabelRecoveryRequest",), "required"),  # TrackingNumbers of Roadie, ReferenceValues beside a TrackingNumber
)


class Contract:
    """Validates bodies against the schemas of both documents."""

    def __init__(self) -> None:
        self._documents = {
            name: json.loads(path.read_text()) for name, path in (("ship", SHIPPING), ("track", TRACKING))
        }
        pairs = [
            (f"{name}:", Resource.from_contents(document, default_specification=DRAFT202012))
            for name, document in self._documents.items()
        ]
        self._registry: Registry[Any] = Registry().with_resources(pairs)

    def answered(self, method: str, path: str, status: int, body: Any) -> None:
        """Fail unless a document has this answer and the body fits it, with no field it does not know."""
        name, template = self._find(path)
        responses = self._documents[name]["paths"][template][method.lower()]["responses"]
        assert str(status) in responses, f"{method} {template} never answers {status}"
        pointer = f"{_escape(template)}/{method.lower()}/responses/{status}/content/application~1json/schema"
        self._check(name, pointer, body)
        self._no_surprises(name, responses[str(status)]["content"]["application/json"]["schema"], body)

    def asked(self, path: str, body: Any) -> None:
        """Fail unless the request's body fits its document, with no field it does not know."""
        name, template = self._find(path)
        self._check(name, f"{_escape(template)}/post/requestBody/content/application~1json/schema", body)
        operation = self._documents[name]["paths"][template]["post"]
        self._no_surprises(name, operation["requestBody"]["content"]["application/json"]["schema"], body)

    def _find(self, path: str) -> tuple[str, str]:
        """Which document, which path; the deprecated ones have a parameter of another name."""
        bare = path.removeprefix("/api").partition("?")[0]
        for name, document in self._documents.items():
            for template in document["paths"]:
                if "deprecated" not in template and _pattern(template).fullmatch(bare):
                    return name, template
        raise AssertionError(f"no document has {path}")

    def _check(self, name: str, pointer: str, body: Any) -> None:
        schema = {"$ref": f"{name}:#/paths/{pointer}"}
        errors = Draft202012Validator(schema, registry=self._registry).iter_errors(body)
        assert [error.message for error in _counting(errors)] == []

    def _no_surprises(self, name: str, schema: Json, body: Any) -> None:
        while "$ref" in schema:
            schema = self._documents[name]["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if isinstance(body, list):
            for item in body:
                self._no_surprises(name, schema["items"], item)
        elif isinstance(body, dict) and "properties" in schema:
            assert set(body) <= set(schema["properties"])
            for field, value in body.items():
                self._no_surprises(name, schema["properties"][field], value)


def _counting(errors: Iterator[ValidationError]) -> Iterator[ValidationError]:
    """Those that are no defect of the document."""
    for error in errors:
        path = tuple(part for part in error.absolute_path if isinstance(part, str))
        if not any(path[-len(where) :] == where and error.validator == rule for where, rule in DEFECTS):
            yield error


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", r"[^/:]+", re.escape(template)))


def _escape(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


@pytest.fixture(scope="module")
def contract() -> Contract:
    """Both documents, read once."""
    return Contract()


async def _checked(ups: UPSClient, contract: Contract, method: str, path: str, **arguments: Any) -> int:
    answer = await ups.call(method, path, **arguments)
    contract.answered(method, path, answer.status_code, answer.json())
    return answer.status_code


async def test_labels_fit_the_specification(ups: UPSClient, contract: Contract) -> None:
    """Bought with everything that may be asked for, recovered, voided, and each refused."""
    reference, ship = new_reference(), "/api/shipments/v2409/ship"
    options = {
        "ShipmentRatingOptions": {"NegotiatedRatesIndicator": ""},
        "ShipmentServiceOptions": {"LabelDelivery": {"LabelLinksIndicator": ""}},
    }
    body = ship_body(reference, **options)
    contract.asked(ship, body)
    assert await _checked(ups, contract, "POST", ship, json=body) == 200
    number = (await ups.process.get("records", match=reference))["shipments"][0]["id"]
    for named in ({"number": number}, {"reference": reference, "account": "A1B2C3"}):
        assert await _checked(ups, contract, "POST", "/api/labels/v1/recovery", json=recovery_request(**named)) == 200
    void = f"/api/shipments/v2409/void/cancel/{number}"
    assert await _checked(ups, contract, "DELETE", void) == 200
    assert await _checked(ups, contract, "DELETE", void) == 400
    assert await _checked(ups, contract, "POST", "/api/labels/v1/recovery", json=recovery_request(number=number)) == 400
    refused = ship_body(reference, ShipTo=party(PostalCode="00000"))
    assert await _checked(ups, contract, "POST", ship, json=refused) == 400
    assert await _checked(ups, contract, "POST", ship, json=body, headers={"authorization": ""}) == 401


async def test_candidates_fit_the_specification(ups: UPSClient, contract: Contract) -> None:
    """Of several labels under one reference."""
    reference = new_reference()
    await ups.bought(reference)
    await ups.bought(reference)
    asked = recovery_request(reference=reference, account="A1B2C3")
    assert await _checked(ups, contract, "POST", "/api/labels/v1/recovery", json=asked) == 200


@pytest.mark.parametrize("end", ["delivered", "returned", "lost", "exception"])
async def test_tracking_fits_the_specification(ups: UPSClient, contract: Contract, end: str) -> None:
    """At the label, at each end, voided, and of nothing."""
    number = await ups.bought(reference := new_reference())
    paths = [f"/api/track/v1/details/{number}", f"/api/track/v1/reference/details/{reference}"]
    for path in paths:
        assert await _checked(ups, contract, "GET", path) == 200
    await ups.process.post("delay", match=reference)
    await ups.process.post("advance", match=reference, to=end)
    for path in paths:
        assert await _checked(ups, contract, "GET", path) == 200
    assert await _checked(ups, contract, "GET", "/api/track/v1/reference/details/nothing") == 404
    assert await _checked(ups, contract, "GET", "/api/track/v1/details/1ZNOBODY0000000000") == 200
    assert await _checked(ups, contract, "GET", paths[0], headers={"transId": ""}) == 400


def test_too_many_calls_fit_the_specification(contract: Contract) -> None:
    """As the emulator words it."""
    told = {"response": {"errors": [{"code": "10429", "message": "Too Many Requests"}]}}
    contract.answered("POST", "/api/shipments/v2409/ship", 429, told)


@pytest.mark.parametrize("service", ShippingService)
def test_what_the_gateway_asks_fits_the_specification(contract: Contract, service: ShippingService) -> None:
    """There and back, at home and abroad, by a long reference and with a long address."""
    long = address(name="The Honorable Augusta Ada King-Noel Countess of Lovelace", line1="12 " + "Long Street " * 4)
    abroad = address(country="CA", region="ON", postal_code="M5V 2T6")
    requests = [
        label("o1", service=service),
        label("o1", service=service, returning=True, ship_from=long, ship_to=address()),
        label("o1", service=service, ship_to=abroad),
        label("o1", service=service, ship_to=long, reference=f"{'o' * 64}-12-34"),
    ]
    for request in requests:
        contract.asked("/api/shipments/v2409/ship", ship_request(request, Account("A1B2C3", SERVICES)))
    contract.asked("/api/labels/v1/recovery", recovery_request(number="1ZA1B2C30300000019"))
    contract.asked("/api/labels/v1/recovery", recovery_request(reference="o1-1-1", account="A1B2C3"))


def test_the_contract_notices(contract: Contract) -> None:
    """A field too long, a field unknown, a field missing."""
    missing: Json = {"ShipmentRequest": {"Request": {}}}
    for body in (ship_body("r" * 36), ship_body("r", Surprise=1), missing):
        with pytest.raises(AssertionError):
            contract.asked("/api/shipments/v2409/ship", body)
