"""The moments between which a list looks (EasyPost documentation, "Retrieve a list of shipments").

"Only return records created after this timestamp. Defaults to 1 month ago, or 1 month before a passed end_datetime";
"created before this timestamp. Defaults to end of the current day, or 1 month after a passed start_datetime".
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final

from emulators.easypost import errors

MONTH: Final = timedelta(days=30)


def window_of(query: Mapping[str, str], now: str) -> tuple[datetime, datetime]:
    """Start and end of what is asked for, both excluded; a moment that cannot be read is refused."""
    start, end, today = _moment(query, "start_datetime"), _moment(query, "end_datetime"), datetime.fromisoformat(now)
    if start is None:
        return (end or today) - MONTH, end or datetime.combine(today.date(), time.max, UTC)
    return start, end or start + MONTH


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        found = datetime.fromisoformat(query[name].replace(" ", "+"))
    except ValueError:
        raise errors.invalid(name, "is not a valid datetime") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
