"""Routes: the lanes to the outside companies, what waits in them, and keeping one's calls back for a while."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog
from fastapi import APIRouter

from ordersaga.api.access import Operator, Overseer, ServicesDep, acting
from ordersaga.api.lane_effects import breaker_effect, pause_effect, resume_effect
from ordersaga.api.lane_shapes import BreakerBody, LaneDeed, LaneHistory, LaneList, LaneView, PauseBody, ResumeBody
from ordersaga.api.problems import Problem
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.breakers import Breaker, BreakerState
from ordersaga.domain.lanes import Lane, LanePause

router = APIRouter(prefix="/v1/lanes", tags=["lanes"])
log = structlog.get_logger(__name__)


@router.get("")
async def list_lanes(services: ServicesDep, key: Overseer) -> LaneList:
    """Every lane, with what waits in it, until when and why it is paused, and how its breaker stands."""
    _whole_house(key)
    return LaneList(lanes=tuple(await lane_views(services)))


@router.post("/{lane}/pause")
async def pause(lane: str, body: PauseBody, services: ServicesDep, key: Operator, dry_run: bool = False) -> LaneView:
    """Hand none of its calls out for a while. What had been handed out before is kept back too."""
    known, by = _known(services, key, lane), acting(key, body.by)
    effect = pause_effect(body, await _view(services, known), datetime.now(UTC))
    if dry_run:
        return await _view(services, known, effect)
    if not await services.lane_pauses.pause(lane, timedelta(minutes=body.minutes), body.reason, by):
        raise Problem(409, "paused_longer", f"{lane} is paused for longer already; resume it first to shorten that")
    log.info("lane_paused", lane=lane, minutes=body.minutes, reason=body.reason, by=by)
    return await _view(services, known, effect)


@router.post("/{lane}/resume")
async def resume(lane: str, body: ResumeBody, services: ServicesDep, key: Operator, dry_run: bool = False) -> LaneView:
    """Let its calls go on now; a company that still limits us says so again, which pauses it again."""
    known, by = _known(services, key, lane), acting(key, body.by)
    effect = resume_effect(await _view(services, known))
    if dry_run:
        return await _view(services, known, effect)
    if not await services.lane_pauses.resume(lane, body.reason, by):
        raise Problem(409, "not_paused", f"{lane} is not paused")
    log.info("lane_resumed", lane=lane, reason=body.reason, by=by)
    return await _view(services, known, effect)


@router.post("/{lane}/breaker")
async def set_breaker(
    lane: str, body: BreakerBody, services: ServicesDep, key: Operator, dry_run: bool = False
) -> LaneView:
    """Keep its breaker open or closed for a while; or leave it to itself again, which tries an open one at once."""
    known, by = _known(services, key, lane), acting(key, body.by)
    effect = breaker_effect(body, await _view(services, known), datetime.now(UTC))
    if dry_run:
        return await _view(services, known, effect)
    if body.state != "auto":
        wait = timedelta(minutes=body.minutes)
        await services.breakers.force(lane, BreakerState(body.state), wait, body.reason, by)
    elif not await services.breakers.leave_alone(lane, body.reason, by):
        raise Problem(409, "not_forced", f"nobody set the breaker of {lane}")
    log.info("breaker_set", lane=lane, state=body.state, minutes=body.minutes, reason=body.reason, by=by)
    return await _view(services, known, effect)


@router.get("/{lane}/history")
async def history(lane: str, services: ServicesDep, key: Overseer) -> LaneHistory:
    """What people did with its breaker: who, when, until when, and why. The audit trail chains it."""
    known = _known(services, key, lane)
    told = await services.breakers.history(known.name)
    return LaneHistory(lane=known.name, deeds=tuple(LaneDeed(at=entry.at, text=entry.text) for entry in told))


async def lane_views(services: Services) -> list[LaneView]:
    """How every lane stands."""
    pauses = {pause.lane: pause for pause in await services.lane_pauses.pauses()}
    breakers = {breaker.lane: breaker for breaker in await services.breakers.breakers()}
    return await asyncio.gather(*(_seen(services, lane, pauses, breakers) for lane in services.lanes.values()))


async def _view(services: Services, lane: Lane, effect: tuple[str, ...] = ()) -> LaneView:
    view = next(view for view in await lane_views(services) if view.lane == lane.name)
    return view.model_copy(update={"effect": effect})


async def _seen(
    services: Services, lane: Lane, pauses: Mapping[str, LanePause], breakers: Mapping[str, Breaker]
) -> LaneView:
    state = await services.orders.lane(lane.name)
    return LaneView(
        lane=lane.name,
        calls_per_minute=lane.calls_per_minute,
        activities_per_minute=_a_minute(lane.rate),
        handed_out_per_minute=_a_minute(state.rate) if state else None,
        backlog=state.backlog if state else None,
        oldest_seconds=state.oldest.total_seconds() if state else None,
        paused=pauses.get(lane.name),
        breaker=breakers.get(lane.name),
    )


def _a_minute(rate: float | None) -> float | None:
    return None if rate is None else round(rate * 60, 3)


def _known(services: Services, key: ApiKey, lane: str) -> Lane:
    _whole_house(key)
    if lane not in services.lanes:
        raise Problem(404, "lane_not_found", f"there is no lane {lane}; there are {', '.join(sorted(services.lanes))}")
    return services.lanes[lane]


def _whole_house(key: ApiKey) -> None:
    """All sellers share a lane."""
    if key.seller:
        raise Problem(403, "seller_forbidden", f"this key is {key.seller}'s; lanes take a key of no seller")
