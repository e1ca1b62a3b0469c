"""Newegg's clock: Pacific time, without saying so (API documentation, "Endpoints and Time Standard")."""

from contextlib import suppress
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

PACIFIC: Final = ZoneInfo("America/Los_Angeles")
_FORMATS: Final = ("%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y", "%Y-%m-%d")


def printed(epoch: float) -> str:
    """As the API prints a moment: `2/22/2012 17:24:35`."""
    at = datetime.fromtimestamp(epoch, PACIFIC)
    return f"{at.month}/{at.day}/{at.year} {at.hour}:{at:%M:%S}"


def read(text: str) -> float:
    """A moment in one of the accepted formats, as seconds since the epoch. Raises ValueError."""
    for form in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=PACIFIC).timestamp()
    raise ValueError(f"{text} is not in an accepted date format")
