"""Stops, what became of each order, and the door: new orders that match are refused from memory.

A process that listens (`Heard`) knows the stops by heart and hears of every change at once; one that does not asks the
database each time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from ordersaga.domain.journal import AttentionItem, JournalEntry, OrderRecord, UnreadOrder
from ordersaga.domain.stops import (
    Answer,
    NewStop,
    StopCount,
    StopRecord,
    StopResult,
    StopRule,
    question_id,
    stop_workflow_id,
)
from ordersaga.stores.attention import write_question
from ordersaga.stores.heard import Heard
from ordersaga.stores.journal import write_story
from ordersaga.stores.order_rows import load_or_skip, load_record
from ordersaga.stores.pools import Connection, Pool, connection, transaction
from ordersaga.stores.remembered import Remembered
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Vault

CHANNEL: Final = "stops_changed"
_ALL: Final = "all"

_RULES = """
SELECT stop_id, match, policy, effective_at, until FROM stops
WHERE ended_at IS NULL AND lifted_at IS NULL AND NOT dry_run ORDER BY effective_at, stop_id
"""
_CREATE = """
INSERT INTO stops (stop_id, seller, match, policy, effective_at, until, look_every, legal_reference, reason, asked_by,
                   dry_run)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_COLUMNS = """stop_id, match, policy, effective_at, until, look_every, legal_reference, reason, asked_by, asked_at,
    dry_run, started_at IS NOT NULL AS started, paused, looks, looked_at, lifted_at, lifted_by, ended_at"""
_GET = f"SELECT {_COLUMNS} FROM stops WHERE stop_id = $1"  # noqa: S608 - only column names are put in
_LIST = f"""
SELECT {_COLUMNS} FROM stops WHERE ($1::text IS NULL OR seller = $1) AND (NOT $2 OR (ended_at IS NULL AND NOT dry_run))
ORDER BY asked_at DESC, stop_id DESC LIMIT $3
"""  # noqa: S608 - only column names are put in
_UNSTARTED = """
SELECT stop_id FROM stops WHERE started_at IS NULL AND ended_at IS NULL AND asked_at < now() - interval '2 seconds'
ORDER BY asked_at
"""
_STARTED = "UPDATE stops SET started_at = coalesce(started_at, now()) WHERE stop_id = $1"
_PAUSE = """
UPDATE stops SET paused = $2 WHERE stop_id = $1 AND paused <> $2 AND lifted_at IS NULL AND NOT dry_run RETURNING true
"""
_LIFT = "UPDATE stops SET lifted_at = now(), lifted_by = $2 WHERE stop_id = $1 AND lifted_at IS NULL RETURNING dry_run"
_LIFTED = "SELECT lifted_at IS NOT NULL FROM stops WHERE stop_id = $1"
_END = "UPDATE stops SET ended_at = now() WHERE stop_id = $1 AND ended_at IS NULL RETURNING dry_run"
_LOOKED = "UPDATE stops SET looks = looks + 1, looked_at = now() WHERE stop_id = $1 AND looks = $2"
_ANNOUNCE = "SELECT pg_notify('stops_changed', $1)"
# Whoever was passed over is looked at again; another stop that still forbids it passes it over anew.
_LOOK_AT_ALL = "UPDATE waiting_lines SET stopped = false WHERE stopped"
# What an order is known by in PostgreSQL; its saga has the last word. What a stop could not do is tried again.
# What could not be held any more is looked at again when it has changed: another stage, another treatment. It may have
# changed while it was being treated, so a change of the minute before counts.
_PAGE = """
SELECT order_id, seller, currency, total, request, terms, ship_by, ship_to, elsewhere, parcels, status, outcome,
    reason, accepted_at, updated_at, started_at
FROM orders
WHERE status NOT IN ('completed', 'canceled', 'rejected', 'returned') AND (accepted_at, order_id) > ($2, $3)
  AND ($4::text IS NULL OR seller = $4) AND ($5::text IS NULL OR channel = $5)
  AND ($6::text IS NULL OR request->'lines' @> jsonb_build_array(jsonb_build_object('sku', $6)))
  AND ($7::jsonb IS NULL OR coalesce(ship_to, request->'ship_to') @> $7
       OR elsewhere @> jsonb_build_array(jsonb_build_object('ship_to', $7::jsonb)))
  AND ($8::text IS NULL OR parcels @> jsonb_build_array(jsonb_build_object('provider', $8)))
  AND NOT EXISTS (SELECT FROM stop_orders AS known WHERE known.stop_id = $1 AND known.order_id = orders.order_id
                  AND known.answer <> 'could_not' AND (known.answer <> 'in_line' OR orders.status = 'waitlisted')
                  AND (known.answer <> 'too_late' OR known.treatment <> 'hold'
                       OR orders.updated_at < known.at - interval '1 minute'))
ORDER BY accepted_at, order_id LIMIT $9
"""
_RECORD = """
INSERT INTO stop_orders AS known (stop_id, order_id, seller, currency, money, stage, treatment, answer, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (stop_id, order_id) DO UPDATE SET money = excluded.money, stage = excluded.stage,
    treatment = excluded.treatment, answer = excluded.answer, detail = excluded.detail,
    attempts = known.attempts + 1, at = excluded.at
RETURNING attempts
"""
# A hold whose answer was lost may be in force.
_HELD = """
SELECT order_id FROM stop_orders WHERE stop_id = $1 AND treatment = 'hold'
  AND answer IN ('held', 'in_line', 'could_not') AND order_id > $2 ORDER BY order_id LIMIT $3
"""
_SETTLED = """
UPDATE stop_orders SET answer = $3, detail = $4, at = clock_timestamp() WHERE stop_id = $1 AND order_id = $2
"""
# A cancellation that was undecided has its answer once its order has ended.
_DECIDED = """
UPDATE stop_orders AS known SET at = clock_timestamp(), detail = 'ended ' || orders.status, answer = CASE
    WHEN orders.status = 'completed' THEN 'too_late' ELSE 'canceled' END
FROM orders WHERE known.stop_id = $1 AND orders.order_id = known.order_id
  AND known.answer IN ('pending', 'intercepting') AND orders.status IN ('completed', 'canceled', 'rejected', 'returned')
"""
_COUNTS = """
SELECT stage, treatment, answer, seller, currency, count(*) AS orders, sum(money)::bigint AS money
FROM stop_orders WHERE stop_id = $1 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
_RESULTS = """
SELECT order_id, seller, currency, money, stage, treatment, answer, detail, attempts, at FROM stop_orders
WHERE stop_id = $1 AND order_id > $2 AND ($3::text IS NULL OR answer = $3) ORDER BY order_id LIMIT $4
"""
_KEEPING = f"""
SELECT {_COLUMNS}, answer, at FROM stop_orders JOIN stops USING (stop_id)
WHERE order_id = $1 AND treatment = 'hold' AND answer IN ('held', 'in_line', 'could_not')
  AND ended_at IS NULL AND NOT dry_run
ORDER BY at, stop_id
"""  # noqa: S608 - only column names are put in
_STANDING = """
SELECT answer, count(*) AS orders FROM stop_orders JOIN stops USING (stop_id)
WHERE ended_at IS NULL AND NOT dry_run GROUP BY 1
"""
_TREATED = """
UPDATE attention SET resolved = 'treated', resolved_by = $3, resolved_reason = $4, resolved_at = $5
WHERE order_id = $1 AND item_id = $2 AND resolved IS NULL
"""


class StopRules:
    """The stops that keep new orders out, now or from a moment to come."""

    def __init__(self, pool: Pool, heard: Heard | None = None) -> None:
        self._pool = pool
        self._known: Remembered[str, tuple[StopRule, ...]] = Remembered(heard, CHANNEL)

    async def standing(self, work: Connection | None = None) -> tuple[StopRule, ...]:
        """Every rule that is not lifted; by heart, or read through `work`."""
        known = self._known.get(_ALL)
        if known is not None:
            return known
        look = self._known.look()
        if work is not None:
            return self._keep(look, await work.fetch(_RULES))
        async with connection(self._pool, scoped=False) as reader:
            return self._keep(look, await reader.fetch(_RULES))

    def _keep(self, look: int, rows: Sequence[asyncpg.Record]) -> tuple[StopRule, ...]:
        rules = tuple(StopRule.model_validate(dict(row)) for row in rows)
        self._known.keep(look, _ALL, rules)
        return rules

    def forget(self) -> None:
        """Read them anew: this process has changed them itself."""
        self._known.forget()


class PostgresStops:
    """The StopStore port on PostgreSQL, and the lists people look at."""

    def __init__(self, pool: Pool, rules: StopRules | None = None, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault
        self.rules = rules or StopRules(pool)

    async def create(self, stop: NewStop) -> None:
        """Close the door and write who asked, in one commit; every process that listens hears of it."""
        rule = stop.rule
        anyway = f", though nobody here knows {', '.join(stop.unlisted)}" if stop.unlisted else ""
        said = f"{stop.asked_by} asked to stop {rule.match.words()}{anyway}: {stop.reason}"
        if stop.legal_reference:
            said += f" ({stop.legal_reference})"
        async with transaction(self._pool, scoped=False) as work:
            await work.execute(_CREATE, *_row(stop))
            await self._tell(work, rule.stop_id, "dry_run" if stop.dry_run else "stop", said)
        self.rules.forget()

    async def get(self, stop_id: str) -> StopRecord | None:
        """A stop with its counts, or None."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_GET, stop_id)
            return _record(row, await reader.fetch(_COUNTS, stop_id)) if row else None

    async def stops(self, *, seller: str | None = None, standing: bool = False, limit: int = 50) -> list[StopRecord]:
        """The latest stops, newest first, with their counts; `standing`: only those that have not ended."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_LIST, seller, standing, limit)
            return [_record(row, await reader.fetch(_COUNTS, row["stop_id"])) for row in rows]

    async def results(
        self, stop_id: str, *, after: str = "", answer: Answer | None = None, limit: int = 100
    ) -> list[StopResult]:
        """What became of the orders, by order id, those behind `after`."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_RESULTS, stop_id, after, answer, limit)
        return [StopResult.model_validate(dict(row)) for row in rows]

    async def keeping(self, order_id: str) -> list[tuple[StopRecord, Answer, datetime]]:
        """Stops that hold the order back, or may, whosesoever they are: without their counts, and since when."""
        async with connection(self._pool, scoped=False) as reader:
            rows = [dict(row) for row in await reader.fetch(_KEEPING, order_id)]
        return [(StopRecord.model_validate(row), row["answer"], row["at"]) for row in rows]

    async def counts(self) -> Mapping[str, int]:
        """Orders treated by stops that have not ended, by answer."""
        async with connection(self._pool) as reader:
            return {row["answer"]: row["orders"] for row in await reader.fetch(_STANDING)}

    async def unstarted(self) -> list[str]:
        """Stops whose workflow nobody started."""
        async with connection(self._pool) as reader:
            return [row["stop_id"] for row in await reader.fetch(_UNSTARTED)]

    async def mark_started(self, stop_id: str) -> None:
        """Its workflow runs."""
        async with connection(self._pool) as work:
            await work.execute(_STARTED, stop_id)

    async def pause(self, stop_id: str, *, paused: bool, by: str, reason: str) -> bool:
        """Pause what it does with orders, or resume it; the door stays closed. False: it is so already, or over."""
        word = "pause" if paused else "resume"
        async with transaction(self._pool, scoped=False) as work:
            if not await work.fetchval(_PAUSE, stop_id, paused):
                return False
            await self._tell(work, stop_id, word, f"{by} asked to {word}: {reason}")
        return True

    async def lifted(self, stop_id: str) -> bool:
        """Whether somebody lifted it."""
        async with connection(self._pool) as reader:
            return bool(await reader.fetchval(_LIFTED, stop_id))

    async def lift(self, stop_id: str, *, by: str, reason: str) -> bool:
        """Open the door; its holds are released by its workflow. A dry run had none. False: it was lifted before."""
        async with transaction(self._pool, scoped=False) as work:
            dry_run = await work.fetchval(_LIFT, stop_id, storable(by))
            if dry_run is None:
                return False
            if not dry_run:
                await look_at_all(work)
                await self._tell(work, stop_id, "lifted", f"lifted by {by}: {reason}")
        self.rules.forget()
        return True

    async def end(self, stop_id: str) -> None:
        """Nothing of it goes on."""
        async with transaction(self._pool) as work:
            dry_run = await work.fetchval(_END, stop_id)
            if dry_run is not None:
                await self._tell(work, stop_id, "ended", "a dry run ended: nothing was done" if dry_run else "ended")

    async def looked(self, stop_id: str, looks: int) -> None:
        """All orders were gone through once more; `looks`: how often before. Undecided cancellations are looked up."""
        async with transaction(self._pool) as work:
            await work.execute(_LOOKED, stop_id, looks)
            await work.execute(_DECIDED, stop_id)

    async def page(self, rule: StopRule, after: tuple[datetime, str], limit: int) -> list[OrderRecord | UnreadOrder]:
        """Open orders that may match and were not treated, oldest first, behind (acceptance, order id)."""
        match = rule.match
        wanted = (match.seller, match.channel, match.sku, _place(match.region), match.provider)
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_PAGE, rule.stop_id, *after, *wanted, limit)
        return [load_or_skip(row, load_record) for row in await self._vault.opened(rows)]

    async def record(self, stop_id: str, result: StopResult) -> int:
        """Write what became of an order; returns how often it was tried. One treated in the end is asked no more."""
        question = question_id(result.order_id, stop_id)
        said = (result.treatment.value, result.answer, storable(result.detail))
        head = (stop_id, result.order_id, result.seller, result.currency, result.money, result.stage.value)
        async with transaction(self._pool) as work:
            attempts: int = await work.fetchval(_RECORD, *head, *said)
            if attempts > 1 and result.answer != "could_not":
                by = stop_workflow_id(stop_id)
                await work.execute(_TREATED, result.order_id, question, by, result.answer, datetime.now(UTC))
        return attempts

    async def held(self, stop_id: str, after: str, limit: int) -> list[str]:
        """Orders it holds, or may hold, by id, behind `after`."""
        async with connection(self._pool) as reader:
            return [row["order_id"] for row in await reader.fetch(_HELD, stop_id, after, limit)]

    async def settle(self, stop_id: str, order_id: str, answer: Answer, detail: str) -> None:
        """Write what became of an order in the end."""
        async with connection(self._pool) as work:
            await work.execute(_SETTLED, stop_id, order_id, answer, storable(detail))

    async def ask(self, item: AttentionItem) -> None:
        """Ask a person about an order that could not be treated; again is harmless."""
        async with transaction(self._pool) as work:
            await write_question(work, item)

    async def _tell(self, work: Connection, stop_id: str, kind: str, text: str) -> None:
        now = datetime.now(UTC)
        entry = JournalEntry(entry_id=f"{kind}-{now.timestamp():.6f}", at=now, kind=f"stop_{kind}", text=text)
        await write_story(work, stop_workflow_id(stop_id), [entry], ())
        await work.execute(_ANNOUNCE, stop_id)


async def pass_over(work: Connection, order_ids: Sequence[str]) -> None:
    """Those behind these orders in their lines may have what comes back; they keep their places."""
    await work.execute("UPDATE waiting_lines SET stopped = true WHERE order_id = ANY($1::text[])", list(order_ids))


async def look_at_all(work: Connection) -> None:
    """Whoever was passed over is looked at again when there is something to give."""
    await work.execute(_LOOK_AT_ALL)


def _place(region: str | None) -> dict[str, str] | None:
    """What the addresses of a region have in common."""
    country, _, part = (region or "").partition("-")
    named = {"country": country, "region": part}
    return {name: value for name, value in named.items() if value} or None


def _row(stop: NewStop) -> tuple[Any, ...]:
    rule = stop.rule
    when = (rule.effective_at, rule.until, stop.look_every)
    why = map(storable, (stop.legal_reference, stop.reason, stop.asked_by))
    said = (rule.match.model_dump(mode="json", exclude_none=True), rule.policy.model_dump(mode="json"))
    return (rule.stop_id, rule.match.seller, *said, *when, *why, stop.dry_run)


def _record(row: asyncpg.Record, counts: Sequence[asyncpg.Record]) -> StopRecord:
    told = tuple(StopCount.model_validate(dict(count)) for count in counts)
    return StopRecord.model_validate({**dict(row), "counts": told})
