"""What everybody wrote down, gathered when all has come to rest."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from temporalio.client import Client

from ordersaga.demo.audit import audit
from ordersaga.demo.companies import patiently
from ordersaga.demo.outside import Outside
from ordersaga.demo.run import gather_evidence
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.ledgers import Shelf
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from tests.surge.records import Record
from tests.surge.shop import PACE, Shop
from tests.surge.verdict import OrderRow

_ORDERS: Final = "SELECT order_id, seller, status, accepted_at FROM orders"
_SOLD: Final = (
    "SELECT sku, sum(quantity)::bigint AS units FROM unit_movements WHERE account_to = 'shipped' GROUP BY sku"
)
_OPEN: Final = "SELECT count(*) FROM orders WHERE status <> ALL($1::text[])"
_LAST: Final = "SELECT extract(epoch FROM max(updated_at)) FROM orders WHERE status = ANY($1::text[])"
_INBOX: Final = "SELECT count(*) FROM webhook_inbox WHERE status IN ('pending', 'failed')"
_FINAL: Final = [status.value for status in FINAL_STATUSES]
_RUN_WITHIN: Final = 600.0
_WORKFLOWS: Final = 'WorkflowType = "OrderFulfillment"'


@dataclass(frozen=True)
class Starts:
    """Sagas of a surge by who started them: an API process while its shopper waited, or a worker's starter."""

    inline: int = 0
    starter: int = 0
    unknown: int = 0


async def still_open(shop: Shop) -> int:
    """Orders that have not ended."""
    return await shop.value(_OPEN, _FINAL)


async def unheard(shop: Shop) -> int:
    """Webhooks that were taken and not delivered yet."""
    return await shop.value(_INBOX)


async def last_ended(shop: Shop) -> float:
    """When the last order ended, in seconds since the epoch."""
    return float((await shop.fetch(_LAST, ["completed", "canceled"]))[0][0] or 0.0)


async def orders(shop: Shop) -> dict[str, OrderRow]:
    """Every order in our database."""
    rows = await shop.fetch(_ORDERS)
    return {
        row["order_id"]: OrderRow(
            row["order_id"], row["seller"], OrderStatus(row["status"]), row["accepted_at"].timestamp()
        )
        for row in rows
    }


async def sold(shop: Shop) -> dict[str, int]:
    """Units by SKU that our books say left."""
    return {row["sku"]: row["units"] for row in await shop.fetch(_SOLD)}


def promised(theirs: Outside) -> dict[str, int]:
    """Units by SKU in the provider's live orders; once everything is delivered they have all left."""
    units: Counter[str] = Counter()
    for parcel in theirs.provider_parcels:
        if parcel.live:
            units.update(parcel.units)
    return dict(units)


async def workflows(temporal: Client) -> dict[str, int]:
    """Executions by order id."""
    ids: Counter[str] = Counter()
    async for found in temporal.list_workflows(_WORKFLOWS, page_size=1000):
        ids[found.id] += 1
    prefix = workflow_id("")
    return {name.removeprefix(prefix): count for name, count in ids.items()}


async def starts(temporal: Client, order_ids: Collection[str], parts: Mapping[int, str]) -> Starts:
    """Who started these orders' sagas; every client signs with its process id."""
    turns = asyncio.Semaphore(8)

    async def starter_of(order_id: str) -> str:
        async with turns:
            events = temporal.get_workflow_handle(workflow_id(order_id)).fetch_history_events(page_size=1)
            first = await anext(events)
            pid = first.workflow_execution_started_event_attributes.identity.partition("@")[0]
            return parts.get(int(pid) if pid.isdecimal() else 0, "unknown").partition("-")[0]

    found = Counter(await asyncio.gather(*(starter_of(order_id) for order_id in order_ids)))
    return Starts(inline=found["api"], starter=found["worker"], unknown=found["unknown"])


@dataclass(frozen=True)
class Books:
    """Our ledgers beside the companies' records."""

    shelves: Sequence[Shelf]
    promised: Mapping[str, int]
    differences: Sequence[str]


async def books(shop: Shop, records: Sequence[Record], known: Mapping[str, OrderRow]) -> Books:
    """The demo's audit over everything that was accepted, and every order we know of."""
    placed = [record.order_id for record in records if record.answer == "accepted" or record.order_id in known]
    evidence = await gather_evidence(shop.stack, shop.world, shop.catalog, placed)
    return Books(evidence.ours.shelves, promised(evidence.theirs), [str(each) for each in audit(evidence)])


async def reconcile(shop: Shop, began: float) -> tuple[list[str], Mapping[str, int]]:
    """Run reconciliation over the whole run; what it found or could not look at, and how much it looked at."""
    await asyncio.sleep(2 * PACE["reconcile_grace"].total_seconds())
    operator = shop.world.operator
    since = datetime.fromtimestamp(began, UTC) - timedelta(minutes=1)
    run = await patiently(lambda: operator.reconcile(since=since))
    async with asyncio.timeout(_RUN_WITHIN):
        while run.ended_at is None:
            await asyncio.sleep(0.5)
            run = await patiently(partial(operator.reconciliation, run.run_id))
    found = (await patiently(operator.findings)).findings
    told = [f"{each.finding.order_id}: {each.finding.kind} {each.finding.what}" for each in found]
    told += [f"{source} could not be looked at: {why}" for source, why in sorted(run.failed.items())]
    return told, run.looked_at
