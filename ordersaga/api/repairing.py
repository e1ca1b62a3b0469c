"""Repairing findings, one or many: claimed in PostgreSQL, carried out by a workflow of its own for each."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from ordersaga.api.access import seller_scope
from ordersaga.api.finding_shapes import (
    MOST,
    FindingsWanted,
    RepairedItem,
    RepairedMany,
    RepairManyBody,
    RepairOutcome,
    RepairTotals,
)
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_reconciliation import ReconciliationClient
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.finding_words import remedy, split
from ordersaga.domain.matching_stock import spread
from ordersaga.domain.reconciliation import Claim, FindingFilter, FindingKind, FindingStatus, StoredFinding
from workflows.reconciliation import RepairOrder

AT_ONCE: Final = 16
REPAIRABLE: Final[tuple[FindingStatus, ...]] = ("open", "proposed", "refused")
LISTED: Final = 10_000
"""Findings that are looked through for those wanted."""
ANSWER_WITHIN: Final = 25.0
"""Seconds after which repairs are no longer waited for; they go on."""
_SECOND: Final = "a second person must ask for the same repair"
_RESULTS: Final[dict[FindingStatus, RepairOutcome]] = {
    "repaired": "repaired",
    "refused": "refused",
    "gone": "gone",
    "open": "failed",
    "proposed": "proposed",
    "repairing": "started",
}

log = structlog.get_logger(__name__)


async def repair_many(services: Services, key: ApiKey, body: RepairManyBody, by: str) -> RepairedMany:
    """Repair every matching finding, at most a thousand; one that fails does not keep the others from it."""
    found = await _matching(services, key, body.filter)
    repairer = Repairer(services, by, body.reason, dry_run=body.dry_run)
    items = [item for wave in _waves(found[:MOST]) for item in await asyncio.gather(*map(repairer.settle, wave))]
    totals = _totals(items, left=max(0, len(found) - MOST))
    log.info("findings_repaired", key=key.name, dry_run=body.dry_run, **totals.model_dump())
    return RepairedMany(dry_run=body.dry_run, items=tuple(items), totals=totals)


def _waves(found: Sequence[StoredFinding]) -> Sequence[Sequence[StoredFinding]]:
    """An order its saga deserted can be closed only when everything else about it is mended: last."""
    deserted = [each for each in found if each.finding.kind is FindingKind.SAGA_GONE]
    return [[each for each in found if each not in deserted], deserted]


async def _matching(services: Services, key: ApiKey, wanted: FindingsWanted) -> list[StoredFinding]:
    scope = FindingFilter(kind=wanted.kind, seller=seller_scope(key, wanted.seller), statuses=REPAIRABLE)
    return [
        found
        for found in await services.findings.findings(scope, limit=LISTED)
        if (wanted.order_ids is None or found.finding.order_id in wanted.order_ids)
        and (wanted.finding_ids is None or found.finding.finding_id in wanted.finding_ids)
    ]


class Repairer:
    """Repairs findings, a few at once; those without an answer in time go on by themselves."""

    def __init__(self, services: Services, by: str, reason: str, *, dry_run: bool) -> None:
        self._services, self._by, self._reason, self._dry_run = services, by, reason, dry_run
        self._client = ReconciliationClient(services.orders)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._until = asyncio.get_running_loop().time() + ANSWER_WITHIN

    async def settle(self, found: StoredFinding) -> RepairedItem:
        """What was done about the finding, or would be."""
        async with self._turn:
            try:
                return await (self._foretell(found) if self._dry_run else self._repair(found))
            except OrdersagaError as error:
                return _row(found, "failed", code=error.code, detail=error.message)

    async def _foretell(self, found: StoredFinding) -> RepairedItem:
        claim = await self._services.findings.foretell(found.finding.finding_id, by=self._by)
        now = claim.finding or found
        if told := self._not_claimed(now, claim):
            return told
        detail = f"{remedy(now.finding)}{await self._shelves(now)}"
        return _row(now, "asked" if await self._would_ask(now) else "repaired", detail=detail)

    async def _shelves(self, now: StoredFinding) -> str:
        """By how many units each shelf would change; '' where it is not about shelves."""
        if now.finding.kind is not FindingKind.STOCK_DRIFT:
            return ""
        facts = now.finding.facts
        shelves = await self._services.evidence.shelves(facts["provider"], [facts["sku"]], datetime.now(UTC))
        return f": {split(spread(int(facts['units']), shelves))}" if shelves else ""

    async def _would_ask(self, now: StoredFinding) -> bool:
        """Whether, as things stand, a person is all that would be asked: the order's saga is gone."""
        finding = now.finding
        if finding.kind is FindingKind.SAGA_GONE:
            return bool(await self._services.evidence.differences(finding.order_id))
        if finding.kind is not FindingKind.PROVIDER_ORDER_MISSING:
            return False
        deserted = await self._services.findings.get(f"{FindingKind.SAGA_GONE}:{finding.order_id}")
        return deserted is not None and deserted.status in REPAIRABLE

    async def _repair(self, found: StoredFinding) -> RepairedItem:
        claim = await self._services.findings.claim(found.finding.finding_id, by=self._by, reason=self._reason)
        now = claim.finding or found
        if told := self._not_claimed(now, claim):
            return told
        wait = max(0.0, self._until - asyncio.get_running_loop().time())
        result = await self._client.repair(self._order(now), seller=now.finding.seller, wait=wait)
        if result is None:
            return _row(now, "started", detail=remedy(now.finding))
        code = "unanswered" if result.status == "open" else None
        became = "asked" if result.asked else _RESULTS[result.status]
        return _row(now, became, code=code, detail=result.outcome)

    def _not_claimed(self, now: StoredFinding, claim: Claim) -> RepairedItem | None:
        """Its answer, unless it may go ahead; a repair whose workflow nobody started is started by whoever asks."""
        if claim.result == "proposed":
            return _row(now, "proposed", proposed_by=now.by or self._by, detail=f"{remedy(now.finding)}: {_SECOND}")
        if claim.result == "not_found" or (claim.result == "not_open" and now.status != "repairing"):
            return _row(now, "not_open", detail=f"{now.status}: {now.outcome or 'settled before'}")
        return None

    def _order(self, now: StoredFinding) -> RepairOrder:
        finding = now.finding
        return RepairOrder(
            finding_id=finding.finding_id,
            repair=finding.repair,
            source=finding.source,
            by=now.by or self._by,
            reason=now.reason or self._reason,
            grace=self._services.settings.reconcile_grace,
        )


def _row(found: StoredFinding, result: RepairOutcome, **more: str | None) -> RepairedItem:
    names = {"finding_id", "kind", "repair", "what", "order_id", "seller", "money", "currency"}
    return RepairedItem(**{**found.finding.model_dump(include=names), "result": result, **more})


def _totals(items: Sequence[RepairedItem], left: int) -> RepairTotals:
    results, money = Counter(item.result for item in items), Counter[str]()
    for item in items:
        if item.money and item.result in ("repaired", "started", "proposed"):
            money[item.currency] += item.money
    return RepairTotals(
        count=len(items),
        repaired=results["repaired"],
        started=results["started"],
        waiting_for_second_person=results["proposed"],
        asked=results["asked"],
        refused=results["refused"],
        gone=results["gone"],
        not_open=results["not_open"],
        failed=results["failed"],
        left=left,
        money=dict(money),
    )
