"""What people did, from the journal, the repairs, the changes of sellers and the erasures: one list, newest first."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from ordersaga.domain.deeds import Deed, DeedFilter
from ordersaga.domain.errors import CustomerError
from ordersaga.stores.pools import Pool, connection
from ordersaga.stores.vault import CLEAR, Row, Vault

_MATCHES: Final = """
    ($1::text IS NULL OR seller = $1) AND ($4::text IS NULL OR kind = $4)
  AND ($3::text IS NULL OR "by" = $3 OR starts_with("by", $3 || ':') OR right("by", length($3) + 1) = ':' || $3)
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
  AND ($7::timestamptz IS NULL OR (at, id) < ($7, $8::text))
"""
# The kinds stand here as they do in the index (migration 0025). A line begins with who did it; the exceptions are told
# apart by their kind. Of the journal, which is long, no more than a page is read: the index has it newest first.
_DEEDS: Final = f"""
WITH told AS (
    (SELECT * FROM (
        SELECT journal.at, 'j/' || journal.order_id || '/' || entry_id AS id, journal.kind, text, journal.order_id,
            parcel, orders.seller, coalesce(said_by, CASE journal.kind
                WHEN 'stop_lifted' THEN substring(text FROM '^lifted by (.+?): ')
                WHEN 'goodwill_requested' THEN substring(text FROM '^[^:]+: (.+?) asks for ')
                ELSE substring(text FROM '^(.+?) (?:placed hold|released hold|asks to cancel|asks: |asked to |chose |'
                    'proposes |set the breaker |left the breaker |found |cancels: )') END) AS "by"
        FROM journal LEFT JOIN orders USING (order_id)
        WHERE journal.kind IN ('breaker_set', 'cancel_requested', 'change_requested',
            'decision', 'goodwill_requested', 'hold', 'proposal', 'release', 'return_cancel_requested',
            'return_inspected', 'stop_dry_run', 'stop_lifted', 'stop_pause', 'stop_resume', 'stop_stop')
          AND ($2::text IS NULL OR journal.order_id = $2)) AS noted
    WHERE {_MATCHES} AND ($7 IS NULL OR at <= $7)
    ORDER BY at DESC, id DESC LIMIT $9::int)
    UNION ALL
    SELECT at, 'r/' || seq, 'repair', status || ': ' || outcome || coalesce(': ' || reason, '')
        || coalesce('; second: ' || second, ''), nullif(order_id, ''), 0, nullif(seller, ''), "by"
    FROM repairs WHERE "by" IS NOT NULL AND ($2 IS NULL OR order_id = $2)
    UNION ALL
    SELECT changed_at, 's/' || seller || '/' || version, 'seller_changed', 'version ' || version || ' of its profile',
        NULL, 0, seller, changed_by
    FROM seller_changes WHERE $2 IS NULL
    UNION ALL
    SELECT at, 'e/' || seq, 'erased', 'personal data erased: ' || reference || coalesce('; not erased: ' ||
        (SELECT string_agg(each->>'where' || coalesce(' until ' || (each->>'until'), ''), '; ')
         FROM jsonb_array_elements(remains) AS each), ''), order_id, 0, seller, "by"
    FROM erasures WHERE $2 IS NULL OR order_id = $2
    UNION ALL
    SELECT at, 'j/' || order_id || '/' || entry_id, kind, text, order_id, 0, NULL,
        substring(text FROM '^(.+?) turned encryption ')
    FROM journal WHERE order_id = 'deployment-encryption' AND $2 IS NULL)
SELECT * FROM told WHERE {_MATCHES} ORDER BY at DESC, id DESC LIMIT $9
"""  # noqa: S608 - our own conditions


class PostgresDeeds:
    """Lists what people did."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    async def page(self, wanted: DeedFilter, cursor: str | None, limit: int) -> tuple[Sequence[Deed], str | None]:
        """At most `limit`, newest first, and the cursor behind them; None at the end.

        Raises CustomerError `cursor_invalid` for a cursor that is not ours.
        """
        at, last = _read_cursor(cursor) if cursor else (None, None)
        asked = (wanted.seller, wanted.order_id, wanted.by, wanted.kind, wanted.since, wanted.until)
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_DEEDS, *asked, at, last, limit + 1)
        more = _write_cursor(rows[limit - 1]) if len(rows) > limit else None
        return [_deed(row) for row in await self._vault.opened(rows[:limit])], more


def _deed(row: Row) -> Deed:
    about, subject = _subject(row)
    told = {name: row[name] for name in ("at", "kind", "by", "text", "parcel", "seller")}
    return Deed.model_validate({**told, "about": about, "subject": subject})


def _subject(row: Row) -> tuple[str, str]:
    """What it was done to; stories of lanes and stops have names that no order can have."""
    story: str | None = row["order_id"]
    if story is None:
        return "seller", row["seller"] or ""
    for about, kinds in (("lane", "breaker_"), ("stop", "stop_"), ("deployment", "encryption_")):
        if row["kind"].startswith(kinds):
            return about, story.removeprefix(f"{about}-")
    return "order", story


def _write_cursor(row: asyncpg.Record) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["at"].isoformat(), row["id"]]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, last = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at), str(last)
    except (binascii.Error, ValueError, TypeError) as error:
        raise CustomerError("cursor_invalid", "The cursor is not one this list gave out") from error
