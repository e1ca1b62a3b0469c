"""Where the time of a checkout's answer goes, read from its history."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.figures import median

Phases = Mapping[str, float]
"""Milliseconds by what was done, in order."""


def phases(events: Sequence[HistoryEvent], began: datetime, answered: datetime) -> Phases:
    """One checkout: from its request, through each step of its first workflow task, to its answer."""
    marks = [
        ("the order is committed and started", _first(events, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)),
        ("a worker has its task", _first(events, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)),
        *_steps(events, _first(events, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)),
        ("the answer is back", answered),
    ]
    found: dict[str, float] = {}
    before = began
    for name, at in marks:
        found[name] = found.get(name, 0.0) + (at - before).total_seconds() * 1000
        before = at
    return found


def medians(many: Sequence[Phases]) -> Phases:
    """The median of each phase over many checkouts."""
    return {name: median([found[name] for found in many if name in found]) for name in many[0]}


def sentence(found: Phases) -> str:
    """In words, e.g. `a worker has its task 4 ms, ...`."""
    return ", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in found.items())


def _first(events: Sequence[HistoryEvent], kind: EventType.ValueType) -> datetime:
    return next(event for event in events if event.event_type == kind).event_time.ToDatetime(tzinfo=UTC)


def _steps(events: Sequence[HistoryEvent], recorded: datetime) -> list[tuple[str, datetime]]:
    """The steps in the first task and when each was over: when the next one was begun, or the task was recorded."""
    begun: list[tuple[str, datetime]] = []
    for event in events[: _second_task(events)]:
        details = event.marker_recorded_event_attributes.details
        if "data" in details:
            data: dict[str, Any] = json.loads(details["data"].payloads[0].data)
            at = data["original_schedule_time"]
            begun.append((f"`{data['activity_type']}`", datetime.fromtimestamp(at["seconds"] + at["nanos"] / 1e9, UTC)))
    begun.sort(key=lambda step: step[1])
    names = ["the worker has built its workflow", *(name for name, _ in begun)]
    return list(zip(names, [*(at for _, at in begun), recorded], strict=True))


def _second_task(events: Sequence[HistoryEvent]) -> int:
    kind = EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
    places = [number for number, event in enumerate(events) if event.event_type == kind]
    return places[1] if len(places) > 1 else len(events)
