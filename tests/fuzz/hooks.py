"""Loaded into schemathesis: each request goes out as one role after another, half of them about things that there are.

Environment: FUZZ_KEYS (JSON: role to key), FUZZ_KNOWN (JSON: name of a path's part to ids), FUZZ_NOTES (a file: one
line of JSON for each request that goes out, and one for its answer).
"""

import base64
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import schemathesis

KEYS: Final = json.loads(os.environ["FUZZ_KEYS"])
KNOWN: Final = json.loads(os.environ["FUZZ_KNOWN"])
NOTES: Final = Path(os.environ["FUZZ_NOTES"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until the end
TURNS: Final = ("operator", "admin", "support", "operator", "viewer", "checkout", "admin", "channel", "")
_SENT: Final = ("content-type", "prefer", "idempotency-key", "if-match")
_next: defaultdict[str, Iterator[str]] = defaultdict(lambda: cycle(TURNS))
_random = random.Random(1)
_role: dict[str, str] = {}


def _note(**told: Any) -> None:
    NOTES.write(json.dumps(told, default=str) + "\n")


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of the requests are about something that there is."""
    if not path_parameters or _random.random() < 0.5:
        return path_parameters
    return {name: _random.choice(KNOWN.get(name) or [value]) for name, value in path_parameters.items()}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Each operation is asked by every role in turn, and by nobody."""
    label = case.operation.label
    role = next(_next[label])
    headers = {name: value for name, value in dict(case.headers or {}).items() if name.lower() != "authorization"}
    case.headers = {**headers, "Authorization": f"Bearer {KEYS[role]}"} if role else headers
    _role[case.id] = role
    asked = {"method": case.method, "path": case.path, "parts": case.path_parameters, "query": case.query}
    _note(id=case.id, label=label, role=role, asked={**asked, "body": str(case.body)[:2000]})


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """What came of it; whole, when it may have to be sent again."""
    status = response.status_code
    told: dict[str, Any] = {"id": case.id, "status": status}
    if status >= 500:
        sent = response.request
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
        again = {
            "method": sent.method,
            "path": sent.path_url,
            "role": _role.get(case.id) or None,
            "headers": {name: value for name, value in sent.headers.items() if name.lower() in _SENT},
            "body": base64.b64encode(body).decode(),
        }
        told |= {"again": again, "said": response.text[:300], "busy": "retry-after" in response.headers}
    _note(**told)
