"""The bodies of the lanes' routes. Rates are calls or activities a minute."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from ordersaga.api.shapes import Request
from ordersaga.domain.breakers import Breaker
from ordersaga.domain.lanes import LONGEST_BY_HAND, LanePause
from ordersaga.domain.values import Message
from workflows.messages import Word

_LONGEST = LONGEST_BY_HAND.total_seconds() / 60


class PauseBody(Request):
    """Keep a lane's calls back for `minutes`. `by`: the person an operator's key acts for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "ShipBob repairs its API", "minutes": 30}]})

    reason: Word
    minutes: Annotated[float, Field(gt=0, le=_LONGEST)]
    by: Word | None = None


class ResumeBody(Request):
    """Let a lane's calls go on before the pause ends. `by` as for a pause."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "ShipBob answers again"}]})

    reason: Word
    by: Word | None = None


class BreakerBody(Request):
    """Set a lane's breaker for `minutes`: open passes no call, closed passes all whatever fails; `auto` ends that.

    `by` as for a pause.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"state": "open", "reason": "their orders get lost", "minutes": 30}]}
    )

    state: Literal["open", "closed", "auto"]
    reason: Word
    minutes: Annotated[float, Field(gt=0, le=_LONGEST)] = 30
    by: Word | None = None


class LaneView(Message):
    """How a lane stands.

    `calls_per_minute`: what its company allows; `activities_per_minute`: what its queue hands out of that; both None
    where nobody limits it. `backlog` waits there, the oldest for `oldest_seconds`, and `handed_out_per_minute` is what
    the server really hands out now: all three None while Temporal does not answer. `breaker`: None if it never opened.
    `effect`: what was just done means, or with `dry_run` would mean, in words.
    """

    lane: str
    calls_per_minute: float | None
    activities_per_minute: float | None
    handed_out_per_minute: float | None = None
    backlog: int | None = None
    oldest_seconds: float | None = None
    paused: LanePause | None = None
    breaker: Breaker | None = None
    effect: tuple[str, ...] = ()


class LaneDeed(Message):
    """One thing that a person did with a lane's breaker, in words: who, until when, and why."""

    at: AwareDatetime
    text: str


class LaneHistory(Message):
    """What people did with a lane's breaker, oldest first."""

    lane: str
    deeds: tuple[LaneDeed, ...]


class LaneList(Message):
    """Every lane."""

    lanes: tuple[LaneView, ...]
