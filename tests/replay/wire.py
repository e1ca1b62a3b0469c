"""The names that travel between a running workflow and everybody else: `python -m tests.replay.wire` records them.

| in `wire.json` | what |
|---|---|
| `workflows` | signals, updates and queries, each with what goes in and what comes out |
| `activities` | the same for every activity |
| `models` | each model that travels: its fields (`!`: must be given) and their types; the values of enumerations |
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from temporalio import activity, workflow

import activities
from workflows.order_fulfillment import OrderFulfillment
from workflows.order_return import OrderReturn
from workflows.reconciliation import Reconciliation, RepairFinding
from workflows.stop_orders import StopOrders

WIRE: Final = Path(__file__).parent / "wire.json"
WORKFLOWS: Final = (OrderFulfillment, OrderReturn, Reconciliation, RepairFinding, StopOrders)
Calls = dict[str, str]
Types = dict[str, Any]


def names() -> dict[str, Any]:
    """All of them, as the code says them now."""
    types: Types = {}
    running = {kind.__name__: _workflow(kind, types) for kind in WORKFLOWS}
    calls = {name: _call(inputs, output, types) for name, inputs, output in sorted(_activities())}
    return {"workflows": running, "activities": calls, "models": _models(types)}


def recorded() -> dict[str, Any]:
    """The committed ones."""
    found: dict[str, Any] = json.loads(WIRE.read_text(encoding="utf-8"))
    return found


def flat(found: Mapping[str, Any], above: str = "") -> set[str]:
    """One line for each name, `models/CancelRequest/by` for one."""
    lines: set[str] = set()
    for name, below in found.items():
        path = f"{above}{name}"
        if isinstance(below, dict):
            lines |= flat(below, f"{path}/")
        else:
            lines |= {f"{path}/{one}" for one in below} if isinstance(below, list) else {f"{path}: {below}"}
    return lines


def _workflow(kind: type, types: Types) -> dict[str, Calls]:
    known = workflow._Definition.must_from_class(kind)
    told: Mapping[str, Mapping[Any, Any]] = {
        "signals": known.signals,
        "updates": known.updates,
        "queries": known.queries,
    }
    spoken: dict[str, Calls] = {"run": {str(known.name): _call(known.arg_types or [], known.ret_type, types)}}
    for what, handlers in told.items():
        spoken[what] = {
            str(name): _call(handler.arg_types or [], getattr(handler, "ret_type", None), types)
            for name, handler in sorted(handlers.items(), key=str)
        }
    return spoken


def _activities() -> Iterator[tuple[str, list[Any], Any]]:
    for module in pkgutil.iter_modules(activities.__path__, "activities."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            for _, method in inspect.getmembers(kind, inspect.isfunction):
                known = activity._Definition.from_callable(method)
                if known is not None and kind.__module__ == module.name:
                    yield str(known.name), list(known.arg_types or []), known.ret_type


def _call(inputs: list[Any], output: Any, types: Types) -> str:
    for one in (*inputs, output):
        types[_word(one)] = one
    return f"({', '.join(map(_word, inputs))}) -> {_word(output)}"


def _word(one: Any) -> str:
    """A type by its bare name: where its module stands is not on the wire."""
    plain = inspect.isclass(one) and not hasattr(one, "__args__")
    return str(one.__name__) if plain else re.sub(r"\b(?:\w+\.)+", "", str(one))


def _models(types: Types) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in types.values():
        schema = TypeAdapter(one).json_schema()
        defined = {**schema.get("$defs", {}), str(schema.get("title", "")): schema}
        found |= {name: _said(shape) for name, shape in defined.items() if "properties" in shape or "enum" in shape}
    return dict(sorted(found.items()))


def _said(shape: Mapping[str, Any]) -> list[str]:
    if "enum" in shape:
        return sorted(map(str, shape["enum"]))
    required = shape.get("required", ())
    fields = shape["properties"].items()
    return sorted(f"{name}{'!' if name in required else ''}: {_type(field)}" for name, field in fields)


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " | ".join(map(_type, field["anyOf"]))
    if "enum" in field or "const" in field:
        return " | ".join(map(repr, field.get("enum", [field.get("const")])))
    inside = field.get("items") or field.get("additionalProperties")
    kind = str(field.get("format") or field.get("type", "any"))
    return f"{kind} of {_type(inside)}" if isinstance(inside, dict) else kind


if __name__ == "__main__":
    WIRE.write_text(json.dumps(names(), indent=1) + "\n", encoding="utf-8")
