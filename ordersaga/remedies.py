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
    "int_type": "send a whole number",
    "int_parsing": "send a whole number",
    "int_from_float": "send a whole number",
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
    "time_delta_parsing": "write an ISO 8601 duration such as P2D or PT36H",
    "time_delta_type": "write an ISO 8601 duration such as P2D or PT36H",
    "bool_parsing": "use true or false",
    "bool_type": "use true or false",
    "union_tag_invalid": "use one of {expected_tags}",
    "union_tag_not_found": "add {discriminator}",
    "timezone_aware": "add the offset from UTC, as in 2026-01-31T12:00:00Z",
}
_PATTERNS: Final = {
    r"^[A-Z]{2}$": "use a two-letter country code in capitals, such as DE",
    r"^[A-Z]{2}(-[A-Z0-9]{1,6})?$": "use a country in capitals, such as US, or a country and region, such as US-CA",
    r"^[A-Z]{3}$": "use a three-letter currency code in capitals, such as USD",
    r"^[A-Z0-9]{1,6}$": "use the code of the state or province: 1 to 6 capitals or digits, such as CA",
    r"^[A-Za-z0-9 \-]{2,12}$": "use 2 to 12 letters, digits, spaces or hyphens",
    r"^[a-z0-9]{2,16}_$": "use 2 to 16 lower-case letters or digits and one underscore, such as socks_",
    r"^[A-Za-z0-9_]{1,64}$": "use 1 to 64 letters, digits or underscores, such as web_1001",
    r"^https?://[!-~]{1,2000}$": "use a whole URL, such as https://shop.example/thanks",
    r"^[!-~]{1,100}$": "use 1 to 100 visible ASCII characters, no spaces",
    r"^[A-Za-z0-9_\-]{1,120}$": "use 1 to 120 letters, digits, underscores or hyphens",
    r"^[A-Za-z0-9_.\-]{1,64}$": "use 1 to 64 letters, digits, underscores, dots or hyphens, such as MUG-RED",
    r"^[a-z0-9][a-z0-9_\-]{0,63}$": "use 1 to 64 lower-case letters, digits, underscores or hyphens, such as acme",
    r"^[a-z0-9][a-z0-9_\-]*$": "use lower-case letters, digits, underscores or hyphens, such as acme",
    r"^[a-z][a-z0-9_]{0,63}$": "use up to 64 lower-case letters, digits or underscores, a letter first",
    r"^[a-z][a-z0-9_]{0,40}$": "use up to 41 lower-case letters, digits or underscores, a letter first",
    r"^pm_[A-Za-z0-9_]{1,120}$": "use the id of a payment method, pm_...",
    r"^cus_[A-Za-z0-9_]{1,120}$": "use the id of a customer at the payment company, cus_...",
}
"""Every pattern a caller's value is held against, in words."""
_MESSAGES: Final = {
    "string_pattern_mismatch": "is written in another form",
    "time_delta_parsing": "is no duration",
    "time_delta_type": "is no duration",
    "bool_parsing": "is neither true nor false",
    "union_tag_invalid": "{tag} is no {discriminator} that is known",
    "union_tag_not_found": "has no {discriminator}",
}
"""What pydantic says in words of its own."""
_AMOUNTS: Final = frozenset(
    [
        "amount",
        "unit_price",
        "price",
        "shipping",
        "tax",
        "refund",
        "parcel_fee",
        "unit_fee",
        "shipping_by_zone",
        "second_person_above",
        "move_costs_at_most",
    ]
)
"""Fields of money; every other whole number counts something."""
_NO_ADVICE: Final = "correct the value"
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
        return advice or _NO_ADVICE
    if error["loc"] == ("body",) and error["type"] in _NO_OBJECT:
        return "send a JSON object, with `Content-Type: application/json`"
    context: dict[str, Any] = dict(error.get("ctx") or {})
    if error["type"] == "string_pattern_mismatch" and context.get("pattern") in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    if error["type"].startswith("int_") and _AMOUNTS.intersection(error["loc"]):
        return "send a whole number of minor units: 4500 is 45.00"
    return _REMEDIES.get(error["type"], _NO_ADVICE).format_map(_Lenient(context))


def message(error: ErrorDetails) -> str:
    """Pydantic's sentence, without its prefix for our own rules and without the remedy, which stands apart."""
    if error["type"] in _MESSAGES:
        return _MESSAGES[error["type"]].format_map(_Lenient(error.get("ctx") or {}))
    return error["msg"].removeprefix("Value error, ").partition("; ")[0]


def in_a_line(error: ErrorDetails) -> str:
    """What is wrong and what to do about it; no remedy that says nothing."""
    advice = remedy(error)
    return message(error) if advice == _NO_ADVICE else f"{message(error)}; {advice}"


def listed_at(path: str, command: str) -> str:
    """Where to look what there is, true at every door: of the HTTP API, and on the command line."""
    return f"list them: `GET {path}`, `ordersaga {command}`"


def field_path(location: Sequence[int | str]) -> str:
    """A location as callers write it: `("lines", 0, "quantity")` is `lines[0].quantity`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"the documented {key}"
