"""The published API is a valid OpenAPI document, and judges answers by it."""

from typing import Any

import httpx
import pytest
import yaml
from openapi_spec_validator import validate

from ordersaga.courier_check.contract import body_violations, document, violations
from ordersaga.domain.shipping import ShippingService
from ordersaga.gateways.private_delivery.states import STATUS
from tests.support.emulators import ROOT

EVENT = {
    "id": "e1",
    "shipment_id": "s1",
    "reference": "o1-1-1",
    "tracking_number": "T1",
    "sequence": 1,
    "type": "created",
    "occurred_at": "2026-11-23T10:00:00Z",
}
PROOF = {"delivered_at": "2026-11-23T10:00:00Z", "left_at": "porch"}
SHIPMENT = {
    "id": "s1",
    "reference": "o1-1-1",
    "idempotency_key": "o1-1-1",
    "kind": "outbound",
    "status": "created",
    "service": "standard",
    "weight_grams": 700,
    "price": {"amount": 599, "currency": "USD"},
    "zone": "east",
    "delivery_date": "2026-11-25",
    "tracking_number": "T1",
    "label_url": None,
    "can_return": True,
    "return_requested": False,
    "created_at": "2026-11-23T10:00:00Z",
    "last_event": EVENT,
}
PROBLEM = {"type": "about:blank", "title": "Gone", "status": 404, "code": "not_found"}


def told(**changes: Any) -> dict[str, Any]:
    """The body of a webhook."""
    return {"type": "shipment.created", "timestamp": "2026-11-23T10:00:00Z", "data": {**EVENT, **changes}}


def answer(status: int, body: Any, **headers: str) -> httpx.Response:
    """An answer of a courier."""
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_the_document_is_valid() -> None:
    """By the rules of OpenAPI 3.1."""
    validate(document())
    assert document()["openapi"].startswith("3.1.")


def test_the_document_is_published_as_it_is_checked() -> None:
    """What a courier's engineer reads is what an answer is held against."""
    assert yaml.safe_load((ROOT / "docs" / "openapi" / "private-delivery.yaml").read_text()) == document()


def test_every_status_and_service_is_known_to_us() -> None:
    """The gateway translates each published status but `voided`, which is about a label."""
    schemas = document()["components"]["schemas"]
    assert set(schemas["Status"]["enum"]) == {*STATUS, "voided"}
    assert set(schemas["Service"]["enum"]) == set(ShippingService)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({}, None),
        ({"later_field": 1}, None),
        ({"sequence": 0}, "$.data.sequence"),
        ({"occurred_at": "2026-11-23T10:00:00"}, "$.data.occurred_at"),
        ({"type": "eaten"}, "$.data.type"),
        ({"type": "delivered"}, "$.data"),
        ({"type": "delivered", "proof": None}, "$.data.proof"),
        ({"type": "delivered", "proof": PROOF}, None),
        ({"type": "delivered", "proof": {**PROOF, "left_at": None}}, "$.data.proof"),
        ({"type": "delivered", "proof": {**PROOF, "left_at": None, "name_initials": "A. L."}}, None),
        ({"type": "delivered", "proof": {**PROOF, "name_initials": "Ada Lovelace"}}, "$.data.proof"),
    ],
)
def test_webhooks_are_judged(changes: dict[str, Any], path: str | None) -> None:
    """What the schema does not allow is named by where it is; its value is not repeated."""
    found = body_violations("Told", told(**changes))
    assert [each.partition(":")[0] for each in found] == ([path] if path else [])
    assert not any(str(value) in said for said in found for value in changes.values() if isinstance(value, str))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (answer(404, PROBLEM, content_type="application/problem+json; charset=utf-8"), []),
        (answer(404, PROBLEM), ["content-type is application/json, not application/problem+json"]),
        (httpx.Response(404, text="<html>"), ["content-type is text/plain, not application/problem+json"]),
        (answer(503, PROBLEM, content_type="application/problem+json"), []),
        (answer(429, PROBLEM, content_type="application/problem+json"), ["the header Retry-After is missing"]),
        (
            answer(429, PROBLEM, content_type="application/problem+json", retry_after="soon"),
            ["the header Retry-After does not read as published"],
        ),
        (answer(200, SHIPMENT), []),
        (answer(200, [SHIPMENT]), ["$: is not what the schema says (type object)"]),
        (answer(200, {**SHIPMENT, "status": "eaten"}), ["$.status: is not what the schema says (enum)"]),
        (
            answer(200, {**SHIPMENT, "delivery_date": "tomorrow"}),
            ["$.delivery_date: is not what the schema says (format date)"],
        ),
        (answer(200, {name: SHIPMENT[name] for name in SHIPMENT if name != "id"}), ["$: 'id' is a required property"]),
    ],
)
def test_answers_are_judged(given: httpx.Response, found: list[str]) -> None:
    """By status, headers, media type and schema."""
    assert violations("shipment", given) == found
