"""Newegg's times are Pacific, and do not say so (https://developer.newegg.com, "Endpoints and Time Standard")."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

_PACIFIC: Final = ZoneInfo("America/Los_Angeles")
_FORMATS: Final = ("%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y")


def as_moment(at: datetime) -> str:
    """A moment as a criterion of a search."""
    return f"{at.astimezone(_PACIFIC):%Y-%m-%d %H:%M:%S}"


def as_date(at: datetime) -> str:
    """The day as a feed writes it."""
    return f"{at.astimezone(_PACIFIC):%m/%d/%Y}"


def read(text: object) -> datetime | None:
    """A moment of Newegg's, in UTC; None when it is not one."""
    for form in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(str(text), form).replace(tzinfo=_PACIFIC).astimezone(UTC)
    return None
