"""How people write durations and rates: `10m`, `2d`, `150/min`, `6000/day`."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PER: Final = {"s": 60.0, "sec": 60.0, "min": 1.0, "h": 1 / 60, "hour": 1 / 60, "day": 1 / 1440}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)/(s|sec|min|h|hour|day)")


def duration(text: str) -> timedelta:
    """`90s`, `10m`, `2h` or `2d`. Raises ValueError with the remedy."""
    if match := _DURATION.fullmatch(text.strip()):
        return float(match[1]) * _UNITS[match[2]]
    raise ValueError(f"{text!r} is no duration; write 90s, 10m, 2h or 2d")


def per_minute(text: str) -> float:
    """`150/min`, `3/s`, `6000/day` as a number a minute. Raises ValueError with the remedy."""
    match = _RATE.fullmatch(text.strip())
    if match and float(match[1]) > 0:
        return float(match[1]) * _PER[match[2]]
    raise ValueError(f"{text!r} is no rate; write 150/min, 3/s or 6000/day")


def spoken(of: timedelta) -> str:
    """A duration for people: `45 s`, `2 h 47 min`, `3 d 4 h`."""
    seconds = round(of.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"


def _duration(value: Any) -> Any:
    return duration(value) if isinstance(value, str) else value


def _rate(value: Any) -> Any:
    return per_minute(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PerMinute = Annotated[float, BeforeValidator(_rate), Field(gt=0)]
