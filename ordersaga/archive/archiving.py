"""Takes histories out of Temporal before it throws them away, each with its order's trail, as it stands in PostgreSQL.

Nothing is decrypted: payloads stay as Temporal has them, names in the trail as the rows have them. An erasure of the
order's key reaches both here too.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.archive.folder import Folder, Kept
from ordersaga.bootstrap import PostgresAuditTrail, Services
from ordersaga.domain.audit_file import dump_trail
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import owner_of_workflow
from ordersaga.domain.values import Message

KINDS: Final = ("OrderFulfillment", "OrderReturn", "Reconciliation", "RepairFinding", "StopOrders")
_CLOSED: Final = f"WorkflowType IN {KINDS} AND ExecutionStatus != 'Running'"


class Archived(Message):
    """What a run did. `gone`: histories that Temporal threw away, or somebody deleted, before they were read."""

    written: int = 0
    kept_before: int = 0
    gone: int = 0
    elsewhere: bool = False
    """Another process is at it: nothing was done here."""


@dataclass(frozen=True)
class Archiver:
    """Reads from Temporal and PostgreSQL, writes to the folder."""

    temporal: Client
    trail: PostgresAuditTrail
    folder: Folder

    async def run(self, since: datetime | None = None) -> Archived:
        """Keep what is not kept yet, the oldest first; `since`: only of what ended after that.

        It may be broken off at any moment and goes on at the next run. Raises OperatorError `archive_missing`,
        `archive_closed`.
        """
        self.folder.require()
        async with self.trail.archiving() as alone:
            return await self._run(since) if alone else Archived(elsewhere=True)

    async def _run(self, since: datetime | None) -> Archived:
        waiting: list[tuple[datetime, Kept]] = []
        before = 0
        async for at, run in closed(self.temporal, since=since):
            if await asyncio.to_thread(self.folder.holds, run):
                before += 1
            else:
                waiting.append((at, run))
        written = [await self._keep(run) for _, run in sorted(waiting, key=lambda each: each[0])]
        return Archived(written=sum(written), kept_before=before, gone=len(written) - sum(written))

    async def _keep(self, run: Kept) -> bool:
        history = await history_of(self.temporal, run.workflow_id, run.run_id)
        if history is None:
            return False
        trail = await self._trail(run.workflow_id)
        await asyncio.to_thread(self.folder.keep, run, history, trail)
        return True

    async def _trail(self, workflow_id: str) -> str | None:
        """Of no order there is none, nor of one that PostgreSQL has forgotten in a restore."""
        order_id = owner_of_workflow(workflow_id)
        if order_id is None:
            return None
        try:
            return "".join(f"{line}\n" for line in dump_trail(await self.trail.trail(order_id)))
        except OperatorError as error:
            if error.code != "unknown_order":
                raise
            return None


def archiver_of(services: Services) -> Archiver | None:
    """Who keeps histories, where the settings say into which folder."""
    folder = services.settings.archive
    if folder is None:
        return None
    return Archiver(services.orders.temporal, services.audit_trail, Folder(folder))


async def closed(
    temporal: Client, *, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[tuple[datetime, Kept]]:
    """Every run of a workflow of ours that ended after `since` and before `until`, and when."""
    bounds = ((">", since), ("<", until))
    told = [f"CloseTime {sign} '{at.astimezone(UTC).isoformat()}'" for sign, at in bounds if at is not None]
    async for found in temporal.list_workflows(" AND ".join([_CLOSED, *told])):
        if found.close_time is not None:
            yield found.close_time, Kept.closed(found.id, found.run_id, found.close_time)


async def unarchived(temporal: Client, folder: Folder, leave_before: datetime) -> int:
    """How many histories of what ended before then are not kept."""
    missing = 0
    async for _, run in closed(temporal, until=leave_before):
        missing += not await asyncio.to_thread(folder.holds, run)
    return missing


async def history_of(temporal: Client, workflow_id: str, run_id: str) -> str | None:
    """A history as JSON, as Temporal has it; None when it has none."""
    try:
        return (await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()).to_json()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
