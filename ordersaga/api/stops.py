"""Routes: stops. An operator holds, lets go on or cancels everything that matches, and keeps new orders out.

The door closes with the answer: every API process refuses matching orders from `effective_at` on. What becomes of the
orders that are there is a workflow's work; look at the stop. A key that belongs to one seller stops its orders only.
"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Path, Query, Response

from ordersaga.api.access import Operator, Overseer, ServicesDep, acting, seller_scope
from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.api.stop_effects import opened, pause_effect, resume_effect, undo_effect
from ordersaga.api.stop_names import unknown_names
from ordersaga.api.stop_shapes import StopBody, StopDocument, StopList, StopOrderList, StopSaid, document
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_stops import StopClient
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.stops import Answer, NewStop, StopMatch, StopRecord, StopRule
from ordersaga.remedies import listed_at

FORESEEN_WITHIN: Final = 25.0
"""Seconds that a dry run is waited for; afterwards it is looked at."""
LOOK_EVERY: Final = 0.1

router = APIRouter(prefix="/v1/stops", tags=["stops"])
log = structlog.get_logger(__name__)

StopId = Annotated[str, Path(pattern=r"^[a-z0-9]{1,35}$")]


@router.post(
    "",
    status_code=202,
    responses={200: {"model": StopDocument, "description": "A dry run that is done: nothing was touched."}},
)
async def create_stop(body: StopBody, services: ServicesDep, key: Operator, response: Response) -> StopDocument:
    """Stop everything that matches, or with `dry_run` say what would become of it.

    The door is closed when this answers; look at `Location` for what became of the orders. What nobody here knows is
    refused, for it would stop nobody, unless it is `unlisted`.
    """
    _of_its_own(body, key)
    stop = _new_stop(body, key, await _unlisted(services, body, key))
    await services.stops.create(stop)
    stop_id = stop.rule.stop_id
    response.headers["Location"] = f"/v1/stops/{stop_id}"
    started = await _start(services, stop)
    if not body.dry_run:
        log.info("stop_created", stop_id=stop_id, match=stop.rule.match.named(), key=key.name)
        said = "" if started else "the door is closed; its workflow is started as soon as Temporal answers"
        return document(await _find(services, key, stop_id), unlisted=stop.unlisted, message=said)
    if await _foreseen(services, stop_id):
        response.status_code = 200
    told = await _find(services, key, stop_id)
    return document(told, unlisted=stop.unlisted, message="a dry run: nothing was done")


@router.get("")
async def list_stops(
    services: ServicesDep,
    key: Overseer,
    standing: Annotated[bool, Query(description="only those that have not ended")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> StopList:
    """The latest stops, newest first; dry runs among them."""
    found = await services.stops.stops(seller=seller_scope(key, None), standing=standing, limit=limit)
    return StopList(stops=tuple(map(document, found)))


@router.get("/{stop_id}")
async def show_stop(stop_id: StopId, services: ServicesDep, key: Overseer) -> StopDocument:
    """One stop: counts by stage, seller and answer, and where its workflow is."""
    stop = await _find(services, key, stop_id)
    progress = await StopClient(services.orders).progress(stop_id)
    unknown = await unknown_names(services, stop.match, key)
    return document(stop, progress, unlisted=_named(stop.match, unknown))


@router.get("/{stop_id}/orders")
async def list_stopped_orders(
    stop_id: StopId,
    services: ServicesDep,
    key: Overseer,
    answer: Annotated[Answer | None, Query()] = None,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> StopOrderList:
    """What became of each order, by order id."""
    await _find(services, key, stop_id)
    found = await services.stops.results(stop_id, after=after, answer=answer, limit=limit + 1)
    page = found[:limit]
    return StopOrderList(orders=tuple(page), next_after=page[-1].order_id if len(found) > limit else None)


@router.post("/{stop_id}/pause")
async def pause_stop(
    stop_id: StopId, services: ServicesDep, key: Operator, body: StopSaid | None = None, dry_run: bool = False
) -> StopDocument:
    """Touch no further order for now. The door stays closed. With `dry_run` only the `effect` is told."""
    return await _steer(services, key, stop_id, body or StopSaid(), paused=True, dry_run=dry_run)


@router.post("/{stop_id}/resume")
async def resume_stop(
    stop_id: StopId, services: ServicesDep, key: Operator, body: StopSaid | None = None, dry_run: bool = False
) -> StopDocument:
    """Go on. With `dry_run` only the `effect` is told."""
    return await _steer(services, key, stop_id, body or StopSaid(), paused=False, dry_run=dry_run)


@router.post(
    "/{stop_id}/undo",
    status_code=202,
    responses={200: {"model": StopDocument, "description": "With `dry_run`: only the `effect` is told."}},
)
async def undo_stop(
    stop_id: StopId,
    services: ServicesDep,
    key: Operator,
    response: Response,
    body: StopSaid | None = None,
    dry_run: bool = False,
) -> StopDocument:
    """Open the door at once, and release what it holds. What was canceled stays canceled."""
    asked, stop = body or StopSaid(), await _find(services, key, stop_id)
    if stop.dry_run:
        raise Problem(409, "stop_over", f"{stop_id} is a dry run: there is nothing to undo")
    effect, message = undo_effect(stop), opened(stop)
    if dry_run:
        response.status_code = 200
        return document(stop, effect=effect)
    await services.stops.lift(stop_id, by=acting(key, asked.by), reason=asked.reason)
    await StopClient(services.orders).changed(stop_id)
    log.info("stop_lifted", stop_id=stop_id, key=key.name)
    return document(await _find(services, key, stop_id), effect=effect, message=message)


async def _steer(
    services: Services, key: ApiKey, stop_id: str, asked: StopSaid, *, paused: bool, dry_run: bool
) -> StopDocument:
    stop = await _find(services, key, stop_id)
    if stop.dry_run or stop.lifted_at is not None:
        raise Problem(409, "stop_over", f"stop {stop_id} is over: nothing of it can be paused or resumed")
    effect = pause_effect(stop) if paused else resume_effect(stop)
    if dry_run:
        return document(stop, effect=effect)
    await services.stops.pause(stop_id, paused=paused, by=acting(key, asked.by), reason=asked.reason)
    await StopClient(services.orders).changed(stop_id)
    return document(await _find(services, key, stop_id), effect=effect)


def _of_its_own(body: StopBody, key: ApiKey) -> None:
    if key.seller and body.match.seller != key.seller:
        raise Problem(403, "seller_forbidden", f"this key stops orders of {key.seller} only: name it in match.seller")


async def _unlisted(services: Services, body: StopBody, key: ApiKey) -> tuple[str, ...]:
    """What it names and nobody here knows; a problem that names each, unless it is meant so."""
    unknown = await unknown_names(services, body.match, key)
    if unknown and not body.unlisted:
        raise invalid(unknown)
    return _named(body.match, unknown)


def _named(match: StopMatch, unknown: Sequence[FieldError]) -> tuple[str, ...]:
    fields = {error.field.removeprefix("match.") for error in unknown}
    return tuple(f"{field} {name}" for field, name in match.named().items() if field in fields)


def _new_stop(body: StopBody, key: ApiKey, unlisted: tuple[str, ...]) -> NewStop:
    now = datetime.now(UTC)
    rule = StopRule(
        stop_id=f"{now:%Y%m%d}{uuid.uuid4().hex[:8]}",
        match=body.match,
        policy=body.policy,
        effective_at=max(body.effective_at or now, now),
        until=body.until,
    )
    return NewStop(
        rule=rule,
        look_every=timedelta(minutes=body.look_every_minutes),
        legal_reference=body.legal_reference,
        reason=body.reason,
        asked_by=acting(key, body.by),
        dry_run=body.dry_run,
        unlisted=unlisted,
    )


async def _start(services: Services, stop: NewStop) -> bool:
    """Start its workflow; what cannot be started now is started by a worker."""
    stop_id = stop.rule.stop_id
    try:
        await StopClient(services.orders).start(stop_id, stop.rule.match)
        await services.stops.mark_started(stop_id)
    except OrdersagaError as error:
        log.warning("stop_start_left_to_worker", stop_id=stop_id, code=error.code, error=error.message)
        return False
    return True


async def _foreseen(services: Services, stop_id: str) -> bool:
    """Whether the dry run is done in time."""
    try:
        async with asyncio.timeout(FORESEEN_WITHIN):
            while True:
                stop = await services.stops.get(stop_id)
                if stop is not None and stop.ended_at is not None:
                    return True
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        return False


async def _find(services: Services, key: ApiKey, stop_id: str) -> StopRecord:
    stop = await services.stops.get(stop_id)
    if stop is None or (key.seller and stop.match.seller != key.seller):
        detail = f"there is no stop {stop_id}; {listed_at('/v1/stops', 'stop list')}"
        raise Problem(404, "stop_not_found", detail)
    return stop
