"""Curves as one line of text each, all to the same scale."""

from collections.abc import Mapping, Sequence
from typing import Final

LEVELS: Final = " ▁▂▃▄▅▆▇█"
WIDTH: Final = 60


def sparks(curves: Mapping[str, Sequence[tuple[float, int]]]) -> list[str]:
    """A line for each curve of (hours, count): its name, its shape, its highest count; then the axis of time."""
    drawn = {name: curve for name, curve in curves.items() if curve}
    until = max((curve[-1][0] for curve in drawn.values()), default=0.0)
    highest = max((count for curve in drawn.values() for _, count in curve), default=0)
    if not highest or not until:
        return []
    wide = max(map(len, drawn))
    lines = [
        f"{name:<{wide}} {_spark(curve, until, highest)} {max(n for _, n in curve):,}" for name, curve in drawn.items()
    ]
    end = f"{until:.1f} h"
    return [*lines, f"{'':<{wide}} 0 h{end:>{WIDTH - 3}}"]


def _spark(curve: Sequence[tuple[float, int]], until: float, highest: int) -> str:
    """For each column the most that waited in its time: a point holds until the next, nothing after the last."""
    most = [0] * WIDTH
    for (begins, count), (ends, _) in zip(curve, [*curve[1:], curve[-1]], strict=True):
        first, last = _column(begins, until), _column(ends, until)
        for column in range(first, last + 1):
            most[column] = max(most[column], count)
    return "".join(LEVELS[-(-count * (len(LEVELS) - 1) // highest)] for count in most)


def _column(hours: float, until: float) -> int:
    return min(int(hours / until * WIDTH), WIDTH - 1)
