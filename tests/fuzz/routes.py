"""Every route of the API from its own OpenAPI document: examples, edges of every schema, random requests, and chains of
requests where one goes on with what another gave. Schemathesis makes them; every role sends them in turn."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fuzz.doors import PATIENCE, Api
from tests.fuzz.tally import BrokenError, Tally
from tests.support.emulators import ROOT

DOOR: Final = "routes"
ENDLESS: Final = ("/v1/live/events",)
"""They answer as long as somebody listens: asked by `tests/api/test_live.py`."""
_START: Final = 120.0


@dataclass
class Asked:
    """What was asked: requests by role and by operation; and which operations went through at least once."""

    roles: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)


def try_routes(
    api: Api, known: Mapping[str, Sequence[str]], seconds: float, seed: int
) -> tuple[str, list[dict[str, Any]]]:
    """Let schemathesis ask for so long: what it printed last, and its notes, one for each request with its answer."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        told = {"FUZZ_KEYS": json.dumps(dict(api.keys)), "FUZZ_KNOWN": json.dumps(known), "FUZZ_NOTES": str(notes)}
        done = subprocess.run(
            _argv(str(api.http.base_url).rstrip("/"), seconds, seed),
            cwd=ROOT,
            env={**os.environ, **told, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "NO_COLOR": "1"},
            capture_output=True,
            check=False,
            timeout=seconds * 2 + _START,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
    how = "" if done.returncode in (0, 1) else f"ended with {done.returncode}: "
    return how + said[-2000:], _joined(lines)


def _argv(url: str, seconds: float, seed: int) -> list[str]:
    program = Path(sys.executable).parent / "schemathesis"
    argv = [str(program), "run", f"{url}/openapi.json", "--checks", "not_a_server_error"]
    argv += ["--max-time", f"{max(1, seconds):.0f}", "--seed", str(seed)]
    argv += ["--request-timeout", f"{PATIENCE:.0f}", "--continue-on-failure", "--no-shrink"]
    argv += ["--generation-database", "none", "--warnings", "off"]
    for path in ENDLESS:
        argv += ["--exclude-path", path]
    return argv


def _joined(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Each request with its answer; without `status` when none came."""
    asked: dict[str, dict[str, Any]] = {}
    for line in lines:
        told = json.loads(line)
        asked.setdefault(told["id"], {}).update(told)
    return list(asked.values())


async def judge(api: Api, notes: Sequence[Mapping[str, Any]]) -> tuple[Tally, Asked]:
    """Count the answers. One that was busy is asked again, once for each operation."""
    tally, asked, patient = Tally(DOOR), Asked(), set[str]()
    for note in notes:
        asked.roles[note["role"] or "nobody"] += 1
        asked.operations[note["label"]] += 1
        status = note.get("status")
        if status is not None and status < 400:
            asked.taken.add(note["label"])
        if status is None:
            told = f"{note['label']} as {note['role'] or 'nobody'}: no answer"
            tally.broke(BrokenError("crash", told), json.dumps(note["asked"], default=str).encode())
        elif status < 500 or (note["busy"] and note["label"] in patient):
            tally.add(str(status))
        else:
            patient.add(note["label"])
            content = json.dumps(note["again"]).encode()
            try:
                tally.add(await send(api, content) if note["busy"] else _broken(note))
            except BrokenError as error:
                tally.broke(error, content)
    return tally, asked


def _broken(note: Mapping[str, Any]) -> str:
    raise BrokenError("5xx", f"{note['label']}: {note['status']} {note['said'][:200]}")


async def send(api: Api, content: bytes) -> str:
    """A kept request once more."""
    told = json.loads(content)
    if "headers" not in told:
        raise BrokenError("crash", f"never answered, look at its log: {told}")
    body = base64.b64decode(told["body"])
    return await api.send(told["method"], told["path"], role=told["role"], headers=told["headers"], content=body)
