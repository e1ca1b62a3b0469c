"""Times as people write them: `90m`, `24h`, `7d`, or a moment such as 2026-03-01T08:00Z."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.commands.errors import USAGE, CommandError

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def span(text: str) -> timedelta | None:
    """`2h`; None for what is no span."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text)
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def moment(text: str, wrong: str, *, ago: bool = False) -> datetime:
    """A moment, in UTC unless it says otherwise; or a span from now on, with `ago` the span before now.

    Raises CommandError, which says `wrong`.
    """
    if (length := span(text)) is not None:
        return datetime.now(UTC) + (-length if ago else length)
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(wrong, USAGE) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
