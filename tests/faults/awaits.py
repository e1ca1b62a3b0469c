"""What a saga waits for, by the event that ends the wait: `signal parcel_event picked#1`, `local Journal.record#3`.

The same names are read from a history that Temporal keeps, and from what a worker is given while the saga runs.
Names do not depend on timing: a report about a parcel is named by what it says, not by when it came.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

START = "start"
_LOCAL = "core_local_activity"
_AT_PROVIDER = "at_its_provider"
_STAGES = frozenset({"accepted", "picked", "packed", "labeled", "left_warehouse"})
_ENDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: "activity_task_completed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: "activity_task_failed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: "activity_task_timed_out_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: "activity_task_canceled_event_attributes",
}


def numbered(names: Iterable[str]) -> list[str]:
    """Each name with how often it has come: `timer#1`, `timer#2`."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name}#{seen[name]}")
    return found


def in_history(events: Iterable[HistoryEvent]) -> list[str]:
    """The awaits of a recorded history, in order."""
    activities: dict[int, str] = {}
    names = []
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            kind = event.activity_task_scheduled_event_attributes.activity_type.name
            activities[event.event_id] = kind
        elif name := _name(event, activities):
            names.append(name)
    return numbered(names)


def _name(event: HistoryEvent, activities: dict[int, str]) -> str:
    kind = event.event_type
    if kind in _ENDS:
        return f"activity {activities[getattr(event, _ENDS[kind]).scheduled_event_id]}"
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        return START
    if kind == EventType.EVENT_TYPE_TIMER_FIRED:
        return "timer"
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        signal = event.workflow_execution_signaled_event_attributes
        return _signal(signal.signal_name, [payload.data for payload in signal.input.payloads])
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        return f"update {event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name}"
    return _local(event) if kind == EventType.EVENT_TYPE_MARKER_RECORDED else ""


def _local(event: HistoryEvent) -> str:
    marker = event.marker_recorded_event_attributes
    if marker.marker_name != _LOCAL:
        return ""
    [payload] = marker.details["data"].payloads
    return f"local {json.loads(payload.data)['activity_type']}"


def _signal(name: str, payloads: list[bytes]) -> str:
    """A report with its status: how many come, and in how many copies, is a matter of timing.

    So is which of the stages before a parcel leaves somebody happens to look at.
    """
    said: Any = json.loads(payloads[0]) if payloads else None
    told = said.get("status") if isinstance(said, dict) else None
    status = _AT_PROVIDER if told in _STAGES else told
    return " ".join(["signal", name, *([str(status)] if status else [])])


class Ear:
    """Names the awaits of one running workflow as its worker hears of them, replays included."""

    def __init__(self) -> None:
        self._activities: dict[tuple[bool, int], str] = {}
        self._seen: Counter[str] = Counter()

    def hear(self, activation: WorkflowActivation) -> list[str]:
        """The awaits that end with this activation."""
        return [self._number(name) for job in activation.jobs if (name := self._job(job))]

    def learn(self, completion: WorkflowActivationCompletion) -> None:
        """Note which activities the workflow has begun: later it is told only their numbers."""
        for command in completion.successful.commands:
            for field, local in (("schedule_activity", False), ("schedule_local_activity", True)):
                if command.HasField(field):  # type: ignore[arg-type]  # one of the two literals
                    began = getattr(command, field)
                    self._activities[local, began.seq] = began.activity_type

    def _number(self, name: str) -> str:
        self._seen[name] += 1
        return f"{name}#{self._seen[name]}"

    def _job(self, job: WorkflowActivationJob) -> str:
        kind = job.WhichOneof("variant")
        if kind == "resolve_activity":
            return self._resolved(job)
        if kind == "signal_workflow":
            return _signal(job.signal_workflow.signal_name, [payload.data for payload in job.signal_workflow.input])
        if kind == "do_update":
            return f"update {job.do_update.name}"
        return {"initialize_workflow": START, "fire_timer": "timer"}.get(kind or "", "")

    def _resolved(self, job: WorkflowActivationJob) -> str:
        """A local activity that pauses before it is tried again has not ended."""
        ended = job.resolve_activity
        if ended.result.HasField("backoff"):
            return ""
        kind = self._activities.get((ended.is_local, ended.seq), "unknown")
        return f"{'local' if ended.is_local else 'activity'} {kind}"


def distinct(names: Iterable[str]) -> Iterator[str]:
    """Awaits worth a case of their own: of reports about the same, and of copies of one message, the first."""
    for name in names:
        head, _, number = name.rpartition("#")
        if number == "1" or not head.startswith(("signal", "update")):
            yield name
