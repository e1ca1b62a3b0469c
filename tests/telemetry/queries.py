"""The metrics that an expression of PromQL names, by Prometheus' own grammar."""

from collections.abc import Iterator
from typing import Any

import promql_parser


def metrics_in(expression: str) -> set[str]:
    """Names of the series it asks for. Raises ValueError when it is no PromQL."""
    return set(_names(promql_parser.parse(expression)))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
        return
    for below in _below(node):
        yield from _names(below)


def _below(node: Any) -> list[Any]:
    found = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    return [each for each in [*found, *(getattr(node, "args", None) or [])] if each is not None]
