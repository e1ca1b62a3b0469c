"""The emulator and the gateway against Amazon's own machine-readable descriptions, where they are at hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from ordersaga.gateways.amazon_mcf.version_2020 import Outbound2020
from ordersaga.gateways.amazon_mcf.version_2026 import Outbound2026
from tests.emulators.amazon_mcf.support import NEW, OLD, AmazonClient, Json, new_body, new_id, old_body
from tests.gateways.support import hand_off
from tests.support.emulators import SPECS

FILES = {OLD: SPECS / "amazon-mcf-2020-07-01.json", NEW: SPECS / "amazon-mcf-2026-07-04.json"}
pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in FILES.values()), reason="Amazon's specifications are not beside the repository"
)


class Contract:
    """Validates bodies against the definitions of a Swagger 2 document."""

    def __init__(self, path: Path) -> None:
        self._document: Json = json.loads(path.read_text())

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        """Fail unless the specification has this answer, the body fits it and has no field besides."""
        responses = self._operation(method, path)["responses"]
        assert str(status) in responses, f"{method} {path} never answers {status}"
        self._check(responses[str(status)]["schema"], body)

    def check_request(self, method: str, path: str, body: Any) -> None:
        """The same of what is sent."""
        parameters = self._operation(method, path)["parameters"]
        self._check(next(each["schema"] for each in parameters if each["in"] == "body"), body)

    def check_query(self, method: str, path: str, query: dict[str, str]) -> None:
        """Fail for a parameter that the specification does not have."""
        names = {each["name"] for each in self._operation(method, path)["parameters"] if each["in"] == "query"}
        assert set(query) <= names

    def _operation(self, method: str, path: str) -> Json:
        template = next(each for each in self._document["paths"] if _pattern(each).fullmatch(path))
        found: Json = self._document["paths"][template][method.lower()]
        return found

    def _check(self, schema: Json, body: Any) -> None:
        whole = {**schema, "definitions": self._document["definitions"]}
        Draft4Validator(whole, format_checker=FormatChecker()).validate(body)
        self._no_surprises(schema, body)

    def _no_surprises(self, schema: Json, body: Any) -> None:
        """The schemas are open; nobody must invent fields all the same."""
        while "$ref" in schema:
            schema = self._document["definitions"][schema["$ref"].rsplit("/", 1)[-1]]
        if isinstance(body, list):
            for item in body:
                self._no_surprises(schema["items"], item)
        elif "properties" in schema:
            assert set(body) <= set(schema["properties"])
            for name, value in body.items():
                self._no_surprises(schema["properties"][name], value)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", r"[^/:]+", re.escape(template)))


CONTRACTS = {base: Contract(path) for base, path in FILES.items() if path.exists()}


async def check(amazon: AmazonClient, base: str, method: str, path: str, **arguments: Any) -> int:
    """Ask, and validate what is asked and answered."""
    if "json" in arguments:
        CONTRACTS[base].check_request(method, base + path, arguments["json"])
    answer = await amazon.call(method, base + path, **arguments)
    CONTRACTS[base].check_answer(method, base + path, answer.status_code, answer.json())
    return answer.status_code


LIVES: list[tuple[Json, str]] = [
    ({}, "Received"),
    ({}, "Planning"),
    ({"split": 2}, "Processing"),
    ({"split": 2}, "Shipped"),
    ({}, "InTransit"),
    ({}, "Delivered"),
    ({"tracking": "RETURNED"}, "Delivered"),
    ({"tracking": "UNDELIVERABLE"}, "Delivered"),
    ({"unfulfillable": "Planning"}, "Planning"),
    ({"unfulfillable": "Processing"}, "Shipped"),
    ({"invalid": True}, "Received"),
]


@pytest.mark.parametrize(("script", "stage"), LIVES)
async def test_orders_fit_the_specifications_at_every_stage(amazon: AmazonClient, script: Json, stage: str) -> None:
    """Creating, reading, listing, tracking and canceling answer what the specifications say, in both versions."""
    order_id, newer = new_id(), new_id()
    for each in (order_id, newer):
        await amazon.script(each, **script)
    assert await check(amazon, OLD, "POST", "/fulfillmentOrders", json=old_body(order_id)) == 200
    assert await check(amazon, NEW, "POST", "/orders", json=new_body(newer)) == 202
    for each in (order_id, newer):
        await amazon.advance(each, stage)
        assert await check(amazon, OLD, "GET", f"/fulfillmentOrders/{each}") == 200
        assert await check(amazon, NEW, "GET", f"/orders/{each}") == 200
    for shipment in (await amazon.old(order_id))["fulfillmentShipments"]:
        for package in shipment.get("fulfillmentShipmentPackage", []):
            query = {"packageNumber": str(package["packageNumber"])}
            assert await check(amazon, OLD, "GET", "/tracking", params=query) == 200
    assert await check(amazon, OLD, "GET", "/fulfillmentOrders") == 200
    assert await check(amazon, NEW, "GET", "/orders") == 200
    assert await check(amazon, OLD, "PUT", f"/fulfillmentOrders/{order_id}/cancel") in (200, 400)
    assert await check(amazon, NEW, "PUT", f"/orders/{newer}/cancel") in (202, 400)


async def test_holds_fit_the_specifications(amazon: AmazonClient) -> None:
    """What ends a hold, and what is refused where there is none."""
    order_id, newer = new_id(), new_id()
    await amazon.place(order_id, fulfillmentAction="Hold")
    ship = {"fulfillmentAction": "Ship"}
    assert await check(amazon, OLD, "PUT", f"/fulfillmentOrders/{order_id}", json=ship) == 200
    assert await check(amazon, OLD, "PUT", f"/fulfillmentOrders/{order_id}", json=ship) == 400
    held = new_body(newer, fulfillmentConfiguration={"action": "HOLD"})
    assert await check(amazon, NEW, "POST", "/orders", json=held) == 202
    asked = {"fulfillmentConfiguration": {"action": "SHIP"}}
    assert await check(amazon, NEW, "PUT", f"/orders/{newer}", json=asked) == 202
    assert await check(amazon, NEW, "PUT", f"/orders/{newer}", json=asked) == 400


async def test_refusals_fit_the_specifications(amazon: AmazonClient) -> None:
    """400, 403, 404, and a 429 of a fault."""
    for base, path in ((OLD, "/fulfillmentOrders"), (NEW, "/orders")):
        assert await check(amazon, base, "GET", f"{path}/missing") == 404
        assert await check(amazon, base, "GET", path, headers={"x-amz-access-token": "x"}) == 403
        await amazon.process.post("faults", kind="status", status=429, path=f"{path}$", times=1)
        assert await check(amazon, base, "GET", path) == 429
        answer = await amazon.call("POST", base + path, json={})
        CONTRACTS[base].check_answer("POST", base + path, answer.status_code, answer.json())
        assert answer.status_code == 400


@pytest.mark.parametrize("outbound", [Outbound2020("ATVPDKIKX0DER", "Thanks"), Outbound2026()])
@pytest.mark.parametrize("hold", [True, False])
async def test_what_the_gateway_sends_fits_the_specifications(
    outbound: Outbound2020 | Outbound2026, hold: bool
) -> None:
    """Bodies and queries of every call it makes."""
    base = OLD if isinstance(outbound, Outbound2020) else NEW
    parcel = hand_off("o1")
    for request in (outbound.create(parcel, hold=hold), outbound.ship(parcel)):
        CONTRACTS[base].check_request(request.method, request.path, request.body)
    for request in (outbound.cancel("o1"), outbound.find("o1"), outbound.changed(parcel.ship_by, "next")):
        CONTRACTS[base].check_query(request.method, request.path, dict(request.query))
    if outbound.tracking is not None:
        asked = outbound.tracking.ask(7)
        CONTRACTS[base].check_query(asked.method, asked.path, dict(asked.query))
