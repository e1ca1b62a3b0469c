"""What can happen to an order: what is prepared at the outside companies, and what people then do.

| field | |
|---|---|
| `kind` | the heading it is counted under |
| `faults`, `scripts`, `webhooks` | told to the companies before the order is placed; they concern this order only |
| `act` | places the order and reacts |
| `answers` | the operator's choice for each kind of question the scenario leads to |
| `wave` | orders of a wave are placed when the wave before has its answers |
| `quick` | the quick demo plays it too |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ordersaga.demo import acts

Wishes = Mapping[str, tuple[Mapping[str, Any], ...]]
"""By company: what it is told, with the order's id put where `match` says `{order}`."""


@dataclass(frozen=True)
class Scenario:
    """One way an order can go."""

    kind: str
    act: acts.Act = acts.just_place
    faults: Wishes = field(default_factory=dict)
    scripts: Wishes = field(default_factory=dict)
    webhooks: Wishes = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    wave: int = 1
    quick: bool = True
