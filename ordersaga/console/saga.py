"""An order's story as a drawing: five lanes, what began and ended when, and the waits between."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from ordersaga.console.filters import words

LANES: Final = ("order", "stock", "money", "provider", "carrier")
_STEPS: Final = {
    "money": ("authorize", "authenticate", "capture", "void", "refund", "refund_part", "refund_return"),
    "provider": ("hand_off", "withdraw", "set_aside", "let_go", "update_address"),
    "carrier": ("book_label", "void_label", "intercept", "book_return_label", "void_return_label"),
}
_NOTES: Final = {
    "money": (
        *("authorized", "authorization_failed", "action_required", "captured", "captured_early", "written_off"),
        *("refunded", "refund_pending", "refund_limited", "refund_failed", "nothing_to_refund"),
        *("payment_needed", "payment_pending", "payment_undecided", "payment_event"),
    ),
    "stock": ("held", "units_canceled", "short_pick", "return_restocked", "goods_lost"),
    "provider": (
        *("set_aside", "not_set_aside", "let_go", "taken_back", "canceled_there", "shipped_there", "address_not_taken"),
        *("picked", "packed", "left_warehouse", "return_inspected"),
    ),
    "carrier": (
        *("labeled", "label", "label_kept", "in_transit", "delivered", "exception", "lost", "returned_to_sender"),
        *("intercepting", "intercept_failed", "carrier_refused", "shipped", "silence"),
        *("return_label", "return_label_voided", "no_return_label"),
    ),
}
_SOURCES: Final = {"stripe": "money", "shipbob": "provider", "seller_warehouse": "provider", "easypost": "carrier"}
_UNDO: Final = frozenset(
    {"void", "refund", "refund_part", "refund_return", "withdraw", "let_go", "void_label", "void_return_label"}
    | {"released", "restocked"}
)
_ASKING: Final = frozenset({"attention", "hold", "reminder", "ship_by_at_risk"})
_LABELED: Final = ("order", "provider", "carrier")
"""Lanes whose notes are named in the drawing; those of the others repeat the names of calls and moves."""
_LONG: Final = timedelta(minutes=1)
_LEFT, _TOP, _ROW = 16.0, 26, 44
_LETTER, _APART = 6.6, 14.0


@dataclass(frozen=True)
class Event:
    """One thing that happened in a lane. `until`: when its outcome was known; None: at once, or not yet (`open`).

    `mark`: done, refused, unknown, undo, wait (it waits for somebody) or note; `label`: its name in the drawing.
    """

    at: datetime
    lane: str
    mark: str
    text: str
    parcel: int = 0
    attempts: int = 1
    until: datetime | None = None
    detail: str = ""
    money: tuple[int, str] | None = None
    outside: str = ""
    label: str = ""

    @property
    def open(self) -> bool:
        """Nobody knows yet what came of it."""
        return self.mark == "unknown"


@dataclass(frozen=True)
class Wait:
    """Nothing happened from `at` until `until`."""

    at: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long."""
        return self.until - self.at


def events(timeline: Iterable[Mapping[str, Any]], units: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The story of an order and the moves of its units, by time, as the API tells them."""
    told = [*(_told(entry) for entry in timeline), *map(_moved, units)]
    return sorted(told, key=lambda event: event.at)


def waits(story: Sequence[Event], until: datetime | None = None) -> list[Event | Wait]:
    """The story with every pause of a minute or more in it; `until`: the order goes on, and this is now."""
    rows: list[Event | Wait] = []
    ends = [*(event.at for event in story[1:]), until]
    for event, end in zip(story, ends, strict=False):
        rows.append(event)
        begun = event.until or event.at
        if end is not None and end - begun >= _LONG:
            rows.append(Wait(begun, end))
    return rows


def _told(entry: Mapping[str, Any]) -> Event:
    at, source, kind = datetime.fromisoformat(entry["at"]), entry["source"], entry["kind"]
    if source == "effect":
        return _effect(at, entry)
    lane = _SOURCES.get(kind.partition("_")[0], _SOURCES.get(kind, "order")) if source == "message" else _noted(entry)
    mark = "wait" if kind in _ASKING else "refused" if entry["data"].get("status") == "failed" else "note"
    attempts = entry["data"].get("attempts") or 1
    named = source != "message" and (mark != "note" or lane in _LABELED)
    text = entry["text"].replace(kind, words(kind))
    return Event(at, lane, mark, text, entry["parcel"], attempts, label=words(kind) if named else "")


def _noted(entry: Mapping[str, Any]) -> str:
    kind = entry["kind"]
    if kind in ("accepted", "canceled"):  # of the order, or of a parcel as its provider says it
        return "provider" if entry["parcel"] else "order"
    return _lane(_NOTES, kind)


def _effect(at: datetime, entry: Mapping[str, Any]) -> Event:
    data, step = entry["data"], entry["kind"]
    settled = data.get("settled_at")
    known = data["status"] in ("done", "refused")
    mark = "undo" if data["status"] == "done" and step in _UNDO else data["status"] if known else "unknown"
    code = f" ({words(data['code'])})" if data.get("code") else ""
    outcome = {"intended": "asked, no answer yet", "unknown": "outcome unknown"}.get(data["status"], data["status"])
    return Event(
        at,
        _lane(_STEPS, step),
        mark,
        f"{words(step)}: {outcome}{code}",
        entry["parcel"],
        data.get("attempts") or 1,
        datetime.fromisoformat(settled) if settled else None,
        data.get("message") or "",
        (data["amount"], data["currency"]) if data.get("amount") is not None and data.get("currency") else None,
        data.get("external_id") or "",
        words(step),
    )


def _moved(line: Mapping[str, Any]) -> Event:
    kind = line["kind"]
    text = f"{line['quantity']} {line['sku']} {words(kind)} at {line['location']}"
    at, mark = datetime.fromisoformat(line["moved_at"]), "undo" if kind in _UNDO else "done"
    return Event(at, "stock", mark, text, line["parcel"], label=words(kind))


def _lane(table: Mapping[str, Sequence[str]], name: str) -> str:
    return next((lane for lane, names in table.items() if name in names), "order")


# ---- where it is drawn ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """An event at its place. `width`: of the bar to its end, 0 for a moment; `label`: what is written above it."""

    x: float
    y: float
    width: float
    event: Event
    label: str


@dataclass(frozen=True)
class Gap:
    """A wait at its place."""

    x: float
    width: float
    wait: Wait


@dataclass(frozen=True)
class Drawing:
    """Everything at its place, in pixels. Time is not to scale: a long wait takes little more room than a short one.

    `row`: the height of a lane.
    """

    width: float
    height: float
    row: int
    lanes: tuple[tuple[str, float], ...]
    marks: tuple[Mark, ...]
    gaps: tuple[Gap, ...]


def draw(rows: Sequence[Event | Wait]) -> Drawing:
    """Where each event and each wait is drawn."""
    lines = {lane: _TOP + _ROW * (place + 0.5) for place, lane in enumerate(LANES)}
    found = [row for row in rows if isinstance(row, Event)]
    labels = _labels(found)
    at, width = _places({moment for row in rows for moment in (row.at, row.until) if moment is not None}, labels)
    shown = dict(labels)  # of events at one moment in one lane the first has the label
    marks = tuple(_mark(event, at, lines[event.lane], shown.pop((event.at, event.lane), "")) for event in found)
    pauses = [row for row in rows if isinstance(row, Wait)]
    gaps = tuple(Gap(at[pause.at], at[pause.until] - at[pause.at], pause) for pause in pauses)
    return Drawing(width, _TOP + _ROW * len(LANES), _ROW, tuple(lines.items()), marks, gaps)


def _labels(found: Sequence[Event]) -> dict[tuple[datetime, str], str]:
    """What is written at each moment in each lane."""
    written: dict[tuple[datetime, str], str] = {}
    for event in found:
        times = f" ×{event.attempts}" if event.attempts > 1 else ""  # noqa: RUF001 - as people write it
        if event.label or times:
            written.setdefault((event.at, event.lane), f"{event.label}{times}".strip())
    return written


def _mark(event: Event, at: Mapping[datetime, float], y: float, label: str) -> Mark:
    return Mark(at[event.at], y, at[event.until] - at[event.at] if event.until else 0, event, label)


def _places(
    moments: Iterable[datetime], labels: Mapping[tuple[datetime, str], str]
) -> tuple[dict[datetime, float], float]:
    """Each moment's place from left to right, and where the last word ends.

    Further apart the longer the time between, but not by much; far enough that no label meets the next of its lane.
    """
    ordered = sorted(moments)
    x, places, taken = _LEFT, dict.fromkeys(ordered[:1], _LEFT), dict.fromkeys(LANES, 0.0)
    for before, after in pairwise([*ordered[:1], *ordered]):
        x += _distance(before, after)
        told = {lane: labels[after, lane] for lane in LANES if (after, lane) in labels}
        x = max(x, *(taken[lane] for lane in told)) if told else x
        places[after] = x = round(x, 1)
        taken.update({lane: x + _LETTER * len(label) + _APART for lane, label in told.items()})
    return places, max(x + 40, *taken.values())


def _distance(before: datetime, after: datetime) -> float:
    seconds = (after - before).total_seconds()
    if not seconds:
        return 0
    return 16 + 16 * math.log10(1 + seconds) + (16 if seconds >= _LONG.total_seconds() else 0)
