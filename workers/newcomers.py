"""Accounts of sellers that are onboarded while a worker runs: it opens them, and serves their lanes, within seconds."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog
from temporalio.worker import Worker

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import RetryError
from workers.lanes import LaneKeeper
from workers.lifecycle import running
from workers.relay import pass_time

LOOK_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


async def see_to_newcomers(
    services: Services,
    stop: asyncio.Event,
    workers_for: Callable[[Collection[str]], Sequence[Worker]],
    keeper: LaneKeeper | None,
    *,
    every: float = LOOK_SECONDS,
) -> None:
    """Look for new accounts until `stop`; their workers then finish what they have begun.

    `workers_for`: makes those of some accounts. `keeper`: sets what a lane may hand out before anybody asks it.
    """
    async with AsyncExitStack() as serving:
        while not stop.is_set():
            await pass_time(every, stop)
            new = () if stop.is_set() else await _opened(services)
            if not new:
                continue
            if keeper is not None:
                await keeper.look()
            await serving.enter_async_context(running(workers_for(new), settle=0))
            log.info("seller_accounts_joined", accounts=new)


async def _opened(services: Services) -> Sequence[str]:
    try:
        return await services.seller_accounts.open()
    except RetryError as error:
        log.warning("seller_accounts_unknown", error=str(error))
        return ()
