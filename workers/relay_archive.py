"""Histories of what has ended, kept before Temporal throws them away."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ordersaga.archive import Archiver

OVERLAP: Final = timedelta(hours=1)
"""What has ended is found some time later."""

log = structlog.get_logger(__name__)


class Archive:
    """Looks at everything that Temporal has at first, then at what ended since; of several relays one at a time."""

    def __init__(self, archiver: Archiver) -> None:
        self._archiver = archiver
        self._since: datetime | None = None

    async def step(self) -> bool:
        """Keep what is not kept yet."""
        began = datetime.now(UTC)
        done = await self._archiver.run(self._since)
        if not done.elsewhere:
            self._since = began - OVERLAP
            log.info("archived", written=done.written, gone=done.gone)
        return False
