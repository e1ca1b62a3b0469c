"""The whole checkup: what cannot be looked at because something before it failed is said to be so."""

import shutil
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from temporalio.service import RPCError

from ordersaga.archive import archiver_of
from ordersaga.bootstrap import ENCRYPTION_REFUSALS, Services, copies_of, look_at_database, open_services
from ordersaga.doctor.archive import archive_lines
from ordersaga.doctor.companies import company_lines, lane_lines, seller_account_lines
from ordersaga.doctor.database import database_lines, encryption_line, key_lines
from ordersaga.doctor.lines import Checkup, Line, fail, ok, warn
from ordersaga.doctor.names import unknown_names
from ordersaga.doctor.temporal import TemporalCheckup
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.lanes import channel_lane
from ordersaga.settings import Settings, SettingsError, read_complete
from workflows.messages import carrier_queue, provider_queue

LITTLE, SCARCE = 0.10, 0.03
"""Of a disk's size, what is left."""
NAME: Final = "ordersaga-doctor"


async def check_all(folder: Path) -> Checkup:
    """Look at everything the settings name. `folder`: on the disk that logs and embedded databases grow on."""
    try:
        settings = read_complete()
    except SettingsError as error:
        return Checkup(lines=(fail("settings", str(error), "correct what is named, then: ordersaga doctor"),))
    connected = await _connected(settings)
    complete = [] if any(line.check == "settings" for line in connected) else [ok("settings", "complete")]
    return Checkup(lines=(*complete, *unknown_names(Path(".env")), _disk(folder), *connected))


async def _connected(settings: Settings) -> list[Line]:
    async with AsyncExitStack() as stack:
        try:
            services = await stack.enter_async_context(open_services(settings, name=NAME, looks_only=True))
        except SettingsError as error:
            return [fail("settings", str(error), "correct what is named, then: ordersaga doctor")]
        except OrdersagaError as error:
            return [_no_database(error)]
        return await _looked(services)
    raise AssertionError("the stack of contexts swallows nothing")


def _no_database(error: OrdersagaError) -> Line:
    told = f"{error.code}: {error.message}; Temporal and the companies were not looked at"
    if error.code == "database_not_migrated":
        return fail("migrations", told, "ordersaga migrate")
    if error.code in ENCRYPTION_REFUSALS:
        return fail("encryption", told, "give this process the master keys that all others have: docs/privacy.md")
    return fail("postgresql", told, "start PostgreSQL, or correct ORDERSAGA_DATABASE_URL")


async def _looked(services: Services) -> list[Line]:
    queues = [
        *map(provider_queue, services.providers),
        *map(carrier_queue, services.carriers),
        *map(channel_lane, services.channels),
    ]
    lines = await _or_fail("postgresql", _database(services), "ordersaga migrate")
    lines.append(encryption_line(services.key_ring))
    if services.key_ring is not None:
        remedy = "start the database that ORDERSAGA_KEY_COPIES_URL names, then: ordersaga migrate"
        lines += await _or_fail("key_copies", _keys(services), remedy)
    lines += await _or_fail("temporal", TemporalCheckup(services.orders.temporal, queues).lines(), "start Temporal")
    lines += await _or_fail("archive", archive_lines(archiver_of(services)), "start Temporal")
    lines += await _or_fail("lanes", lane_lines(services), "ordersaga migrate")
    return [*lines, *seller_account_lines(services), *await company_lines(services)]


async def _database(services: Services) -> list[Line]:
    return list(database_lines(await look_at_database(services)))


async def _keys(services: Services) -> list[Line]:
    state = await look_at_database(services)
    return await key_lines(copies_of(services), archived=state.archived and state.unarchived is None)


async def _or_fail(check: str, look: Awaitable[list[Line]], remedy: str) -> list[Line]:
    try:
        return await look
    except (OrdersagaError, RPCError, RuntimeError) as error:
        return [fail(check, str(error), remedy)]


def _disk(folder: Path) -> Line:
    usage = shutil.disk_usage(folder)
    left = usage.free / usage.total
    told = f"{usage.free / 2**30:.1f} GiB of {usage.total / 2**30:.0f} GiB free ({left:.0%})"
    if left < SCARCE:
        return fail("disk", told, "make room before PostgreSQL or Temporal cannot write")
    return warn("disk", told, "make room") if left < LITTLE else ok("disk", told)
