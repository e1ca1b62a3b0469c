"""Countries and their subdivisions, by the codes of ISO 3166; and whoever else a post office takes for one of these."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("regions.txt")
_BESIDE: Final[Mapping[str, frozenset[str]]] = {"US": frozenset({"AA", "AE", "AP"})}
"""Of the armed forces, written in the place of a state."""
_MISTAKEN: Final[Mapping[str, str]] = {"UK": "GB", "EL": "GR"}
"""Codes of other lists that people write, and the country they mean."""


@cache
def countries() -> Mapping[str, frozenset[str]]:
    """By country, the codes of its subdivisions without the country's; some countries have none."""
    lines = _FILE.read_text(encoding="ascii").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {country: frozenset(parts) | _BESIDE.get(country, frozenset()) for country, *parts in rows}


def meant(country: str) -> str | None:
    """The country that people mean by a code that is none's; None: nobody knows."""
    return _MISTAKEN.get(country)
