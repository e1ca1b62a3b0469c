"""The HTTP API's page, from the document the API publishes about itself."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from itertools import groupby
from typing import Any, Final

from docs_site.markdown import code, joined, plain, table
from docs_site.shapes import Schema, Shapes
from ordersaga.api.app import create_app
from ordersaga.bootstrap import Services

Operation = tuple[str, str, Schema]

_INTRODUCTION: Final = """# HTTP API

The API describes itself: this page is [its OpenAPI document](openapi.json), which a running one answers at
`/openapi.json`.

- `Authorization: Bearer osk_...`: an API key, unless a route says that it needs none. `ordersaga keys issue` makes one;
  its role says what it may do.
- Errors are problem details (RFC 9457): `code` for programs, `detail` and `remedy` for people, `fields` for what is
  wrong in a request. See [ProblemDetails](#shape-problemdetails).
- Amounts are integers in minor units of a currency of ISO 4217. Times have a zone.
- Lists are answered in pages: send `cursor` as the page before named it.
"""


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(_never_opened).openapi()


def http_page(document: Schema) -> str:
    """The page of a document."""
    shapes = Shapes(document["components"]["schemas"])
    told = sorted(_operations(document), key=lambda each: each[2]["tags"][0])
    sections = [
        joined(f"## {str(tag).capitalize()}", *(_told(shapes, *operation) for operation in operations))
        for tag, operations in groupby(told, key=lambda each: each[2]["tags"][0])
    ]
    return joined(_INTRODUCTION, *sections, "## Shapes", shapes.tables())


def _never_opened() -> AbstractAsyncContextManager[Services]:
    raise AssertionError("a document needs no services")


def _operations(document: Schema) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _told(shapes: Shapes, method: str, path: str, operation: Schema) -> str:
    free = "" if operation.get("security") else "Needs no key."
    return joined(
        f"### {method} {path}",
        plain(operation.get("description", "")),
        free,
        _parameters(shapes, operation),
        _body(shapes, operation),
        _answers(shapes, operation),
    )


def _parameters(shapes: Shapes, operation: Schema) -> str:
    rows = (
        (
            code(each["name"]),
            each["in"],
            shapes.typed(each["schema"]),
            *shapes.told({**each["schema"], **_described(each)}, required=each.get("required", False)),
        )
        for each in operation.get("parameters", ())
    )
    found = list(rows)
    return table(("parameter", "in", "type", "when left out", "meaning"), found) if found else ""


def _described(parameter: Schema) -> Schema:
    return {"description": parameter["description"]} if "description" in parameter else {}


def _body(shapes: Shapes, operation: Schema) -> str:
    body = operation.get("requestBody")
    return f"Body: {_content(shapes, body)}{'' if body.get('required') else ', or none'}." if body else ""


def _answers(shapes: Shapes, operation: Schema) -> str:
    rows = (
        (status, _content(shapes, answer), str(answer.get("description", "")))
        for status, answer in sorted(operation["responses"].items())
    )
    return table(("answer", "body", "when"), rows)


def _content(shapes: Shapes, message: Schema) -> str:
    kinds = message.get("content", {})
    return " or ".join(_of_kind(shapes, kind, told.get("schema", {})) for kind, told in kinds.items())


def _of_kind(shapes: Shapes, kind: str, schema: Schema) -> str:
    words = shapes.typed(schema)
    return words if kind.endswith("json") else f"{code(kind)}" if words == "any value" else f"{code(kind)}, {words}"
