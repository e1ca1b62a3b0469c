"""What a person's word about a lane means, in words: shown before it is given, and after."""

from datetime import datetime, timedelta
from typing import Final

from ordersaga.api.lane_shapes import BreakerBody, LaneView, PauseBody
from ordersaga.domain.breakers import BreakerState
from ordersaga.domain.lanes import provider_lane

_ELSEWHERE: Final = "Parcels whose units lie elsewhere too may ship from there."


def breaker_effect(body: BreakerBody, view: LaneView, now: datetime) -> tuple[str, ...]:
    """Of setting the lane's breaker at `now`."""
    until = _until(now, body.minutes)
    if body.state == "open":
        moves = (_ELSEWHERE,) if view.lane.startswith(provider_lane("")) else ()
        return (f"No call passes until {until}, probes neither.", _waiting(view, "stay there"), *moves)
    if body.state == "closed":
        return (f"Every call passes until {until}, however many fail.", _waiting(view, "are handed out"))
    tried = view.breaker is not None and view.breaker.state is not BreakerState.CLOSED
    return ("One call is tried at once; three answers in a row close it." if tried else "Calls are counted again.",)


def pause_effect(body: PauseBody, view: LaneView, now: datetime) -> tuple[str, ...]:
    """Of pausing the lane at `now`."""
    return (f"Nothing is handed out until {_until(now, body.minutes)}.", _waiting(view, "stay there"))


def resume_effect(view: LaneView) -> tuple[str, ...]:
    """Of ending the lane's pause."""
    rate = view.activities_per_minute
    pace = "as they come" if rate is None else f"at most {rate:g} a minute"
    return (_waiting(view, f"are handed out, {pace}"),)


def _waiting(view: LaneView, then: str) -> str:
    if view.backlog is None:
        return f"How many calls wait is not known now; those that do {then}."
    return f"{view.backlog} calls that wait {then}."


def _until(now: datetime, minutes: float) -> str:
    return f"{now + timedelta(minutes=minutes):%Y-%m-%d %H:%M} UTC"
