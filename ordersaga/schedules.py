"""The Temporal schedule on which reconciliation runs; every worker process brings it up to date when it starts."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from ordersaga.settings import Settings
from workflows.messages import ORDER_QUEUE
from workflows.reconciliation import Reconcile, Reconciliation

SCHEDULE_ID: Final = "reconciliation"
CATCH_UP: Final = timedelta(minutes=10)
"""Runs missed for longer while Temporal was down are left out: the next one looks back over their time too."""


async def ensure_reconciliation(
    client: Client,
    settings: Settings,
    providers: Iterable[str],
    counting: Iterable[str],
    *,
    accounts: tuple[str, ...] = (),
) -> bool:
    """Create the schedule, or bring it up to date as it stands: one that an operator paused stays paused.

    Args:
        client: of the namespace the workers poll.
        settings: how often, how far back, and what is too young to be a finding.
        providers: whose orders are matched.
        counting: those of them that count their shelves.
        accounts: of carriers, besides the first, that list their labels.

    Returns:
        Whether it was created now.
    """
    asked = Reconcile(
        window=settings.reconcile_window,
        grace=settings.reconcile_grace,
        providers=tuple(sorted(providers)),
        counting=tuple(sorted(counting)),
        accounts=accounts,
    )
    try:
        await client.create_schedule(SCHEDULE_ID, _schedule(asked, _spec(settings.reconcile_every)))
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(SCHEDULE_ID).update(lambda found: _updated(found, asked, settings))
        return False
    return True


def _schedule(asked: Reconcile, spec: ScheduleSpec, state: ScheduleState | None = None) -> Schedule:
    action = ScheduleActionStartWorkflow(
        Reconciliation.run,
        asked,
        id="reconciliation",
        task_queue=ORDER_QUEUE,
        static_summary=f"everything · asked for by {asked.requested_by}",
    )
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP)
    note = ScheduleState(note="ordersaga: the companies' records beside our ledgers")
    return Schedule(action=action, spec=spec, policy=policy, state=state or note)


def _spec(every: timedelta) -> ScheduleSpec:
    """From now on, each `every`: nothing runs the moment a stack starts, nor for all deployments on the hour."""
    offset = datetime.now(UTC).timestamp() % every.total_seconds()
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=timedelta(seconds=int(offset)))])


def _updated(found: ScheduleUpdateInput, asked: Reconcile, settings: Settings) -> ScheduleUpdate:
    """The same rhythm as before if the interval is the same, so that restarts do not put the next run off."""
    known = found.description.schedule
    intervals = known.spec.intervals
    same = len(intervals) == 1 and intervals[0].every == settings.reconcile_every
    spec = known.spec if same else _spec(settings.reconcile_every)
    return ScheduleUpdate(schedule=_schedule(asked, spec, known.state))
