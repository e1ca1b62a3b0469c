"""Routes: the lanes to the outside companies, what waits in them, and keeping one's calls back for a while."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog
from fastapi import APIRouter

from ordersaga.api.access import Operator, ServicesDep, acting
from ordersaga.api.lane_shapes import LaneList, LaneView, PauseBody, ResumeBody
from ordersaga.api.problems import Problem
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.lanes import Lane, LanePause

router = APIRouter(prefix="/v1/lanes", tags=["lanes"])
log = structlog.get_logger(__name__)


@router.get("")
async def list_lanes(services: ServicesDep, key: Operator) -> LaneList:
    """Every lane, with what waits in it, and until when and why it is paused."""
    _whole_house(key)
    return LaneList(lanes=tuple(await lane_views(services)))


@router.post("/{lane}/pause")
async def pause(lane: str, body: PauseBody, services: ServicesDep, key: Operator) -> LaneView:
    """Hand none of its calls out for a while. What had been handed out before is kept back too."""
    known, by = _known(services, key, lane), acting(key, body.by)
    if not await services.lane_pauses.pause(lane, timedelta(minutes=body.minutes), body.reason, by):
        raise Problem(409, "paused_longer", f"{lane} is paused for longer already; resume it first to shorten that")
    log.info("lane_paused", lane=lane, minutes=body.minutes, reason=body.reason, by=by)
    return await _view(services, known)


@router.post("/{lane}/resume")
async def resume(lane: str, body: ResumeBody, services: ServicesDep, key: Operator) -> LaneView:
    """Let its calls go on now; a company that still limits us says so again, which pauses it again."""
    known, by = _known(services, key, lane), acting(key, body.by)
    if not await services.lane_pauses.resume(lane, body.reason, by):
        raise Problem(409, "not_paused", f"{lane} is not paused")
    log.info("lane_resumed", lane=lane, reason=body.reason, by=by)
    return await _view(services, known)


async def lane_views(services: Services) -> list[LaneView]:
    """How every lane stands."""
    pauses = {pause.lane: pause for pause in await services.lane_pauses.pauses()}
    return await asyncio.gather(*(_seen(services, lane, pauses) for lane in services.lanes.values()))


async def _view(services: Services, lane: Lane) -> LaneView:
    return await _seen(services, lane, {pause.lane: pause for pause in await services.lane_pauses.pauses()})


async def _seen(services: Services, lane: Lane, pauses: Mapping[str, LanePause]) -> LaneView:
    state = await services.orders.lane(lane.name)
    return LaneView(
        lane=lane.name,
        calls_per_minute=lane.calls_per_minute,
        activities_per_minute=_a_minute(lane.rate),
        handed_out_per_minute=_a_minute(state.rate) if state else None,
        backlog=state.backlog if state else None,
        oldest_seconds=state.oldest.total_seconds() if state else None,
        paused=pauses.get(lane.name),
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
