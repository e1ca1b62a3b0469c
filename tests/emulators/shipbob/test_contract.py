"""The emulator against ShipBob's own machine-readable descriptions, where they are at hand."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.emulators.shipbob.support import HEADERS, Json, ShipBobClient, new_reference, order_body
from tests.support.emulators import SPECS, Delivery, eventually

OPENAPI, ASYNCAPI = SPECS / "shipbob-openapi.json", SPECS / "shipbob-asyncapi.yml"
pytestmark = pytest.mark.skipif(not OPENAPI.exists(), reason="ShipBob's specifications are not beside the repository")


class Contract:
    """Validates answers against the response schemas of an OpenAPI 3.1 document."""

    def __init__(self) -> None:
        self._document: Json = json.loads(OPENAPI.read_text())
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource("spec:", resource)

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        """Fail unless the specification has this answer and the body fits it."""
        template = next(each for each in self._document["paths"] if _pattern(each).fullmatch(path))
        responses = self._document["paths"][template][method.lower()]["responses"]
        assert str(status) in responses, f"{method} {template} never answers {status}"
        pointer = f"{_escape(template)}/{method.lower()}/responses/{status}/content/application~1json/schema"
        schema = {"$ref": f"spec:#/paths/{pointer}"}
        Draft202012Validator(schema, registry=self._registry, format_checker=FormatChecker()).validate(body)
        self._no_surprises(responses[str(status)]["content"]["application/json"]["schema"], body)

    def _no_surprises(self, schema: Json, body: Any) -> None:
        """The vendor's schemas are open; the emulator must still not invent fields at the top of an object."""
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if isinstance(body, list):
            for item in body:
                self._no_surprises(schema["items"], item)
        elif "properties" in schema:
            assert set(body) <= set(schema["properties"])
            for name, value in body.items():
                self._no_surprises(schema["properties"][name], value)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", r"[^/:]+", re.escape(template)))


def _escape(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


@pytest.fixture(scope="module")
def contract() -> Contract:
    """The OpenAPI document, read once."""
    return Contract()


async def test_answers_about_orders_fit_the_specification(shipbob: ShipBobClient, contract: Contract) -> None:
    """Creating, reading, listing, and canceling at every stage answer what the specification says."""
    for stage in ("Processing", "Picked", "LabeledCreated", "Completed", "Delivered"):
        reference = new_reference()
        order = await shipbob.place(reference)
        contract.check("POST", "/2026-01/order", 201, order)
        await shipbob.process.post("advance", match=reference, to=stage)
        await _check_reads(shipbob, contract, order)
        await _check(shipbob, contract, "POST", f"/order/{order['id']}:cancel")
        await _check(shipbob, contract, "POST", f"/shipment/{order['shipments'][0]['id']}:cancel")


async def _check_reads(shipbob: ShipBobClient, contract: Contract, order: Json) -> None:
    shipment = order["shipments"][0]["id"]
    for path in (
        f"/order/{order['id']}",
        f"/order/{order['id']}/shipment",
        f"/order/{order['id']}/shipment/{shipment}",
        f"/shipment/{shipment}",
        f"/shipment/{shipment}/timeline",
        f"/order/{order['id']}/shipment/{shipment}/logs",
    ):
        await _check(shipbob, contract, "GET", path)
    await _check(shipbob, contract, "GET", "/order", params={"ReferenceIds": order["reference_id"]})


async def _check(shipbob: ShipBobClient, contract: Contract, method: str, path: str, **arguments: Any) -> int:
    answer = await shipbob.call(method, path, **arguments)
    contract.check(method, f"/2026-01{path}", answer.status_code, answer.json())
    return answer.status_code


async def test_troubled_orders_fit_the_specification(shipbob: ShipBobClient, contract: Contract) -> None:
    """Exception, hold and partial cancellation are described by the specification."""
    for trouble in ("OutOfStock", "InvalidAddress"):
        reference = new_reference()
        exception = {"at": "Processing", "name": trouble}
        await shipbob.process.post("scripts", match=reference, exception=exception, cancel="partial")
        order = await shipbob.place(reference)
        contract.check("POST", "/2026-01/order", 201, order)
        assert await _check(shipbob, contract, "POST", f"/order/{order['id']}:cancel") == 200
        ids = [shipment["id"] for shipment in order["shipments"]]
        assert await _check(shipbob, contract, "POST", "/shipment:batchCancel", json={"shipment_ids": ids}) == 200


async def test_refusals_fit_the_specification(shipbob: ShipBobClient, contract: Contract) -> None:
    """401, 400, 404 and 422 answers have the shapes the specification gives them."""
    reference = new_reference()
    await shipbob.place(reference)
    duplicate = order_body(reference)
    assert await _check(shipbob, contract, "POST", "/order", json=duplicate) == 422
    no_channel = {"headers": {"shipbob_channel_id": ""}, "json": duplicate}
    assert await _check(shipbob, contract, "POST", "/order", **no_channel) == 400
    assert await _check(shipbob, contract, "GET", "/order", headers={"authorization": ""}) == 401
    assert await _check(shipbob, contract, "GET", "/order/1") == 404
    assert await _check(shipbob, contract, "GET", "/order", params={"Limit": "0"}) == 400
    assert await _check(shipbob, contract, "POST", "/shipment:batchCancel", json={"shipment_ids": []}) == 422


async def test_the_other_answers_fit_the_specification(shipbob: ShipBobClient, contract: Contract) -> None:
    """Address updates, inventory levels, subscriptions and simulations are as specified."""
    order = await shipbob.place(new_reference())
    shipment = order["shipments"][0]["id"]
    address = {"street_address1": "2 Side St", "city": "New York", "zip_code": "10001"}
    assert await _check(shipbob, contract, "PUT", f"/shipment/{shipment}:updateAddress", json=address) == 200
    assert await _check(shipbob, contract, "PUT", "/shipment/1:updateAddress", json=address) == 400
    for number in range(3):
        await shipbob.process.post("inventory", sku=f"CONTRACT-{number}", on_hand=1)
    assert await _check(shipbob, contract, "GET", "/inventory-level", params={"PageSize": "1"}) == 200
    assert await _check(shipbob, contract, "GET", "/inventory-level", params={"SortBy": "size"}) == 400
    hook = {"url": "https://example.com/hook", "topics": ["return.created"]}
    assert await _check(shipbob, contract, "POST", "/webhook", json=hook) == 200
    assert await _check(shipbob, contract, "POST", "/webhook", json={}) == 422
    assert await _check(shipbob, contract, "GET", "/webhook") == 200
    assert await _check(shipbob, contract, "GET", "/channel") == 200
    simulation = {
        "shipment_id": str(shipment),
        "simulation": {"action": "ShipOrder", "next": {"action": "DeliverOrder"}},
    }
    answer = await shipbob.call("POST", "/simulate/shipment", json=simulation)
    contract.check("POST", "/2026-01/simulate/shipment", answer.status_code, answer.json())
    assert await _check(shipbob, contract, "GET", f"/simulate/status/{answer.json()['simulation_id']}") == 200


async def test_an_order_the_emulator_accepts_fits_the_request_schema(contract: Contract) -> None:
    """The tests themselves send orders the specification allows."""
    pointer = "~12026-01~1order/post/requestBody/content/application~1json/schema"
    schema = {"$ref": f"spec:#/paths/{pointer}"}
    Draft202012Validator(schema, registry=contract._registry).validate(order_body("any"))
    assert set(HEADERS) == {"authorization", "shipbob_channel_id"}


async def test_webhooks_fit_the_specification(shipbob: ShipBobClient, contract: Contract) -> None:
    """Headers and topic are those of the AsyncAPI description, and the body is a shipment of the REST API."""
    document = yaml.safe_load(ASYNCAPI.read_text())
    for topic, reference in (await _cause_events(shipbob)).items():
        delivery = await _awaited(shipbob, reference, topic)
        assert topic in document["channels"]
        headers = document["components"]["schemas"]["WebhookHeaders"]
        Draft202012Validator(headers).validate(delivery.headers)
        body = json.loads(delivery.body)
        Draft202012Validator(document["components"]["schemas"]["ShipBobWebhookPayload"]).validate(body)
        contract.check("GET", f"/2026-01/shipment/{body['id']}", 200, body)


async def _awaited(shipbob: ShipBobClient, reference: str, topic: str) -> Delivery:
    await eventually(lambda: topic in shipbob.topics(reference))
    return next(each for each in shipbob.heard(reference) if each.headers["x-webhook-topic"] == topic)


async def _cause_events(shipbob: ShipBobClient) -> dict[str, str]:
    """One order for each topic."""
    names = {topic: new_reference() for topic in ("shipped", "delivered", "exception", "on_hold", "cancelled")}
    for topic, trouble in (("exception", "OutOfStock"), ("on_hold", "InvalidAddress")):
        exception = {"at": "Processing", "name": trouble}
        await shipbob.process.post("scripts", match=names[topic], exception=exception)
    for reference in names.values():
        await shipbob.place(reference)
    await shipbob.process.post("advance", match=names["shipped"], to="LabeledCreated")
    await shipbob.process.post("advance", match=names["delivered"], to="Delivered")
    await shipbob.process.post("provider-cancel", match=names["cancelled"])
    full = {name: f"order.shipment.{name}" for name in names} | {"shipped": "order.shipped"}
    return {full[name]: reference for name, reference in names.items()}
