"""The archive: there, and ahead of what Temporal throws away."""

from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.archive import Archiver
from ordersaga.client_histories import retention_of
from ordersaga.doctor.lines import Line, ok, warn
from ordersaga.domain.errors import OperatorError
from ordersaga.error_words import said

SOON: Final = timedelta(days=3)
"""Time enough for somebody to mend what keeps a relay from writing."""


async def archive_lines(archiver: Archiver | None) -> list[Line]:
    """Whether a history leaves Temporal soon that is not kept; nothing where there is no folder for them."""
    if archiver is None:
        return []
    try:
        archiver.folder.require(writes=False)
        leaving = datetime.now(UTC) + SOON - await retention_of(archiver.temporal)
        missing = await archiver.missing(leaving)
    except OSError as error:
        return [_unseen(said(error))]
    except OperatorError as error:
        if not error.code.startswith("archive_"):
            raise
        return [_unseen(error.message)]
    if missing:
        told = f"{missing} histories leave Temporal within {SOON.days} days and are not kept"
        return [warn("archive", told, "ordersaga archive; and see why no relay does it: its log, `loop=archive`")]
    return [ok("archive", f"nothing leaves Temporal within {SOON.days} days that is not kept")]


def _unseen(why: str) -> Line:
    told = f"{why}; here nobody can look which histories are kept"
    return warn("archive", told, "mount and open what ORDERSAGA_ARCHIVE names, for relays and for whoever looks")
