"""Stops whose workflow nobody started: whoever closed the door died before, or Temporal was away. They are started."""

import asyncio
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.client_stops import StopClient
from ordersaga.domain.errors import OrdersagaError
from workers.relay import pass_time

EVERY: Final = 5.0
"""Seconds between two looks."""

log = structlog.get_logger(__name__)


async def see_to_stops(services: Services, stop: asyncio.Event, every: float = EVERY) -> None:
    """Start what was not started, until `stop`."""
    while not stop.is_set():
        try:
            await start_stops(services)
        except OrdersagaError as error:
            log.warning("stops_not_started", code=error.code, error=error.message)
        await pass_time(every, stop)


async def start_stops(services: Services) -> list[str]:
    """Start the workflows of stops that have none; returns the stops."""
    client, found = StopClient(services.orders), await services.stops.unstarted()
    for stop_id in found:
        record = await services.stops.get(stop_id)
        await client.start(stop_id, record.match if record else None)
        await services.stops.mark_started(stop_id)
        log.info("stop_started", stop_id=stop_id)
    return found
