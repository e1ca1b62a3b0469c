"""What a person should do about a value that was refused: one remedy per kind of validation error."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

_REMEDIES: Final = {
    "missing": "add it",
    "extra_forbidden": "remove it, or correct its spelling",
    "string_too_short": "use at least {min_length} characters",
    "string_too_long": "use at most {max_length} characters",
    "string_pattern_mismatch": "use a text that matches {pattern}",
    "string_type": "send a text",
    "int_type": "send a whole number (amounts are minor units: 4500 is 45.00)",
    "int_parsing": "send a whole number",
    "int_from_float": "send a whole number (amounts are minor units: 4500 is 45.00)",
    "greater_than_equal": "use a number of at least {ge}",
    "less_than_equal": "use a number of at most {le}",
    "too_short": "give at least {min_length}",
    "too_long": "give at most {max_length}",
    "enum": "use one of {expected}",
    "literal_error": "use one of {expected}",
    "json_invalid": "send valid JSON (RFC 8259)",
    "model_type": "send a JSON object",
    "model_attributes_type": "send a JSON object",
    "dict_type": "send a JSON object",
    "tuple_type": "send a JSON array",
    "list_type": "send a JSON array",
    "time_delta_parsing": "give a whole number of hours",
    "timezone_aware": "add the offset from UTC, as in 2026-01-31T12:00:00Z",
}
_NO_OBJECT: Final = ("missing", "model_type", "model_attributes_type", "dict_type")


def essential(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Pydantic's errors without its complaint that a list is too short because its items were refused."""
    return [
        error
        for error in details
        if error["type"] != "too_short"
        or not any(other is not error and other["loc"][: len(error["loc"])] == error["loc"] for other in details)
    ]


def remedy(error: ErrorDetails) -> str:
    """What to do about one of pydantic's errors; own rules carry theirs in the message, after a semicolon."""
    if error["type"] == "value_error":
        _, _, advice = error["msg"].partition("; ")
        return advice or "correct the value"
    if error["loc"] == ("body",) and error["type"] in _NO_OBJECT:
        return "send a JSON object, with `Content-Type: application/json`"
    context: dict[str, Any] = dict(error.get("ctx") or {})
    return _REMEDIES.get(error["type"], "correct the value").format_map(_Lenient(context))


def message(error: ErrorDetails) -> str:
    """Pydantic's sentence, without its prefix for our own rules and without the remedy, which stands apart."""
    return error["msg"].removeprefix("Value error, ").partition("; ")[0]


def field_path(location: Sequence[int | str]) -> str:
    """A location as callers write it: `("lines", 0, "quantity")` is `lines[0].quantity`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"the documented {key}"
