"""Text from outside may hold what PostgreSQL cannot store: NUL, and halves of surrogate pairs.

Refusing it would let one hostile message stop an order for ever, so it is stored with U+FFFD in their place.
"""

import json
import re
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = ("\\u0000", "\\ud")
_SHOWN = ("\\x00", "\\ud")
"""How they show in a representation, where `repr` never leaves them as they are."""


def storable(value: Any) -> Any:
    """The same text or JSON value, without what cannot be stored. What shows no sign of it is not looked through."""
    if isinstance(value, dict | list) and not any(sign in repr(value) for sign in _SHOWN):
        return value
    return _cleaned(value)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def dump_json(value: Any) -> str:
    """JSON text for a `json` or `jsonb` column; only suspicious values are looked through."""
    text = json.dumps(value)
    return json.dumps(storable(value)) if any(sign in text for sign in _SUSPECT) else text
