"""The published API as a judge: does an answer, or a webhook, keep to it?

OpenAPI 3.1 schemas are JSON Schema 2020-12, so the document itself is the schema.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_DOCUMENT: Final = "private-delivery.yaml"
_URI: Final = "urn:private-delivery"
_FORMATS: Final = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("date", raises=ValueError)
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


@_FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


@cache
def document() -> Mapping[str, Any]:
    """The published API."""
    text = files(__package__).joinpath(_DOCUMENT).read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def violations(operation: str, answer: httpx.Response) -> list[str]:
    """What an answer to the operation with this id breaks; empty when nothing."""
    responses = _operation(operation)["responses"]
    response = _resolved(responses.get(str(answer.status_code), responses["default"]))
    found = list(_header_violations(response, answer))
    ((media, described),) = response["content"].items()
    told = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told != media:
        return [*found, f"content-type is {told or 'missing'}, not {media}"]
    try:
        body = answer.json()
    except ValueError:
        return [*found, "the body is no JSON"]
    return [*found, *_schema_violations(described["schema"], body)]


def body_violations(schema: str, body: object) -> list[str]:
    """What a body breaks of the schema with this name, such as `Told` of a webhook."""
    return _schema_violations({"$ref": f"#/components/schemas/{schema}"}, body)


def path_of(operation: str) -> tuple[str, str]:
    """Method and path template of an operation."""
    return next((method, path) for method, path, each in _operations() if each["operationId"] == operation)


def _operations() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


@cache
def _operation(operation: str) -> Mapping[str, Any]:
    return next(each for _, _, each in _operations() if each["operationId"] == operation)


def _resolved(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """The response itself, where the document only refers to it."""
    named: str = response.get("$ref", "")
    found: Mapping[str, Any] = document()["components"]["responses"][named.rpartition("/")[2]] if named else response
    return found


def _header_violations(response: Mapping[str, Any], answer: httpx.Response) -> Iterator[str]:
    for name, header in response.get("headers", {}).items():
        value = answer.headers.get(name)
        if value is None and header.get("required"):
            yield f"the header {name} is missing"
        if value is not None and _schema_violations(header["schema"], value):
            yield f"the header {name} does not read as published"


def _schema_violations(schema: Mapping[str, Any], value: object) -> list[str]:
    """At most three, each with where it is; values are not repeated: they may be secret."""
    validator = Draft202012Validator(_absolute(schema), registry=_registry(), format_checker=_FORMATS)
    found = sorted(validator.iter_errors(value), key=lambda error: error.json_path)
    return [f"{error.json_path}: {_said(error)}" for error in found[:3]]


def _said(error: Any) -> str:
    if error.validator == "required":
        return str(error.message)
    wanted = str(error.validator_value)
    return f"is not what the schema says ({error.validator}{f' {wanted}' if len(wanted) <= 60 else ''})"


def _absolute(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{_URI}{value}" if name == "$ref" else value for name, value in schema.items()}


@cache
def _registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    whole: Registry[Any] = empty.with_resource(_URI, DRAFT202012.create_resource(document()))
    return whole
