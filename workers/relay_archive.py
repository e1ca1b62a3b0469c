"""Histories of what has ended, kept before Temporal throws them away."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ordersaga.archive import Archiver, Kept

OVERLAP: Final = timedelta(hours=1)
"""What has ended is found some time later."""

TOLD: Final = 10
"""So many of what could not be kept are named in a line."""

log = structlog.get_logger(__name__)


class Archive:
    """Looks at everything that Temporal has at first, then at what ended since; of several relays one at a time."""

    def __init__(self, archiver: Archiver, overlap: timedelta = OVERLAP) -> None:
        self._archiver, self._overlap = archiver, overlap
        self._since: datetime | None = None
        self._unkept: tuple[Kept, ...] = ()

    async def step(self) -> bool:
        """Keep what is not kept yet; what could not be kept is looked at again the next time, by itself."""
        began = datetime.now(UTC)
        done = await self._archiver.run(self._since, self._unkept)
        if done.elsewhere:
            return False
        log.info("archived", written=done.written, kept_before=done.kept_before, gone=done.gone, left_out=done.left_out)
        if done.failed:
            log.error("not_archived", failed=len(done.failed), runs=done.failed[:TOLD])
        self._since, self._unkept = began - self._overlap, done.unkept
        return False
