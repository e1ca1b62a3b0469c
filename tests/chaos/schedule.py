"""What goes wrong and when: a pure function of a seed, so that a run can be told and repeated.

`plan_faults(1, 180)` deals every kind of fault to every target it can strike, in an order of the seed's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final

PARTS: Final = ("worker", "api", "temporal", "postgres", "stripe", "shipbob", "easypost")
LINKS: Final = ("postgres", "temporal", "stripe", "shipbob", "easypost", "webhooks", "checkout")
PART_KINDS: Final = ("kill", "pause")
LINK_KINDS: Final = ("latency", "reset", "lost_answers", "half_open", "refuse")
KINDS: Final = (*PART_KINDS, *LINK_KINDS)

MOST_AT_ONCE: Final = 2
QUIET_START: Final = 3.0
_GAP: Final = (2.0, 4.0)
_LASTS: Final[dict[str, tuple[float, float]]] = {
    "kill": (0.0, 0.0),
    "pause": (1.0, 8.0),
    "latency": (2.0, 8.0),
    "reset": (0.0, 0.0),
    "lost_answers": (1.0, 3.0),
    "half_open": (1.5, 6.0),
    "refuse": (1.0, 5.0),
}
_SETTLES: Final = {"kill": 5.0, "reset": 1.0}
"""How long a fault without a duration counts as going on."""
_LATE: Final = (0.05, 0.4)


@dataclass(frozen=True)
class Fault:
    """One fault: `at` and `seconds` since the load began, and how long it lasts; `strength`: seconds of latency."""

    number: int
    at: float
    kind: str
    target: str
    seconds: float = 0.0
    strength: float = 0.0

    @property
    def over(self) -> float:
        """When it no longer counts against others."""
        return round(self.at + max(self.seconds, _SETTLES.get(self.kind, 0.0)), 1)

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        late = f", {self.strength * 1000:.0f} ms" if self.strength else ""
        return f"{self.at:6.1f} s  {self.kind:<12} {self.target}{lasts}{late}"

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


def plan_faults(seed: int, seconds: float) -> list[Fault]:
    """The faults of a run of that many seconds; all have ended by then."""
    random = Random(f"faults {seed}")
    faults: list[Fault] = []
    at = QUIET_START
    for kind, target in _dealt(random):
        lasts = round(random.uniform(*_LASTS[kind]), 1)
        strength = round(random.uniform(*_LATE), 3) if kind == "latency" else 0.0
        at = _first_free(round(at, 1), target, faults)
        fault = Fault(len(faults) + 1, at, kind, target, lasts, strength)
        if fault.over > seconds:
            return faults
        faults.append(fault)
        at += random.uniform(*_GAP)
    return faults


def _dealt(random: Random) -> Iterator[tuple[str, str]]:
    """Every pair of kind and target, shuffled, again and again; first a hand that has each kind and each target."""
    deck = [(kind, part) for kind in PART_KINDS for part in PARTS]
    deck += [(kind, link) for kind in LINK_KINDS for link in LINKS]
    yield from (dealt := _opening(random))
    rest = [pair for pair in deck if pair not in dealt]
    yield from random.sample(rest, len(rest))
    while True:
        yield from random.sample(deck, len(deck))


def _opening(random: Random) -> Sequence[tuple[str, str]]:
    """Seven faults, one of each kind, each on another target."""
    parts = random.sample(PARTS, len(PART_KINDS))
    links = random.sample([link for link in LINKS if link not in parts], len(LINK_KINDS))
    hand = [*zip(PART_KINDS, parts, strict=True), *zip(LINK_KINDS, links, strict=True)]
    return random.sample(hand, len(hand))


def _first_free(at: float, target: str, faults: Sequence[Fault]) -> float:
    """From `at` on: when fewer than the most go on, and none at the same target."""
    while True:
        going = [fault for fault in faults if fault.over > at]
        same = [fault for fault in going if fault.target == target]
        if not same and len(going) < MOST_AT_ONCE:
            return at
        at = min(fault.over for fault in (same or going))
