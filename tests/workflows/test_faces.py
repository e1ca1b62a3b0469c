"""What people see of an order in Temporal and hear from its queries, at each stage."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.support.temporal import details
from tests.workflows.world import Handle, World
from workflows import presentation


async def attributes(handle: Handle) -> dict[str, object]:
    """The order's search attributes by name."""
    found = (await handle.describe()).typed_search_attributes
    return {pair.key.name: pair.value for pair in found}


async def explained(handle: Handle) -> str:
    """The plain-words answer."""
    text: str = await handle.query("explain")
    return text


async def asked_since(handle: Handle) -> datetime:
    """When the open question was asked: searchable as soon as the task that asked it is completed."""
    for _ in range(200):
        since = (await handle.describe()).typed_search_attributes.get(presentation.ATTENTION_SINCE)
        if since is not None:
            return since
        await asyncio.sleep(0.05)
    raise AssertionError("no question is searchable")


async def test_search_attributes_follow_the_order(world: World) -> None:
    """Status, provider, carrier and attention are searchable, name no shopper, and are true at the end."""
    placed, handle = await world.accepted()
    first = await attributes(handle)
    assert (first["OrderStatus"], first["Provider"]) == ("fulfilling", ["shipbob"])
    assert (first["Seller"], first["Channel"], first["Region"]) == ("acme", "checkout", "US-NY")
    assert first["ShipBy"] == placed.ship_by
    await world.pass_time(handle, timedelta(days=2, hours=1))
    await world.question(handle, "ship_by_missed")
    asked = await attributes(handle)
    assert (asked["OrderStatus"], asked["Attention"]) == ("needs_attention", ["ship_by_missed"])
    await world.deliver(handle)
    last = await attributes(handle)
    assert (last["OrderStatus"], last["Carrier"]) == ("completed", ["ups"])
    assert not last.get("Attention")
    assert not any("Ada" in str(value) for value in last.values())


async def test_details_and_explanation_tell_every_stage(world: World) -> None:
    """From the shopper's step to the end: what it is, what it waits for and by when."""
    world.payments.require_action_next()
    placed = world.order(terms={"hand_off_delay": "PT1H"})
    _, handle = await world.checkout(placed)
    told = await explained(handle)
    assert "waits for the shopper, who has one more step to pay" in told
    assert "It is waiting for the shopper's payment step. It is looked at again by" in told
    world.payments.complete_action(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.status is OrderStatus.CONFIRMED)
    assert "waiting for the hand-off delay. It is looked at again by" in await explained(handle)
    await world.pass_time(handle, timedelta(hours=1, minutes=1))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    told = await explained(handle)
    assert "it is with its provider and no carrier has scanned it yet" in told
    assert "Next: the carrier's first scan; then the money is taken." in told
    assert "- parcel 1 from ca-1: accepted" in await details(handle)
    await world.report(handle, ParcelStatus.IN_TRANSIT, carrier="ups", tracking_number="1Z9")
    await world.until(handle, lambda view: view.awaiting == "delivery")
    assert "in_transit, ups 1Z9" in await details(handle)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    end = "is completed: delivered, paid for, and its books balance. Nothing more will happen by itself."
    assert await explained(handle) == f"Order {placed.order_id} {end}"
    assert (await details(handle)).startswith("**completed**")


async def test_waiting_for_a_provider_that_is_down_is_said_so(world: World) -> None:
    """While the hand-off is repeated the order does not claim to wait for its payment."""
    world.down(world.provider, "submit")
    _, handle = await world.confirmed()
    await world.called(world.provider, "submit", 1)
    assert "It is waiting for an attempt to hand parcel 1 to shipbob." in await explained(handle)
    assert "hand parcel 1 to shipbob" in await details(handle)


async def test_question_stands_in_details_and_explanation(world: World) -> None:
    """An operator can answer from Temporal alone: item, question and choices are there."""
    world.provider.fail_next("submit", OperatorError("channel_missing", "not set up"))
    _, handle = await world.confirmed()
    item = await world.question(handle)
    since = await asked_since(handle)
    assert abs(since - datetime.now(UTC)) < timedelta(minutes=1)
    shown = await details(handle)
    assert f"- attention `{item}`: Could not hand parcel 1 to shipbob" in shown
    assert "(retry, cancel)" in shown
    told = await explained(handle)
    assert f"Question {item}: Could not hand parcel 1 to shipbob" in told
    assert "Choices: retry, cancel." in told
    assert "ordersaga attention resolve" in told


async def test_steps_and_timers_have_titles(world: World) -> None:
    """Every activity and timer in the history has a summary, and the workflow a title that names no person."""
    placed, handle = await world.accepted()
    await world.deliver(handle)
    titled = (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED)
    events = [event for event in (await handle.fetch_history()).events if event.event_type in titled]
    summaries = [event.user_metadata.summary.data.decode().strip('"') for event in events]
    assert summaries[0] == "Hand parcel 1 to shipbob"
    assert all(summaries)
    assert any(text.startswith("the carrier's first scan (by ") for text in summaries)
    asked = DescribeWorkflowExecutionRequest(namespace=world.client.namespace)
    asked.execution.workflow_id = handle.id
    described = await world.client.workflow_service.describe_workflow_execution(asked)
    title = described.execution_config.user_metadata.summary.data.decode()
    assert presentation.static_summary(placed) in title
    assert "Ada" not in title


async def test_local_steps_have_titles_too(world: World) -> None:
    """Steps inside the workflow task leave markers whose summary says what they did."""
    _, handle = await world.accepted()
    await world.deliver(handle)
    marked = EventType.EVENT_TYPE_MARKER_RECORDED
    events = [event for event in (await handle.fetch_history()).events if event.event_type == marked]
    summaries = [event.user_metadata.summary.data.decode().strip('"') for event in events]
    assert summaries[:2] == ["Hold stock", "Authorize USD 10.00"]
    assert summaries[-1] == "Check the books and close"


async def test_timeline_is_the_story_also_after_the_end(world: World) -> None:
    """Queries answer after the close; the story has each step once, in order, and PostgreSQL has the same."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    story: list[dict[str, str]] = await handle.query("timeline")
    kinds = [entry["kind"] for entry in story]
    before, after = ["held", "authorized", "confirmed", "accepted", "in_transit"], ["delivered", "closed"]
    assert kinds == [*before, "shipped", "captured", *after]
    assert world.story(placed) == kinds
