"""Newegg's JSON is made of XML: one of several is no list, a list may be inside a name, a wrapper may be around all."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def unwrapped(body: object) -> Json | None:
    """An answer without its `NeweggAPIResponse`; None when it is no object."""
    found = body.get("NeweggAPIResponse", body) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def several(parent: Mapping[str, Any], name: str, inside: str) -> list[Json]:
    """The objects in `parent[name]`: a list, or one or a list of them under `inside`."""
    found = parent.get(name)
    if isinstance(found, dict) and inside in found:
        found = found[inside]
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]


def words(value: object) -> list[str]:
    """The texts in one or several."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each]


def count(value: object) -> int:
    """A number of units, written as a number or as text; 0 for anything else."""
    written = str(value).strip()
    return int(written) if written.isdecimal() else 0
