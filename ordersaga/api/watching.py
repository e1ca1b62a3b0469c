"""What an API looks at beside the requests: how much waits in providers' lanes, and sellers that were onboarded."""

import asyncio
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import RetryError
from ordersaga.domain.lanes import provider_lane

LANES_SECONDS: Final = 10.0
ACCOUNTS_SECONDS: Final = 5.0
_PROVIDERS: Final = provider_lane("")

log = structlog.get_logger(__name__)


async def watch_lanes(services: Services) -> None:
    """New orders go where they are handed off sooner. While Temporal does not answer nothing is known."""
    while True:
        await look_at_lanes(services)
        await asyncio.sleep(LANES_SECONDS)


async def look_at_lanes(services: Services) -> None:
    """Look once at each provider's."""
    for lane in list(services.lanes.values()):
        state = await services.orders.lane(lane.name) if lane.name.startswith(_PROVIDERS) else None
        if state is not None:
            services.backlogs.saw(lane, state.backlog, state.oldest)


async def watch_accounts(services: Services) -> None:
    """Webhooks of accounts that another process was told of are taken here too, without a restart."""
    while True:
        await asyncio.sleep(ACCOUNTS_SECONDS)
        try:
            await services.seller_accounts.open()
        except RetryError as error:
            log.warning("seller_accounts_unknown", error=str(error))
