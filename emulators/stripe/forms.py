"""Form bodies in Stripe's bracket notation: `metadata[order_id]=1&expand[0]=latest_charge`."""

import re
from typing import Any
from urllib.parse import parse_qsl

Form = dict[str, Any]

_PART = re.compile(r"\[([^\]]*)\]")


def parse(text: str) -> Form:
    """Nested dictionaries and lists of strings."""
    form: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, _, _ = name.partition("[")
        _insert(form, [head, *_PART.findall(name)], value)
    return {name: _with_lists(value) for name, value in form.items()}


def _insert(form: Form, path: list[str], value: str) -> None:
    for part in path[:-1]:
        name = part or str(len(form))
        if not isinstance(form.get(name), dict):
            form[name] = {}
        form = form[name]
    form[path[-1] or str(len(form))] = value


def _with_lists(value: Any) -> Any:
    """Turn `{"0": a, "1": b}` into `[a, b]`."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(nested) for key, nested in value.items()}
