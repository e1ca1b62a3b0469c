"""What every workflow shows in Temporal: details, attributes to find it by, a word for each call and each wait."""

import json
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from activities.repairs import RepairResult
from ordersaga.client import OrderClient
from ordersaga.client_reconciliation import ReconciliationClient
from ordersaga.domain.reconciliation import Repair
from ordersaga.domain.stops import StopMatch
from tests.replay import wire
from tests.replay.commands import HISTORIES
from tests.support.sources import Sources, polling
from tests.support.stops import ScriptedStops
from tests.support.temporal import details
from tests.workflows.test_reconciliation import order
from tests.workflows.test_stop_orders import resting, started, undone, until
from workflows.presentation import CARRIER, PROVIDER, REGION, SELLER
from workflows.reconciliation import repair_workflow_id
from workflows.stop_orders import initial_attributes

STARTED = "workflowExecutionStartedEventAttributes"
LOCAL = "markerRecordedEventAttributes"
CALLS_AND_WAITS = (
    "activityTaskScheduledEventAttributes",
    "timerStartedEventAttributes",
    "startChildWorkflowExecutionInitiatedEventAttributes",
    LOCAL,
)
PATCH = "core_patch"
"""What the SDK writes where code was changed for new orders: nobody is called."""
UNTITLED = {"canceled_unbegun"}
"""Begun by hand in its scenario."""


def unsaid(events: list[dict[str, Any]]) -> list[str]:
    """Calls, local ones too, and waits of a history that no summary explains."""
    return [
        str(event[kind].get("activityType", kind))
        for event in events
        for kind in CALLS_AND_WAITS
        if kind in event and event[kind].get("markerName") != PATCH and not said(event)
    ]


def said(event: dict[str, Any]) -> bool:
    """Whether it has a summary."""
    return bool(event.get("userMetadata", {}).get("summary"))


async def events_of(handle: WorkflowHandle[Any, Any]) -> list[dict[str, Any]]:
    """Its history."""
    return [MessageToDict(event) for event in (await handle.fetch_history()).events]


async def test_a_stop_is_found_by_what_it_stops_and_says_what_it_waits_for(environment: WorkflowEnvironment) -> None:
    """Beside the orders of its region and its carrier; each wait has a summary, its details what it is and a phase."""
    now = ScriptedStops().standing.effective_at
    async with started(environment, script := ScriptedStops(held=1, effective_at=now + timedelta(hours=1))) as handle:
        await until(handle, lambda _: script.asked == ["read_stop"])
        what = f"Stop {handle.id.removeprefix('stop-')}: region US-CA, carrier ups"
        assert (await details(handle)).startswith(f"**waiting**\n\n{what}\n")
        await environment.fast_forward(handle, timedelta(hours=1, seconds=1))
        await resting(handle, 1)
        assert (await details(handle)).startswith("**resting**")
        await undone(handle, script)
    shown = (await handle.describe()).typed_search_attributes
    assert (shown[REGION], shown[CARRIER]) == ("US-CA", ["ups"])
    events = await events_of(handle)
    assert sum("timerStartedEventAttributes" in event for event in events) >= 2
    assert unsaid(events) == []


def test_what_is_stopped_becomes_attributes() -> None:
    """Only what is given; what has no attribute stands in the title alone."""
    given = initial_attributes(StopMatch(seller="acme", provider="shipbob", sku="MUG"))
    assert {pair.key: pair.value for pair in given} == {SELLER: "acme", PROVIDER: ["shipbob"]}


async def test_a_repair_says_what_it_does_while_it_does_it(environment: WorkflowEnvironment) -> None:
    """Before its end, and at its end what it came to."""
    sources = Sources()
    sources.held.clear()
    asked = order(Repair.REFUND)
    async with polling(environment, sources):
        client = ReconciliationClient(OrderClient(environment.client))
        assert await client.repair(asked, seller="acme", wait=0.01) is None
        handle: WorkflowHandle[Any, RepairResult] = environment.client.get_workflow_handle(
            repair_workflow_id(asked.finding_id), result_type=RepairResult
        )
        assert (await details(handle)) == f"**repairing** {asked.finding_id}: refund, asked for by ann"
        sources.held.set()
        result = await handle.result()
        assert (await details(handle)) == f"**{result.status}**: {result.outcome}"
    assert (await handle.describe()).typed_search_attributes[SELLER] == "acme"
    assert unsaid(await events_of(handle)) == []


@pytest.mark.parametrize("kind", [kind.__name__ for kind in wire.WORKFLOWS])
def test_every_recorded_call_and_wait_says_what_it_is_for(kind: str) -> None:
    """In the histories of orders that met everything."""
    found = of_kind(kind)
    assert len(found) >= 2
    assert any(LOCAL in event for events in found.values() for event in events)
    assert [what for events in found.values() for what in unsaid(events)] == []


@pytest.mark.parametrize("kind", [kind.__name__ for kind in wire.WORKFLOWS])
def test_every_recorded_workflow_has_a_title(kind: str) -> None:
    """Set by the client that started it."""
    assert {name for name, events in of_kind(kind).items() if not said(events[0])} <= UNTITLED


def of_kind(kind: str) -> dict[str, list[dict[str, Any]]]:
    """The committed histories of one kind of workflow, by scenario."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8"))["events"] for path in HISTORIES.glob("*.json")}
    return {name: events for name, events in found.items() if events[0][STARTED]["workflowType"]["name"] == kind}
