"""Runs of reconciliation and repairs of findings, on scripted sources; the schedule that starts them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import pytest_asyncio
from temporalio.client import ScheduleUpdate, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from activities.repairs import RepairResult
from ordersaga.client import OrderClient
from ordersaga.client_reconciliation import ReconciliationClient
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.reconciliation import Repair, RunRecord
from ordersaga.schedules import SCHEDULE_ID, ensure_reconciliation
from ordersaga.settings import Settings
from tests.support.sources import Sources, polling
from tests.workflows.world import task_failures
from workflows.presentation import ATTENTION
from workflows.reconciliation import (
    Reconcile,
    Reconciliation,
    RepairFinding,
    RepairOrder,
    repair_workflow_id,
    run_workflow_id,
)

WINDOW, GRACE = timedelta(hours=26), timedelta(minutes=10)
ALL = Reconcile(window=WINDOW, grace=GRACE, providers=("shipbob", "seller_warehouse"), counting=("shipbob",))
_names = count(1)


@pytest_asyncio.fixture
async def sources(environment: WorkflowEnvironment) -> AsyncIterator[Sources]:
    """Sources that answer at once."""
    scripted = Sources()
    async with polling(environment, scripted):
        yield scripted


@pytest.fixture
def client(environment: WorkflowEnvironment) -> ReconciliationClient:
    """Starts runs and repairs."""
    return ReconciliationClient(OrderClient(environment.client))


async def started(
    environment: WorkflowEnvironment, client: ReconciliationClient, asked: Reconcile = ALL
) -> WorkflowHandle[Reconciliation, RunRecord]:
    """A run that goes on."""
    run_id = f"r{next(_names)}"
    assert await client.start(run_id, asked)
    return environment.client.get_workflow_handle_for(Reconciliation.run, run_workflow_id(run_id))


async def ended(handle: WorkflowHandle[Reconciliation, RunRecord]) -> RunRecord:
    """Its record; no workflow task failed."""
    run = await asyncio.wait_for(handle.result(), 30)
    assert await task_failures(handle) == []
    return run


async def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(600):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never came true")


def order(repair: Repair, source: str = "payments") -> RepairOrder:
    """The repair of a finding of its own."""
    name = f"{repair}:{next(_names)}/x"
    return RepairOrder(finding_id=name, repair=repair, source=source, by="ann", reason="seen", grace=GRACE)


async def test_every_source_is_asked_on_its_own_lane(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """Once each, about the same time; the record adds up what they found."""
    handle = await started(environment, client)
    run = await ended(handle)
    assert sorted((source, lane) for source, lane, _ in sources.asked) == [
        ("labels", "carriers"),
        ("orders", "books"),
        ("payments", "payments"),
        ("provider:seller_warehouse", "provider-seller_warehouse"),
        ("provider:shipbob", "provider-shipbob"),
        ("stock:shipbob", "provider-shipbob"),
    ]
    assert {(ask.since, ask.now, ask.grace) for _, _, ask in sources.asked} == {
        (run.started_at - WINDOW, run.started_at, GRACE)
    }
    assert run.found == {"orphan_authorization": 2, "cash_differs": 2}
    assert (run.looked_at["payments"], run.looked_at["stock:shipbob"], run.failed) == (7, 4, {})
    assert [closing.run for closing in sources.closed] == [run]
    assert [opened.run_id for opened in sources.opened] == [run.run_id]
    described = await handle.describe()
    assert described.typed_search_attributes[ATTENTION] == ["cash_differs", "orphan_authorization"]


async def test_every_carrier_account_lists_its_labels_on_its_own_lane(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """The first account always; each of the others under its name."""
    run = await ended(await started(environment, client, ALL.model_copy(update={"accounts": ("ups",)})))
    asked = [(lane, ask.account) for source, lane, ask in sources.asked if source == "labels"]
    assert sorted(asked) == [("carrier-ups", "ups"), ("carriers", "")]
    assert (run.looked_at["labels"], run.looked_at["labels:ups"], run.failed) == (3, 3, {})


async def test_a_run_that_goes_on_tells_how_far_it_is(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """Also to who asks Temporal: its current details."""
    sources.held.clear()
    handle = await started(environment, client)
    run_id = handle.id.removeprefix("reconciliation-")
    for _ in range(200):
        so_far = await client.progress(run_id)
        if so_far and len(so_far.looked_at) == 5:
            break
        await asyncio.sleep(0.05)
    assert so_far is not None
    assert ("payments" in so_far.looked_at, so_far.ended_at) == (False, None)
    sources.held.set()
    assert (await ended(handle)).looked_at["payments"] == 7
    assert await client.start(run_id, ALL) is False
    assert await client.progress("nobody") is None


async def test_a_source_that_fails_does_not_keep_the_others_from_it(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """Its error is in the record, under its name; what it would have looked at is not."""
    sources.failing["labels"] = OperatorError("bad_credentials", "EasyPost does not know the key")
    run = await ended(await started(environment, client))
    assert run.failed == {"labels": "bad_credentials: EasyPost does not know the key"}
    assert "labels" not in run.looked_at
    assert len(run.looked_at) == 5
    assert sources.closed[0].run == run


async def test_a_source_without_an_answer_is_left_out_in_the_end(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """It is asked again and again, for half an hour; then the run ends."""
    sources.failing["provider:shipbob"] = RetryError("down", "no answer")
    handle = await started(environment, client)
    await eventually(lambda: sum(source == "provider:shipbob" for source, _, _ in sources.asked) >= 2)
    await environment.fast_forward(handle, timedelta(minutes=31))
    run = await ended(handle)
    assert list(run.failed) == ["provider:shipbob"]
    assert len(run.looked_at) == 5


async def test_a_run_about_one_order_counts_no_shelves(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """Since a given time, this order only; nothing found marks nothing."""
    since = datetime(2026, 3, 1, tzinfo=UTC)
    asked = ALL.model_copy(update={"order_id": "web_1", "since": since, "requested_by": "ann"})
    run = await ended(await started(environment, client, asked))
    assert {source for source, _, _ in sources.asked} == set(run.looked_at)
    assert not [source for source in run.looked_at if source.startswith("stock:")]
    assert {(ask.order_id, ask.since) for _, _, ask in sources.asked} == {("web_1", since)}
    assert (sources.closed[0].order_id, run.requested_by) == ("web_1", "ann")


async def test_a_canceled_run_is_closed_with_what_it_has(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """Sources that had not answered count as failed, so that none of their findings is taken for gone."""
    sources.held.clear()
    handle = await started(environment, client)
    await eventually(lambda: len(sources.asked) >= 5)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), 30)
    sources.held.set()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    (closing,) = sources.closed
    assert closing.run.failed["payments"] == "canceled"
    assert "payments" not in closing.run.looked_at
    assert closing.run.ended_at is not None


@pytest.mark.parametrize(
    ("repair", "source", "lane"),
    [
        (Repair.VOID, "payments", "payments"),
        (Repair.ENTER, "payments", "payments"),
        (Repair.VOID_LABEL, "labels", "carriers"),
        (Repair.VOID_LABEL, "labels:ups", "carrier-ups"),
        (Repair.WITHDRAW, "provider:shipbob", "provider-shipbob"),
        (Repair.ADJUST, "stock:shipbob", "books"),
        (Repair.START, "orders", "books"),
    ],
)
async def test_a_repair_runs_on_the_lane_of_whom_it_calls(
    client: ReconciliationClient, sources: Sources, repair: Repair, source: str, lane: str
) -> None:
    """Once; its outcome is answered."""
    told = await client.repair(order(repair, source), seller="acme", wait=20)
    assert told == RepairResult(status="repaired", outcome="released")
    ((used, ask),) = sources.repairs
    assert (used, ask.by, ask.reason, ask.grace) == (lane, "ann", "seen", GRACE)


async def test_a_repair_asked_for_twice_is_one(client: ReconciliationClient, sources: Sources) -> None:
    """Who asks while it runs joins it; nobody waits longer than they want to."""
    sources.held.clear()
    asked = order(Repair.REFUND)
    assert await client.repair(asked, wait=0.2) is None
    second = asyncio.create_task(client.repair(asked, wait=20))
    await sources.reached.wait()
    sources.held.set()
    told = await second
    assert told is not None
    assert told.status == "repaired"
    assert len(sources.repairs) == 1


async def test_a_repair_without_an_answer_opens_its_finding_again(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """After an hour of trying; a refusal for good does so at once."""
    sources.failing["repair"] = RetryError("down", "no answer", unknown=True)
    asked = order(Repair.CAPTURE)
    assert await client.repair(asked, wait=0.1) is None
    name = repair_workflow_id(asked.finding_id)
    handle: WorkflowHandle[RepairFinding, RepairResult] = environment.client.get_workflow_handle_for(
        RepairFinding.run, name
    )
    await eventually(lambda: len(sources.repairs) >= 2)
    await environment.fast_forward(handle, timedelta(minutes=61))
    assert (await asyncio.wait_for(handle.result(), 30)).status == "open"
    assert [given_up.finding_id for given_up in sources.given_up] == [asked.finding_id]
    sources.failing["repair"] = OperatorError("bad_credentials", "the key is gone")
    refused = await client.repair(order(Repair.VOID), wait=20)
    assert refused == RepairResult(status="open", outcome="bad_credentials: the key is gone")
    assert sources.given_up[1].why == "bad_credentials: the key is gone"


async def test_a_repair_is_never_abandoned(
    environment: WorkflowEnvironment, client: ReconciliationClient, sources: Sources
) -> None:
    """A raw cancellation of its workflow changes nothing."""
    sources.held.clear()
    asked = order(Repair.REFUND)
    assert await client.repair(asked, wait=0.1) is None
    await sources.reached.wait()
    name = repair_workflow_id(asked.finding_id)
    handle: WorkflowHandle[RepairFinding, RepairResult] = environment.client.get_workflow_handle_for(
        RepairFinding.run, name
    )
    await handle.cancel()
    await asyncio.sleep(0.3)
    sources.held.set()
    assert (await asyncio.wait_for(handle.result(), 30)).status == "repaired"
    assert await task_failures(handle) == []


async def test_the_schedule_is_made_once_and_kept_up_to_date(
    environment: WorkflowEnvironment, sources: Sources
) -> None:
    """Made anew by every worker without harm: no run at once, the same rhythm, a pause stays; settings are followed."""
    settings, temporal = Settings(_env_file=None), environment.client
    handle = temporal.get_schedule_handle(SCHEDULE_ID)
    try:
        assert await ensure_reconciliation(temporal, settings, ["shipbob"], ["shipbob"])
        made = await handle.describe()
        assert made.info.next_action_times[0] - datetime.now(UTC) > timedelta(minutes=58)
        await handle.pause(note="maintenance")
        slower = settings.model_copy(update={"reconcile_window": timedelta(days=2)})
        assert not await ensure_reconciliation(temporal, slower, ["shipbob"], ["shipbob"])
        kept = await handle.describe()
        assert kept.schedule.spec.intervals == made.schedule.spec.intervals
        assert (kept.schedule.state.paused, kept.schedule.state.note) == (True, "maintenance")
        assert not await ensure_reconciliation(
            temporal, slower.model_copy(update={"reconcile_every": timedelta(hours=6)}), ["shipbob"], ["shipbob"]
        )
        assert (await handle.describe()).schedule.spec.intervals[0].every == timedelta(hours=6)
        await handle.trigger()
        await eventually(lambda: bool(sources.closed))
        run = sources.closed[0].run
        assert run.requested_by == "schedule"
        assert run.started_at - run.since == timedelta(days=2)
        assert "stock:shipbob" in run.looked_at
    finally:
        await handle.delete()


async def test_a_schedule_changed_by_hand_is_set_right(environment: WorkflowEnvironment, sources: Sources) -> None:
    """What the settings say holds; two rhythms become the one they name."""
    settings, temporal = Settings(_env_file=None), environment.client
    handle = temporal.get_schedule_handle(SCHEDULE_ID)
    try:
        await ensure_reconciliation(temporal, settings, [], [])

        def twice(found: object) -> ScheduleUpdate:
            schedule = found.description.schedule  # type: ignore[attr-defined]
            schedule.spec.intervals = [*schedule.spec.intervals, *schedule.spec.intervals]
            return ScheduleUpdate(schedule=schedule)

        await handle.update(twice)
        await ensure_reconciliation(temporal, settings, [], [])
        assert len((await handle.describe()).schedule.spec.intervals) == 1
    finally:
        await handle.delete()
