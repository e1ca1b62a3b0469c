"""Seeing to Temporal schedules: when a worker starts, for Temporal may come up later, and when accounts are opened."""

import asyncio
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from ordersaga.bootstrap import Services
from ordersaga.schedules import ensure_reconciliation
from workers.relay import pass_time

AGAIN: Final = 5.0
"""Seconds between two attempts, and between two looks for new accounts."""

log = structlog.get_logger(__name__)


async def see_to_schedules(client: Client, services: Services, stop: asyncio.Event) -> None:
    """Keep the schedules up to date, however long it takes; until `stop`."""
    known: object = None
    while not stop.is_set():
        accounts = (*services.providers,), (*services.provider_stock,), services.listing_accounts
        if accounts != known and await _scheduled(client, services):
            known = accounts
        await pass_time(AGAIN, stop)


async def _scheduled(client: Client, services: Services) -> bool:
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
        return False
    log.info("reconciliation_scheduled", created=created, every=str(services.settings.reconcile_every))
    return True
