"""The metrics, and their labels, that an expression of PromQL names, by Prometheus' own grammar."""

from collections.abc import Iterator
from typing import Any

import promql_parser


def metrics_in(expression: str) -> set[str]:
    """Names of the series it asks for. Raises ValueError when it is no PromQL."""
    return set(_names(promql_parser.parse(expression)))


def labels_in(expression: str) -> set[tuple[str, str]]:
    """Metric and label, of each label that a selector compares or an aggregation keeps. Raises ValueError."""
    return set(_labels(promql_parser.parse(expression)))


def _labels(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, promql_parser.VectorSelector):
        yield from ((str(node.name), str(matcher.name)) for matcher in node.matchers.matchers)
        return
    kept = getattr(node, "modifier", None) if isinstance(node, promql_parser.AggregateExpr) else None
    if kept is not None and kept.type == promql_parser.AggModifierType.By:
        yield from ((name, str(label)) for name in _names(node.expr) for label in kept.labels)
    for below in _below(node):
        yield from _labels(below)


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
        return
    for below in _below(node):
        yield from _names(below)


def _below(node: Any) -> list[Any]:
    found = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    return [each for each in [*found, *(getattr(node, "args", None) or [])] if each is not None]
