"""Who read which histories through the codec server, for good; and whose orders they are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ordersaga.stores.pools import Pool, connection

_TELL: Final = """
INSERT INTO codec_reads ("by", role, seller, namespace, subjects, payloads) VALUES ($1, $2, $3, $4, $5, $6)
"""
_OWN: Final = "SELECT order_id FROM orders WHERE order_id = ANY($1::text[]) AND seller = $2"
_TOLD: Final = """
SELECT at, "by", role, seller, namespace, subjects, payloads FROM codec_reads
WHERE $1::text IS NULL OR subjects @> ARRAY[$1] ORDER BY at DESC LIMIT $2
"""


@dataclass(frozen=True)
class CodecRead:
    """One request: `payloads` were opened, of these `subjects`."""

    by: str
    role: str
    seller: str | None
    namespace: str
    subjects: Sequence[str]
    payloads: int
    at: datetime | None = None


class CodecReads:
    """Tells, and is told."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tell(self, read: CodecRead) -> None:
        """Remember it. Whoever cannot be remembered must be shown nothing."""
        who = (read.by, read.role, read.seller, read.namespace)
        async with connection(self._pool, scoped=False) as work:
            await work.execute(_TELL, *who, sorted(read.subjects), read.payloads)

    async def told(self, subject: str | None = None, limit: int = 100) -> list[CodecRead]:
        """What was read, newest first; with `subject`, of this order only."""
        async with connection(self._pool, scoped=False) as reader:
            return [CodecRead(**dict(row)) for row in await reader.fetch(_TOLD, subject, limit)]

    async def own(self, subjects: Collection[str], seller: str) -> set[str]:
        """Which of these orders are the seller's."""
        async with connection(self._pool, scoped=False) as reader:
            return {row["order_id"] for row in await reader.fetch(_OWN, list(subjects), seller)}
