"""What is wrong with settings: all of it at once, each named as the environment names it, and no value repeated.

What is refused is taken for its default, and the rest is looked at again: so rules about several settings are heard
although a single one was refused as well. A rule names every setting it is about; one of which a setting was refused
already says nothing new.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from ordersaga.remedies import in_a_line

S = TypeVar("S", bound=BaseSettings)


@dataclass(frozen=True)
class Reading(Generic[S]):
    """Settings as far as they can be used. `settings`: None when even defaults do not go together with the rest."""

    settings: S | None
    refused: frozenset[str]
    told: tuple[str, ...]


def read_all(kind: type[S], prefix: str, given: Mapping[str, Any]) -> Reading[S]:
    """Read the settings of a `kind`, whose names in the environment begin with `prefix`; `given` override it."""
    told: list[str] = []
    usual: dict[str, Any] = {}
    while True:
        try:
            settings = kind(**{**given, **usual})
        except ValidationError as error:
            faults = [(_names(kind, prefix, fault), _told(prefix, fault)) for fault in error.errors()]
        else:
            return Reading(settings, frozenset(usual), tuple(told))
        told += [text for names, text in faults if not names & set(usual)]
        found = {name for names, _ in faults for name in names} - set(usual)
        if not found:
            return Reading(None, frozenset(usual), tuple(told))
        usual |= {name: kind.model_fields[name].get_default(call_default_factory=True) for name in found}


def from_json(value: object) -> object:
    """What a variable or a file says as JSON; what code gives is taken as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except ValueError:
        raise ValueError("must be JSON: an object in braces, its names in double quotes") from None


def _names(kind: type[BaseSettings], prefix: str, fault: ErrorDetails) -> set[str]:
    """The settings that a refusal is about."""
    named = {name.lower() for name in re.findall(rf"{prefix}([A-Z_]+)", fault["msg"])}
    return (named | {str(fault["loc"][0]) if fault["loc"] else ""}) & set(kind.model_fields)


def _told(prefix: str, fault: ErrorDetails) -> str:
    """The refusal; a rule about the whole names settings itself."""
    return f"{prefix}{fault['loc'][0]}: ".upper() + in_a_line(fault) if fault["loc"] else in_a_line(fault)
