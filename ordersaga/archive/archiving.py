"""Takes histories out of Temporal before it throws them away, each with its order's trail, as it stands in PostgreSQL.

Nothing is decrypted: payloads stay as Temporal has them, names in the trail as the rows have them. An erasure of the
order's key reaches both here too. Of what was erased before, or dropped from the folder, nothing is kept.
"""

import asyncio
import errno
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import Field
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.archive.folder import Folder, Kept
from ordersaga.bootstrap import PostgresAuditTrail, Services
from ordersaga.client_errors import is_outage
from ordersaga.domain.audit_file import dump_trail
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import owner_of_workflow
from ordersaga.domain.values import Message
from ordersaga.error_words import said

KINDS: Final = ("OrderFulfillment", "OrderReturn", "Reconciliation", "RepairFinding", "StopOrders")
_AWAY: Final = (
    *(RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED),
    *(RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED),
)
_CLOSED: Final = f"WorkflowType IN {KINDS} AND ExecutionStatus != 'Running'"
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
"""What is looked at again ended before all else."""


class Archived(Message):
    """What a run did.

    `gone`: histories that Temporal threw away, or somebody deleted, before they were read. `left_out`: of orders that
    were erased, or dropped from the folder. `failed`: workflows whose history could not be kept, and why.
    """

    written: int = 0
    kept_before: int = 0
    gone: int = 0
    left_out: int = 0
    failed: tuple[str, ...] = ()
    unkept: tuple[Kept, ...] = Field(default=(), exclude=True)
    """The same, for who looks at them again."""
    elsewhere: bool = False
    """Another process is at it: nothing was done here."""


@dataclass(frozen=True)
class Archiver:
    """Reads from Temporal and PostgreSQL, writes to the folder."""

    temporal: Client
    trail: PostgresAuditTrail
    folder: Folder

    async def run(self, since: datetime | None = None, again: Iterable[Kept] = ()) -> Archived:
        """Keep what is not kept yet, the oldest first; `since`: only of what ended after that, and `again`, before it.

        A history that cannot be kept hinders none behind it. It may be broken off at any moment and goes on at the next
        run. Raises OperatorError `archive_missing`, `archive_closed`.
        """
        self.folder.require()
        async with self.trail.archiving() as alone:
            return await self._run(since, again) if alone else Archived(elsewhere=True)

    async def missing(self, until: datetime) -> int:
        """How many histories of what ended before then are not kept, and should be."""
        waiting = [run async for _, run in closed(self.temporal, until=until) if not await self._holds(run)]
        orders = [order_id for run in waiting if (order_id := owner_of_workflow(run.workflow_id)) is not None]
        out = await self.trail.erased(orders) | await asyncio.to_thread(self.folder.dropped)
        return sum(owner_of_workflow(run.workflow_id) not in out for run in waiting)

    async def _run(self, since: datetime | None, again: Iterable[Kept]) -> Archived:
        waiting = {run: _FIRST for run in again if not await self._holds(run)}
        done: Counter[str] = Counter()
        failed: dict[Kept, str] = {}
        async for at, run in closed(self.temporal, since=since):
            if await self._holds(run):
                done["kept_before"] += 1
            else:
                waiting.setdefault(run, at)
        for run in sorted(waiting, key=waiting.__getitem__):
            try:
                done[await self._keep(run)] += 1
            except Exception as error:
                if _concerns_all(error):
                    raise
                failed[run] = f"{run.workflow_id}: {_why(error)}"
        return Archived(failed=tuple(failed.values()), unkept=tuple(failed), **done)

    async def _holds(self, run: Kept) -> bool:
        return await asyncio.to_thread(self.folder.holds, run)

    async def _keep(self, run: Kept) -> Literal["written", "gone", "left_out"]:
        order_id = owner_of_workflow(run.workflow_id)
        if order_id is not None and await self.trail.erased([order_id]):
            return "left_out"
        history = await history_of(self.temporal, run.workflow_id, run.run_id)
        if history is None:
            return "gone"
        trail = await self._trail(run.workflow_id)
        return "written" if await asyncio.to_thread(self.folder.keep, run, history, trail) else "left_out"

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


async def history_of(temporal: Client, workflow_id: str, run_id: str) -> str | None:
    """A history as JSON, as Temporal has it; None when it has none."""
    try:
        return (await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()).to_json()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


def _concerns_all(error: Exception) -> bool:
    """Whether the next history would fare no better: Temporal, PostgreSQL or the folder is away or full."""
    if isinstance(error, RPCError):
        return error.status in _AWAY
    if isinstance(error, OSError):
        return error.errno != errno.ENAMETOOLONG
    return isinstance(error, RetryError) or (isinstance(error, RuntimeError) and is_outage(error))


def _why(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else said(error)
