"""Which rows there are, and how one is measured in a process of its own."""

import importlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

from benchmarks.figures import Row

MODULES: Final[Mapping[str, str]] = {
    "B1": "b1_cost",
    "B2": "b2_answer",
    "B3": "b3_sagas",
    "B4": "b4_surge",
    "B5": "b5_hot_sku",
    "B6": "b6_fairness",
    "B7": "b7_recovery",
    "B8": "b8_growth",
    "B9": "b9_matrix",
}
Tell = Callable[[str], None]


class Measure(Protocol):
    """What every row's module has."""

    def __call__(self, quick: bool, tell: Tell) -> Coroutine[Any, Any, Row]: ...


def measure_of(name: str) -> Measure:
    """How a row is measured."""
    measure: Measure = importlib.import_module(f"benchmarks.rows.{MODULES[name]}").measure
    return measure
