"""Every call of every kind of order is read from its history, and known to whoever tells it again."""

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter

from ordersaga.recovery.histories import Call, calls_in
from ordersaga.recovery.retelling import LOOKS
from tests.replay.commands import HISTORIES
from tests.replay.scenarios import SCENARIOS

_MADE = (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_MARKER_RECORDED)


async def read(name: str) -> tuple[WorkflowHistory, tuple[Call, ...]]:
    """A committed history and its calls."""
    text = (HISTORIES / f"{name}.json").read_text(encoding="utf-8")
    history = WorkflowHistory.from_json(f"order-{name}_1", text)
    calls, unread = await calls_in(history, pydantic_data_converter)
    assert unread is None, f"{name}: {unread}"
    return history, calls


async def test_each_call_is_read_with_its_input_and_its_answer() -> None:
    """One parcel, start to completed: what was asked, in its order, and that all of it was answered."""
    _, calls = await read("one_parcel")
    assert [call.activity for call in calls][:3] == ["hold_stock", "authorize", "hand_off"]
    assert [call.activity for call in calls][-1] == "close"
    assert {call.outcome for call in calls} == {"done"}
    assert calls[0].result.parcels
    assert all(len(call.arguments) == 1 for call in calls)


async def test_no_call_of_any_scenario_is_overlooked() -> None:
    """As many as the histories have scheduled activities and markers of local ones, or fewer where one was repeated."""
    for name in SCENARIOS:
        history, calls = await read(name)
        made = [event for event in history.events if event.event_type in _MADE]
        assert 0 < len(calls) <= len(made), name


async def test_a_history_that_cannot_be_read_is_told_and_nothing_of_it_is_used() -> None:
    """Of another build, or encrypted with a key that is gone: the others are recovered."""
    text = (
        (HISTORIES / "one_parcel.json")
        .read_text(encoding="utf-8")
        .replace('"OrderFulfillment"', '"OrderOfAnotherBuild"')
    )
    calls, unread = await calls_in(WorkflowHistory.from_json("order-one_parcel_1", text), pydantic_data_converter)
    assert calls == ()
    assert unread


def test_what_only_looks_is_named() -> None:
    """A misspelled name would be told again for nothing, or worse, fail."""
    assert {"look_at_parcel", "choose_carrier"} <= LOOKS
