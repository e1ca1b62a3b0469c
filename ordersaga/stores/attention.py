"""Questions for people: written with the story of their order, listed until somebody answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ordersaga.domain.journal import AttentionAge, AttentionItem
from ordersaga.privacy.key_ring import DataKey
from ordersaga.privacy.sealing import seal_text
from ordersaga.stores.pools import Connection
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Vault

_COLUMNS = """order_id, item_id, parcel, kind, question, choices, opened_at, resolved, resolved_by, resolved_reason,
    resolved_at, money, currency, guarded, proposed, proposed_by, reminders"""
_VALUES = ", ".join(f"${place}" for place in range(1, 18))
# An answer once given stays, whole: a late repeat of the question must not open it again.
_WRITE = f"""
INSERT INTO attention AS standing ({_COLUMNS}) VALUES ({_VALUES})
ON CONFLICT (order_id, item_id) DO UPDATE SET question = excluded.question, choices = excluded.choices,
    money = excluded.money, currency = excluded.currency, guarded = excluded.guarded, proposed = excluded.proposed,
    proposed_by = excluded.proposed_by, reminders = excluded.reminders,
    resolved = excluded.resolved, resolved_by = excluded.resolved_by,
    resolved_reason = excluded.resolved_reason, resolved_at = excluded.resolved_at
WHERE standing.resolved IS NULL
"""  # noqa: S608 - only column names are put in
# One question of a kind about a parcel, or about one return of it (`{order}-r{n}-...`), whoever asked it: the workflow
# while it ran, or a relay after it ended.
_ASK = f"""
INSERT INTO attention ({_COLUMNS}) SELECT {_VALUES}
WHERE NOT EXISTS (
    SELECT 1 FROM attention WHERE order_id = $1 AND kind = $4 AND parcel = $3
      AND substring(item_id FROM '-r[0-9]+-') IS NOT DISTINCT FROM substring($2 FROM '-r[0-9]+-'))
ON CONFLICT DO NOTHING RETURNING item_id
"""  # noqa: S608 - only column names are put in
_ASK_APART = f"""
INSERT INTO attention ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING RETURNING item_id
"""  # noqa: S608 - only column names are put in
_ANSWER = """
UPDATE attention SET resolved = $3, resolved_by = $4, resolved_reason = $5, resolved_at = $6
WHERE order_id = $1 AND item_id = $2 AND resolved IS NULL RETURNING item_id
"""
_OPEN = """
SELECT attention.* FROM attention LEFT JOIN orders USING (order_id)
WHERE resolved IS NULL AND ($1::text IS NULL OR seller = $1) AND ($2::text IS NULL OR order_id = $2)
  AND ($3::text IS NULL OR kind = $3) AND ($4::timestamptz IS NULL OR opened_at < $4)
  AND ($5::text IS NULL OR EXISTS (
      SELECT FROM jsonb_array_elements(orders.parcels) AS plan
      WHERE (plan->>'parcel')::int = attention.parcel AND plan->>'provider' = $5))
ORDER BY opened_at, attention.order_id, item_id
"""
_AGES = """
SELECT kind, coalesce(seller, '') AS seller, attention.currency, count(*) AS open,
       min(opened_at) AS oldest_opened_at, sum(money)::bigint AS money
FROM attention LEFT JOIN orders USING (order_id) WHERE resolved IS NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class AttentionFilter:
    """Which open questions: each None asks for all. `provider`: who ships the parcel the question is about."""

    seller: str | None = None
    order_id: str | None = None
    kind: str | None = None
    opened_before: datetime | None = None
    provider: str | None = None


async def write_question(work: Connection, item: AttentionItem, key: DataKey | None = None) -> None:
    """Write a question as it stands now; one that was answered before is left alone."""
    await work.execute(_WRITE, *_row(item, key))


async def ask(work: Connection, item: AttentionItem, *, apart: bool = False, key: DataKey | None = None) -> bool:
    """Write a question unless one of its kind was ever asked about its parcel; `apart`: unless just this one was."""
    return await work.fetchval(_ASK_APART if apart else _ASK, *_row(item, key)) is not None


async def answer(
    work: Connection, item: AttentionItem, choice: str, by: str, reason: str, key: DataKey | None = None
) -> AttentionItem | None:
    """Write the answer of a person; None when somebody answered before."""
    now = datetime.now(UTC)
    said = (storable(choice), storable(by), seal_text(key, storable(reason)))
    if await work.fetchval(_ANSWER, item.order_id, item.item_id, *said, now) is None:
        return None
    known = {"resolved": choice, "resolved_by": by, "resolved_reason": reason, "resolved_at": now}
    return item.model_copy(update=known)


async def read_open(reader: Connection, wanted: AttentionFilter, vault: Vault = CLEAR) -> Sequence[AttentionItem]:
    """Every unresolved question that was asked for, oldest first."""
    filters = (wanted.seller, wanted.order_id, wanted.kind, wanted.opened_before, wanted.provider)
    rows = await vault.opened(await reader.fetch(_OPEN, *filters))
    return [AttentionItem.model_validate(dict(row)) for row in rows]


async def read_ages(reader: Connection) -> Sequence[AttentionAge]:
    """Open questions counted by kind, seller and currency."""
    return [AttentionAge.model_validate(dict(row)) for row in await reader.fetch(_AGES)]


def _row(item: AttentionItem, key: DataKey | None) -> tuple[Any, ...]:
    question = seal_text(key, storable(item.question))
    asked = (item.order_id, item.item_id, item.parcel, item.kind, question, list(item.choices))
    resolution = (item.resolved, item.resolved_by, seal_text(key, storable(item.resolved_reason)))
    stake = (item.money, item.currency, list(item.guarded), storable(item.proposed), storable(item.proposed_by))
    return (*asked, item.opened_at, *map(storable, resolution), item.resolved_at, *stake, item.reminders)
