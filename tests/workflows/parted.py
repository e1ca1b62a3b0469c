"""A history as it would stand had a query parted a quick call's end from what follows it."""

from collections.abc import Iterator

from google.protobuf.message import Message
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

_TASK = 3
"""Events of a workflow task: scheduled, started, completed."""


def quick_calls(history: WorkflowHistory) -> list[int]:
    """The events that say what local activities came to."""
    name = "core_local_activity"
    return [event.event_id for event in history.events if event.marker_recorded_event_attributes.marker_name == name]


def parted(history: WorkflowHistory, marker: int) -> WorkflowHistory:
    """The same story, whose workflow task ends with this marker; what followed it is in a task of its own."""
    events = [_copy(event) for event in history.events]
    before, after = events[:marker], events[marker:]
    written = before[-1].marker_recorded_event_attributes.workflow_task_completed_event_id
    done = events[written - 1].workflow_task_completed_event_attributes
    task = [_copy(events[each - 1]) for each in (done.scheduled_event_id, done.started_event_id, written)]
    for number, event in enumerate(task, start=marker + 1):
        event.event_id = number
    task[1].workflow_task_started_event_attributes.scheduled_event_id = marker + 1
    task[2].workflow_task_completed_event_attributes.scheduled_event_id = marker + 1
    task[2].workflow_task_completed_event_attributes.started_event_id = marker + 2
    for event in after:
        for message, field, number in _references(event):
            of_task = field == "workflow_task_completed_event_id" and number == written
            if number > marker or of_task:
                setattr(message, field, marker + _TASK if of_task else number + _TASK)
    return WorkflowHistory(history.workflow_id, [*before, *task, *after])


def _copy(event: HistoryEvent) -> HistoryEvent:
    copy = HistoryEvent()
    copy.CopyFrom(event)
    return copy


def _references(event: HistoryEvent) -> Iterator[tuple[Message, str, int]]:
    """Every number of an event in it, its own included."""
    attributes = getattr(event, str(event.WhichOneof("attributes")))
    for message in (event, attributes):
        for field, number in message.ListFields():
            if field.name.endswith("event_id"):
                yield message, field.name, number
