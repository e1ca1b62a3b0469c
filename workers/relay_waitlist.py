"""Orders that wait in line: given what came back, in the order of their arrival; ended once they waited long enough."""

import structlog

from ordersaga.bootstrap import Services

log = structlog.get_logger(__name__)


class Waitlist:
    """Looks after the lines; of several relays, one at a time gives."""

    def __init__(self, services: Services) -> None:
        self._waitlist = services.waitlist

    async def step(self) -> bool:
        """End who waited too long, then give to who is next. True: there may be more."""
        overdue = await self._waitlist.end_overdue()
        if overdue:
            log.info("waited_in_vain", count=len(overdue))
        given = await self._waitlist.give()
        if given:
            log.info("waitlist_given", count=len(given))
        return bool(overdue or given)
