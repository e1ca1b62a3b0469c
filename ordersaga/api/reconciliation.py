"""Routes: what the companies say laid beside our ledgers, on demand; what was found, and its repair.

A key that belongs to one seller runs reconciliation for that seller's orders one by one, and sees and repairs what
concerns them.
"""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from ordersaga.api.access import Operator, ServicesDep, Watcher, acting, find_order, seller_scope
from ordersaga.api.finding_shapes import (
    MOST,
    FindingList,
    RepairBody,
    RepairedItem,
    RepairedMany,
    RepairList,
    RepairManyBody,
    RunBody,
    RunList,
    RunPlan,
)
from ordersaga.api.problems import Problem
from ordersaga.api.repairing import Repairer, repair_many
from ordersaga.api.request_log import bind_order
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_reconciliation import ReconciliationClient
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.lanes import PAYMENTS
from ordersaga.domain.reconciliation import FindingFilter, FindingKind, FindingStatus, RunRecord, StoredFinding
from ordersaga.remedies import listed_at
from workflows.reconciliation import Reconcile

router = APIRouter(tags=["reconciliation"])

RunId = Annotated[str, Path(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.post(
    "/v1/reconciliations",
    status_code=202,
    response_model=RunRecord,
    responses={200: {"model": RunPlan, "description": "With `dry_run`: nobody was asked."}},
)
async def start_run(
    body: RunBody, services: ServicesDep, key: Operator, response: Response, dry_run: bool = False
) -> RunRecord | JSONResponse:
    """Start a run; look at its `Location` until `ended_at` is there. It only looks: nothing is repaired."""
    looked_at = await find_order(services, key, body.order_id) if body.order_id else None
    if looked_at is None and key.seller:
        raise _of_all(key, "name one of its orders: order_id")
    run = _run(services, body, acting(key, body.by))
    asked = _asked(services, body, run)
    if dry_run:
        return JSONResponse(_plan(services, key, asked, run.since).model_dump(mode="json"))
    await ReconciliationClient(services.orders).start(run.run_id, asked)
    await services.findings.begin_run(run, looked_at.order.seller if looked_at else None)
    response.headers["Location"] = f"/v1/reconciliations/{run.run_id}"
    return run


def _run(services: Services, body: RunBody, by: str) -> RunRecord:
    now = datetime.now(UTC)
    return RunRecord(
        run_id=f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
        since=body.since or now - services.settings.reconcile_window,
        started_at=now,
        requested_by=by,
    )


def _asked(services: Services, body: RunBody, run: RunRecord) -> Reconcile:
    return Reconcile(
        since=run.since,
        window=services.settings.reconcile_window,
        grace=services.settings.reconcile_grace,
        order_id=body.order_id,
        requested_by=run.requested_by,
        providers=tuple(sorted(services.providers)),
        counting=tuple(sorted(services.provider_stock)),
        accounts=services.listing_accounts,
    )


def _plan(services: Services, key: ApiKey, asked: Reconcile, since: datetime) -> RunPlan:
    """A seller's key hears of everybody's accounts, and of its own."""
    owners = services.account_owners
    accounts = (PAYMENTS, *asked.providers, EASYPOST, *asked.accounts)
    whose = tuple(code for code in accounts if key.seller is None or owners.get(code, key.seller) == key.seller)
    what = f"order {asked.order_id}" if asked.order_id else f"everything since {since:%Y-%m-%d %H:%M} UTC"
    effect = (
        f"Their records of {what} are laid beside ours: {', '.join(whose)}.",
        "What disagrees is written down as a finding; a finding that agrees by now is settled.",
        "It only looks: nothing is repaired, and no money or goods move.",
    )
    return RunPlan(since=since, order_id=asked.order_id, asked=whose, effect=effect)


@router.get("/v1/reconciliations")
async def list_runs(services: ServicesDep, key: Watcher, limit: Limit = 50) -> RunList:
    """The latest runs, newest first; those of the schedule among them."""
    if key.seller:
        raise _of_all(key, "look at a run over one of its orders")
    return RunList(runs=tuple(await services.findings.runs(limit)))


@router.get("/v1/reconciliations/{run_id}")
async def show_run(run_id: RunId, services: ServicesDep, key: Watcher) -> RunRecord:
    """One run; while it goes on, what it has looked at so far."""
    run = await services.findings.run(run_id, key.seller)
    if run is None:
        detail = f"there is no run {run_id}; {listed_at('/v1/reconciliations', 'reconcile runs')}"
        raise Problem(404, "run_not_found", detail)
    if run.ended_at is not None:
        return run
    return await ReconciliationClient(services.orders).progress(run_id) or run


@router.get("/v1/findings")
async def list_findings(
    services: ServicesDep,
    key: Watcher,
    kind: Annotated[FindingKind | None, Query()] = None,
    seller: Annotated[Code | None, Query()] = None,
    status: Annotated[list[FindingStatus] | None, Query()] = None,
    order_id: Annotated[OrderId | None, Query()] = None,
) -> FindingList:
    """Findings, oldest first; without `status` (repeatable) those that are not settled."""
    wanted = FindingFilter(kind=kind, seller=seller_scope(key, seller), order_id=order_id, statuses=tuple(status or ()))
    return FindingList(findings=tuple(await services.findings.findings(wanted, limit=MOST)))


@router.get("/v1/findings/{finding_id:path}/repairs")
async def list_repairs(finding_id: str, services: ServicesDep, key: Watcher) -> RepairList:
    """Who asked for a finding's repairs, and what became of them; kept when it comes about anew."""
    await _find(services, key, finding_id)
    return RepairList(repairs=tuple(await services.findings.repairs(finding_id)))


@router.post("/v1/findings/repair-many")
async def repair_all(body: RepairManyBody, services: ServicesDep, key: Operator) -> RepairedMany:
    """Repair every matching finding, a thousand at most; without `dry_run: false` only say what would become of them.

    Never stops at a failure: each is named beside its finding.
    """
    return await repair_many(services, key, body, acting(key, body.by))


@router.post(
    "/v1/findings/{finding_id:path}/repair",
    responses={202: {"model": RepairedItem, "description": "Under way, or proposed: a second person must ask too."}},
)
async def repair(
    finding_id: str, body: RepairBody, services: ServicesDep, key: Operator, response: Response
) -> RepairedItem:
    """Repair one finding. It is looked at again first: what no longer disagrees is `gone`."""
    found = await _find(services, key, finding_id)
    repairer = Repairer(services, acting(key, body.by), body.reason, dry_run=body.dry_run)
    told = await repairer.settle(found)
    if told.result == "not_open":
        raise Problem(409, "finding_not_open", f"{finding_id} is not open any more: {told.detail}")
    if told.result == "failed" and told.code != "unanswered":
        raise Problem(503, told.code or "failed", told.detail or "try again")
    response.status_code = 202 if not body.dry_run and told.result in ("started", "proposed") else 200
    return told


async def _find(services: Services, key: ApiKey, finding_id: str) -> StoredFinding:
    found = await services.findings.get(finding_id)
    if found is None or (key.seller and found.finding.seller != key.seller):
        detail = f"there is no finding {finding_id}; {listed_at('/v1/findings', 'reconcile findings')}"
        raise Problem(404, "finding_not_found", detail)
    if found.finding.order_id:
        bind_order(found.finding.order_id)
    return found


def _of_all(key: ApiKey, instead: str) -> Problem:
    detail = f"this key sees what is {key.seller}'s only; {instead}"
    return Problem(403, "seller_forbidden", detail)
