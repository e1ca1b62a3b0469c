"""What an order's workflows did: from Temporal as long as it knows, else from the folder. Nothing is decrypted here."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.archive.archiving import history_of
from ordersaga.archive.folder import Folder, Kept
from ordersaga.client_errors import is_outage
from ordersaga.client_histories import runs_of
from ordersaga.domain.errors import RetryError
from ordersaga.domain.values import Message

_AWAY: Final = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)
_PREFIX: Final = "EVENT_TYPE_"
_NAMES: Final = (
    ("activityType", "name"),
    ("signalName",),
    ("acceptedRequest", "input", "name"),
    ("workflowType", "name"),
    ("markerName",),
)
"""Where an event says what it is about; the rest of it are payloads and numbers."""


class ToldHistory(Message):
    """The history of one run of a workflow, as JSON of Temporal's."""

    workflow_id: str
    run_id: str
    source: Literal["temporal", "archive"]
    history: dict[str, Any]


class ToldEvent(Message):
    """An event for people."""

    at: str
    what: str
    name: str


async def histories_of(temporal: Client, folder: Folder | None, order_id: str) -> list[ToldHistory]:
    """Of the order's saga and of its returns. While Temporal does not answer: what the folder has.

    Raises RetryError `temporal_away` where there is no folder then; OperatorError `archive_damaged`,
    `archive_unlisted`.
    """
    kept = folder.runs(order_id) if folder is not None else []
    try:
        told = await _in_temporal(temporal, order_id)
    except (RPCError, RuntimeError) as error:
        if not (error.status in _AWAY if isinstance(error, RPCError) else is_outage(error)):
            raise
        if folder is None:
            raise RetryError("temporal_away", f"Temporal does not answer: {str(error).partition(chr(10))[0]}") from None
        told = []
    known = {(each.workflow_id, each.run_id) for each in told}
    return [*told, *(_archived(folder, run) for run in kept if folder and (run.workflow_id, run.run_id) not in known)]


async def _in_temporal(temporal: Client, order_id: str) -> list[ToldHistory]:
    runs = {(run.id, run.run_id) for run in await runs_of(temporal, order_id)}
    asked = [(name, run_id, await history_of(temporal, name, run_id)) for name, run_id in sorted(runs)]
    return [_told(name, run_id, "temporal", history) for name, run_id, history in asked if history is not None]


def events_of(history: Mapping[str, Any]) -> Sequence[ToldEvent]:
    """What happened, in its order, without what workers and the server told each other of their tasks."""
    return [_event(each) for each in history["events"] if "_WORKFLOW_TASK_" not in each["eventType"]]


def _archived(folder: Folder, run: Kept) -> ToldHistory:
    return _told(run.workflow_id, run.run_id, "archive", folder.read(run))


def _told(workflow_id: str, run_id: str, source: Literal["temporal", "archive"], history: str) -> ToldHistory:
    return ToldHistory(workflow_id=workflow_id, run_id=run_id, source=source, history=json.loads(history))


def _event(event: Mapping[str, Any]) -> ToldEvent:
    about: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("Attributes")), {})
    found = next((name for path in _NAMES if (name := _at(about, path))), "")
    name = _local_activity(about) if found == "core_local_activity" else found
    what = event["eventType"].removeprefix(_PREFIX).lower().replace("_", " ")
    return ToldEvent(at=event["eventTime"], what=what, name=name)


def _at(value: Any, path: Sequence[str]) -> str:
    for name in path:
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, str) else ""


def _local_activity(about: Mapping[str, Any]) -> str:
    """Which quick call a marker stands for; where histories are encrypted it does not say."""
    try:
        return str(json.loads(base64.b64decode(about["details"]["data"]["payloads"][0]["data"]))["activity_type"])
    except (KeyError, IndexError, ValueError):
        return "a quick call"
