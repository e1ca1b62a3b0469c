"""`Prefer: wait=N` and `respond-async` (RFC 7240): how long the caller wants to wait for an outcome."""

import re
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, Header

MAX_WAIT: Final = timedelta(seconds=30)
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def parse_wait(prefer: str | None) -> timedelta | None:
    """The wait that is applied, at most 30 s; None when none was asked for. What is not understood is ignored."""
    found = _WAIT.search(prefer or "")
    if found is None:
        return None
    return min(timedelta(seconds=int(found.group(1))), MAX_WAIT) or None


def applied(wait: timedelta | None) -> dict[str, str]:
    """The `Preference-Applied` header."""
    return {"Preference-Applied": f"wait={int(wait.total_seconds())}"} if wait else {}


async def _wait(
    prefer: Annotated[str | None, Header(description="`wait=N`: seconds to wait, at most 30")] = None,
) -> timedelta | None:
    return parse_wait(prefer)


Wait = Annotated[timedelta | None, Depends(_wait)]
