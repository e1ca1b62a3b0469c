"""The OpenAPI document: what FastAPI derives from the routes, with the errors as they are: problem details."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ordersaga.api.problems import MEDIA_TYPE, FieldError, ProblemDetails

_SCHEMAS: Final = "#/components/schemas"
_ANSWER: Final = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}/ProblemDetails"}}}
_DERIVED: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own shapes of errors, which this API never answers with."""


def install(app: FastAPI) -> None:
    """Let the app's document tell its errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(_derived(app))
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _derived(app: FastAPI) -> dict[str, Any]:
    return get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _DERIVED:
        schemas.pop(name, None)
    template = f"{_SCHEMAS}/{{model}}"
    schemas["FieldError"] = FieldError.model_json_schema(ref_template=template)
    problem = ProblemDetails.model_json_schema(ref_template=template)
    problem.pop("$defs", None)
    schemas["ProblemDetails"] = problem
    for path, method, operation in _operations(document):
        for status in _statuses(path, method, operation):
            _tell(operation["responses"], str(status))
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _statuses(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    """The errors that an operation can answer with; those it declares itself are told as problems too."""
    yield from (int(status) for status in operation["responses"] if status.isdecimal() and int(status) >= 400)
    if operation.get("security"):
        yield from (401, 403, 429)
    if "{" in path:
        yield 404
    if operation.get("requestBody"):
        yield from (400, 408, 413, 422)
    if operation.get("parameters"):
        yield 422
    if method != "get" and path.startswith("/v1/") and operation.get("security"):
        yield 409
    yield from (414, 431, 500, 503)


def _tell(responses: dict[str, Any], status: str) -> None:
    """An error keeps the description and the body it declares itself, unless these are FastAPI's own."""
    known = responses.get(status, {})
    if known.get("description") in (None, "Validation Error"):
        known = {"description": HTTPStatus(int(status)).phrase}
    responses[status] = {"content": _ANSWER, **known}
