"""The OpenAPI document tells the errors as they are answered."""

from typing import Any

import jsonschema
import pytest

from ordersaga.api.app import create_app
from tests.support.api import Api, StubOrders

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of an application that is never started."""
    return create_app(None).openapi()  # type: ignore[arg-type]  # never started


def test_every_error_of_every_route_is_a_problem(document: dict[str, Any]) -> None:
    """Readiness alone answers 503 with its own body; FastAPI's shapes of errors are not promised."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            errors = {status: told for status, told in operation["responses"].items() if int(status) >= 400}
            assert "500" in errors, (method, path)
            for status, told in errors.items():
                assert told["description"]
                assert told["content"] == PROBLEM or (path, status) == ("/readyz", "503"), (method, path, status)
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(document["components"]["schemas"])
    assert "HTTPValidationError" not in str(document)


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("post", "/v1/orders", {"201", "202", "400", "401", "402", "403", "409", "413", "422", "500", "503"}),
        ("post", "/v1/orders/{order_id}/refunds", {"200", "202", "400", "401", "403", "404", "409", "413", "422"}),
        ("post", "/v1/orders/{order_id}/cancel", {"200", "202", "404", "422"}),
        ("post", "/v1/attention/resolve-many", {"200", "401", "403", "422"}),
        ("post", "/v1/catalog", {"200", "401", "403", "413", "415", "422"}),
        ("post", "/v1/webhooks/{source}", {"204", "400", "404", "413", "503"}),
        ("post", "/v1/pick-tickets/{reference}/packed", {"200", "404", "409"}),
        ("get", "/v1/orders", {"200", "401", "403", "422"}),
        ("get", "/metrics", {"200", "401", "403", "503"}),
    ],
)
def test_the_statuses_of_a_route_are_told(document: dict[str, Any], method: str, path: str, statuses: set[str]) -> None:
    """Among others."""
    assert statuses <= set(document["paths"][path][method]["responses"])


def test_every_reference_is_defined(document: dict[str, Any]) -> None:
    """Whoever generates a client finds every schema."""
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_references(document)) <= defined


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []


async def test_answers_are_what_the_document_says(api: Api, orders: StubOrders, document: dict[str, Any]) -> None:
    """Real errors fit the schema, also when the document is served."""
    schema = {**document["components"]["schemas"]["ProblemDetails"], "components": document["components"]}
    served = (await api.get("/openapi.json", role="operator")).json()
    assert served["components"]["schemas"]["ProblemDetails"] == document["components"]["schemas"]["ProblemDetails"]
    errors = [
        await api.get("/v1/orders/ghost"),
        await api.send("GET", "/v1/orders", role=None),
        await api.post("/v1/orders", {"seller": 1}),
        await api.post("/v1/attention/resolve-many", {"filter": {}, "choice": "x", "reason": "y"}),
    ]
    assert [answer.status_code for answer in errors] == [404, 401, 422, 422]
    for answer in errors:
        jsonschema.validate(answer.json(), schema)
