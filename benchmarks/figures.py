"""What a row of the benchmarks came to, kept as a file so that a run that was stopped goes on where it was."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class InvalidMeasurementError(Exception):
    """What was measured means nothing: an order did not complete, or a count is wrong."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Kept):
    """One number of the product, beside the peer's. `ratio` is what `reach` speaks of where both are given.

    `reached`: None for a figure that is only told.
    """

    name: str
    unit: str
    product: float
    peer: float | None = None
    ratio: float | None = None
    reach: str = ""
    reached: bool | None = None


class Picture(_Kept):
    """A chart of a row: groups of bars side by side, or lines of (x, y) points. `log`: a logarithmic y axis."""

    name: str
    kind: Literal["bars", "lines"]
    title: str
    x: str = ""
    y: str
    log: bool = False
    groups: dict[str, dict[str, float]] = {}
    lines: dict[str, list[tuple[float, float]]] = {}


class Row(_Kept):
    """A measured row. `load`: what was done; `checks`: what had to be exact, and was; `seconds`: its wall time."""

    row: str
    title: str
    beside: str
    quick: bool
    load: str
    figures: list[Figure]
    checks: list[str]
    notes: list[str] = []
    pictures: list[Picture] = []
    seconds: float = 0.0
    measured_at: str = ""
    machine: dict[str, str] = {}

    @property
    def reached(self) -> bool:
        """Whether every figure that has a mark reaches it."""
        return all(figure.reached for figure in self.figures if figure.reached is not None)


def at_most(name: str, unit: str, product: float, limit: float) -> Figure:
    """A figure of the product alone that must not be above `limit`."""
    return Figure(name=name, unit=unit, product=product, reach=f"≤ {limit:g} {unit}".strip(), reached=product <= limit)


def ratio_at_most(name: str, unit: str, product: float, peer: float, limit: float) -> Figure:
    """Product ÷ peer must not be above `limit`: for times and costs."""
    ratio = divided(product, peer)
    mark = {"reach": f"≤ {limit:g}x", "reached": ratio <= limit}
    return Figure(name=name, unit=unit, product=product, peer=peer, ratio=ratio, **mark)


def ratio_at_least(name: str, unit: str, product: float, peer: float, limit: float) -> Figure:
    """Product ÷ peer must not be below `limit`: for work done per second."""
    ratio = divided(product, peer)
    mark = {"reach": f"≥ {limit:g}x", "reached": ratio >= limit}
    return Figure(name=name, unit=unit, product=product, peer=peer, ratio=ratio, **mark)


def told(name: str, unit: str, product: float, peer: float | None = None) -> Figure:
    """A figure without a mark."""
    ratio = None if peer is None else divided(product, peer)
    return Figure(name=name, unit=unit, product=product, peer=peer, ratio=ratio)


def divided(product: float, peer: float) -> float:
    """Product ÷ peer. Raises InvalidMeasurementError when that is no number."""
    if not peer or not math.isfinite(product / peer):
        raise InvalidMeasurementError(f"{product} / {peer} is no ratio")
    return product / peer


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are at or below (0.99: p99). Raises InvalidMeasurementError without values."""
    if not values:
        raise InvalidMeasurementError("nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The median. Raises InvalidMeasurementError without values."""
    if not values:
        raise InvalidMeasurementError("nothing was measured")
    return statistics.median(values)


def require(holds: bool, what: str) -> str:
    """`what`, for the row's checks. Raises InvalidMeasurementError when it does not hold."""
    if not holds:
        raise InvalidMeasurementError(f"not so: {what}")
    return what


def file_of(folder: Path, row: str, *, quick: bool) -> Path:
    """Where a row is kept; a quick measurement never replaces a full one."""
    return folder / f"{row}{'-quick' if quick else ''}.json"


def keep(folder: Path, row: Row) -> None:
    """Write a row down."""
    folder.mkdir(parents=True, exist_ok=True)
    file_of(folder, row.row, quick=row.quick).write_text(row.model_dump_json(indent=2) + "\n", encoding="utf-8")


def kept(folder: Path, names: Sequence[str], *, quick: bool) -> Mapping[str, Row]:
    """The rows measured so far; a full measurement, where there is one, goes before a quick one."""
    found: dict[str, Row] = {}
    for name in names:
        for file in (file_of(folder, name, quick=False), file_of(folder, name, quick=True))[: 2 if quick else 1]:
            if file.exists() and name not in found:
                found[name] = Row.model_validate_json(file.read_text(encoding="utf-8"))
    return found
