"""What a workflow commanded, read from its history: the sequence that replay holds later code to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

HERE: Final = Path(__file__).parent
HISTORIES: Final = HERE / "histories"
BASELINE: Final = HERE / "commands.json"


def commands(history: WorkflowHistory) -> list[str]:
    """One line for each command, in order; what came from outside (signals, results, fired timers) is left out."""
    return [_DESCRIBED[event.event_type](event) for event in history.events if event.event_type in _DESCRIBED]


def baseline() -> dict[str, list[str]]:
    """The committed sequences by scenario."""
    found: dict[str, list[str]] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return found


def _marker(event: HistoryEvent) -> str:
    marker = event.marker_recorded_event_attributes
    if marker.marker_name == "core_patch":
        patch: dict[str, Any] = json.loads(marker.details["patch-data"].payloads[0].data)
        return f"patched: {patch['id']}"
    data: dict[str, Any] = json.loads(marker.details["data"].payloads[0].data)
    return f"in task: {data['activity_type']}"


def _remote(event: HistoryEvent) -> str:
    scheduled = event.activity_task_scheduled_event_attributes
    return f"on {scheduled.task_queue.name}: {scheduled.activity_type.name}"


def _update(event: HistoryEvent) -> str:
    accepted = event.workflow_execution_update_accepted_event_attributes
    return f"accept {accepted.accepted_request.input.name}"


def _always(text: str) -> Callable[[HistoryEvent], str]:
    return lambda _: text


_DESCRIBED: Final[dict[int, Callable[[HistoryEvent], str]]] = {
    EventType.EVENT_TYPE_MARKER_RECORDED: _marker,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: _remote,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: _always("cancel activity"),
    EventType.EVENT_TYPE_TIMER_STARTED: _always("start timer"),
    EventType.EVENT_TYPE_TIMER_CANCELED: _always("cancel timer"),
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: _always("search attributes"),
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: _update,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: _always("answer update"),
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: _always("complete"),
}
