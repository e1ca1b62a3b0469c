"""Does a series grow? A straight line through it, how sure its slope is, and a verdict against a limit.

Samples that follow one another resemble one another (a cache fills, a collection empties it), and a line through all of
them would be far too sure of itself. So the line goes through the means of eight equal stretches, and the confidence is
that of eight independent values.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STRETCHES: Final = 8
_STUDENT: Final = 2.447
"""The 97.5th percentile of Student's t with six degrees of freedom: eight values less the two of a line."""
_HOUR: Final = 3600.0

Point = tuple[float, float]


class Verdict(StrEnum):
    """What the series does. UNCLEAR: the run was too short, or too noisy, to tell."""

    FLAT = "flat"
    GROWS = "grows"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Trend:
    """A line through a series. `slope` and `margin` (of 95 % confidence): its unit an hour."""

    mean: float
    last: float
    highest: float
    slope: float
    margin: float

    def verdict(self, limit: float) -> Verdict:
        """FLAT: surely no more than `limit` an hour. GROWS: more than that, and surely at all."""
        if self.slope + self.margin <= limit:
            return Verdict.FLAT
        return Verdict.GROWS if self.slope > limit and self.slope - self.margin > 0 else Verdict.UNCLEAR


def trend(points: Sequence[Point]) -> Trend:
    """The trend of (seconds, value) points in order of time. Raises ValueError: fewer than eight."""
    if len(points) < STRETCHES:
        raise ValueError(f"{len(points)} samples are too few: a trend needs at least {STRETCHES}")
    stretches = [_mean(_part(points, number)) for number in range(STRETCHES)]
    values = [value for _, value in points]
    slope, margin = _line(stretches)
    return Trend(
        mean=sum(values) / len(values),
        last=values[-1],
        highest=max(values),
        slope=slope * _HOUR,
        margin=margin * _HOUR,
    )


def _part(points: Sequence[Point], number: int) -> Sequence[Point]:
    return points[len(points) * number // STRETCHES : len(points) * (number + 1) // STRETCHES]


def _mean(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _line(points: Sequence[Point]) -> tuple[float, float]:
    """Slope and its margin, by least squares."""
    middle, level = _mean(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    slope = sum((x - middle) * (y - level) for x, y in points) / spread
    left = sum((y - level - slope * (x - middle)) ** 2 for x, y in points)
    return slope, _STUDENT * math.sqrt(left / (len(points) - 2) / spread)
