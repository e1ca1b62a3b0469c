"""Seeing to Temporal schedules when a worker starts; Temporal may come up later than we do."""

import asyncio
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from ordersaga.bootstrap import Services
from ordersaga.schedules import ensure_reconciliation
from workers.relay import pass_time

AGAIN: Final = 5.0
"""Seconds between two attempts."""

log = structlog.get_logger(__name__)


async def see_to_schedules(client: Client, services: Services, stop: asyncio.Event) -> None:
    """Bring the schedules up to date, however long it takes; until `stop`."""
    while not stop.is_set():
        try:
            created = await ensure_reconciliation(
                client,
                services.settings,
                services.providers,
                services.provider_stock,
                accounts=services.listing_accounts,
            )
        except RPCError as error:
            log.warning("schedule_refused", error=str(error), retry_in=AGAIN)
            await pass_time(AGAIN, stop)
        else:
            log.info("reconciliation_scheduled", created=created, every=str(services.settings.reconcile_every))
            return
