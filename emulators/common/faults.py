"""Faults an operator of the emulator asks for: slow, refusing, forgetful or broken answers.

| kind | the work is done | the client sees |
|---|---|---|
| `latency` | once, late | the answer, late |
| `status`, `refuse` | not | a failure, or the vendor's refusal |
| `spoil_answer` | once | a failure |
| `lose_answer`, `hang` | once | a broken connection; nothing |
| `duplicate` | twice: the request is delivered again | the second answer |
| `reset_before`, `hold_before` | not | a broken connection; nothing, for as long as it waits |
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from emulators.common.calls import Call
from emulators.common.store import Store

Kind = Literal[
    "latency", "status", "refuse", "lose_answer", "spoil_answer", "reset_before", "hold_before", "hang", "duplicate"
]
_NEEDS: dict[str, str] = {"latency": "latency_ms", "status": "status", "spoil_answer": "status", "refuse": "code"}
_NAME = "faults"


class Fault(BaseModel):
    """One rule: which requests it concerns, what goes wrong, how often."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path: str | None = None
    match: str | None = None
    kind: Kind
    latency_ms: int | None = Field(default=None, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, Any] | None = None
    code: str | None = None
    times: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)

    @field_validator("path")
    @classmethod
    def _is_a_regex(cls, path: str | None) -> str | None:
        if path is not None:
            try:
                re.compile(path)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return path

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        needed = _NEEDS.get(self.kind)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"{needed}: required for kind {self.kind}")
        return self

    def concerns(self, call: Call, about: str = "") -> bool:
        """Whether a request is one of those meant; `about` is what `match` may find besides its own text."""
        if self.method is not None and self.method.upper() != call.method:
            return False
        if self.path is not None and re.search(self.path, call.path) is None:
            return False
        return self.match is None or self.match in call.text or self.match in about


@dataclass
class _Entry:
    id: str
    fault: Fault
    seen: int = 0
    applied: int = 0

    def take(self, call: Call, about: str) -> bool:
        """Count a concerned request; answer whether the fault strikes it."""
        if self.spent or not self.fault.concerns(call, about):
            return False
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        self.applied += 1
        return True

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.applied >= self.fault.times

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, **self.fault.model_dump(), "seen": self.seen, "applied": self.applied}


@dataclass(frozen=True)
class Plan:
    """What goes wrong with one request: latencies add up, the first other fault decides."""

    latency: float = 0.0
    fault: Fault | None = None

    @property
    def kind(self) -> str | None:
        """Name for the request log."""
        return self.fault.kind if self.fault else "latency" if self.latency else None


class FaultBook:
    """The rules in force, kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries = [self._load(saved) for saved in store.value(_NAME) or []]
        self._ids = itertools.count(1 + max((int(entry.id.split("_")[1]) for entry in self._entries), default=0))

    @staticmethod
    def _load(saved: dict[str, Any]) -> _Entry:
        fields = {name: saved[name] for name in Fault.model_fields}
        return _Entry(saved["id"], Fault(**fields), saved["seen"], saved["applied"])

    def add(self, fault: Fault) -> str:
        """Put a rule in force."""
        entry = _Entry(f"fault_{next(self._ids)}", fault)
        self._entries.append(entry)
        self._save()
        return entry.id

    def remove(self, id_: str | None = None) -> int:
        """Lift one rule, or all; answers how many."""
        kept = [entry for entry in self._entries if id_ is not None and entry.id != id_]
        removed = len(self._entries) - len(kept)
        self._entries = kept
        self._save()
        return removed

    def list(self) -> list[dict[str, Any]]:
        """The rules with their counters, spent ones included."""
        return [entry.as_json() for entry in self._entries]

    def plan(self, call: Call, about: str = "") -> Plan:
        """What goes wrong with this request; counts it."""
        latency, struck, changed = 0.0, None, False
        for entry in self._entries:
            before = entry.seen
            if entry.take(call, about):
                latency += (entry.fault.latency_ms or 0) / 1000
                struck = entry.fault if entry.fault.kind != "latency" else None
            changed = changed or entry.seen != before
            if struck is not None:
                break
        if changed:
            self._save()
        return Plan(latency, struck)

    def _save(self) -> None:
        self._store.set_value(_NAME, self.list())
