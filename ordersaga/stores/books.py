"""The two ledgers: writing money transactions, and the sums that audits ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ordersaga.domain.books import Account, Balance, MoneyTransaction, Posting
from ordersaga.domain.closing import Entry, OrderBooks, Standing
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.stores.pools import Connection, Pool, connection

_INSERT = """
INSERT INTO money_transactions (transaction_id, order_id, parcel, currency, memo) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING true
"""
_POSTINGS = """
INSERT INTO money_postings (transaction_id, account, amount)
SELECT $1, row.account, row.amount
FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS row(account, amount, place) ORDER BY place
"""
_READ = """
SELECT t.transaction_id, t.order_id, t.parcel, t.currency, t.memo, t.posted_at,
       coalesce(jsonb_agg(jsonb_build_object('account', p.account, 'amount', p.amount) ORDER BY p.posting_id)
                FILTER (WHERE p.posting_id IS NOT NULL), '[]') AS postings
FROM money_transactions t LEFT JOIN money_postings p USING (transaction_id)
WHERE t.order_id = $1 AND ($2::text IS NULL OR t.transaction_id = $2)
GROUP BY t.transaction_id ORDER BY t.posted_at, t.transaction_id
"""
_ENTRIES = """
SELECT transaction_id, parcel, account, amount FROM money_postings JOIN money_transactions USING (transaction_id)
WHERE order_id = $1
"""
_EFFECTS = "SELECT key, step, parcel, generation, status FROM effects WHERE order_id = $1"
_SHIPPED = "SELECT DISTINCT parcel FROM unit_movements WHERE order_id = $1 AND account_to = 'shipped'"
_FREE = """
SELECT (plan->>'parcel')::int AS parcel FROM orders CROSS JOIN jsonb_array_elements(parcels) AS plan
WHERE order_id = $1 AND (plan->>'amount')::bigint = 0
"""
_UNITS = "SELECT coalesce(sum(quantity), 0) FROM holds WHERE order_id = $1 AND status IN ('held', 'confirmed')"
_TOTALS = """
SELECT currency, account, sum(amount)::bigint AS amount
FROM money_postings JOIN money_transactions USING (transaction_id) GROUP BY currency, account ORDER BY 1, 2
"""
_UNIT_AUDIT = """
WITH moved AS (
    SELECT location, sku,
           sum(CASE WHEN account_to IN ('available', 'held') THEN quantity ELSE 0 END)
               - sum(CASE WHEN account_from IN ('available', 'held') THEN quantity ELSE 0 END) AS on_hand,
           sum(CASE WHEN account_to = 'held' THEN quantity WHEN account_from = 'held' THEN -quantity ELSE 0 END) AS held
    FROM unit_movements GROUP BY location, sku),
promised AS (
    SELECT location, sku, sum(quantity) AS held FROM holds WHERE status IN ('held', 'confirmed')
    GROUP BY location, sku)
SELECT stock.location, stock.sku, stock.on_hand, stock.held, coalesce(moved.on_hand, 0)::bigint AS moved_on_hand,
       coalesce(moved.held, 0)::bigint AS moved_held, coalesce(promised.held, 0)::bigint AS promised
FROM stock LEFT JOIN moved USING (location, sku) LEFT JOIN promised USING (location, sku)
WHERE (stock.on_hand, stock.held, stock.held)
      IS DISTINCT FROM (coalesce(moved.on_hand, 0), coalesce(moved.held, 0), coalesce(promised.held, 0))
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class UnitDifference:
    """A shelf whose stock row, movements and holds disagree (I2). Units."""

    location: str
    sku: str
    on_hand: int
    held: int
    moved_on_hand: int
    moved_held: int
    promised: int


async def post_transactions(work: Connection, transactions: Iterable[MoneyTransaction]) -> None:
    """Append money transactions inside a database transaction; one already written is skipped.

    Raises OperatorError `transaction_conflict` when other postings stand under the same transaction id. Postings that
    do not sum to zero are refused by the database at commit (OperatorError `integrity_violation`).
    """
    for wanted in transactions:
        head = (wanted.transaction_id, wanted.order_id, wanted.parcel, wanted.currency, wanted.memo)
        if await work.fetchval(_INSERT, *head):
            accounts = [posting.account.value for posting in wanted.postings]
            await work.execute(
                _POSTINGS, wanted.transaction_id, accounts, [posting.amount for posting in wanted.postings]
            )
        else:
            await _require_same(work, wanted)


async def _require_same(work: Connection, wanted: MoneyTransaction) -> None:
    rows = await work.fetch(_READ, wanted.order_id, wanted.transaction_id)
    standing = [_transaction(dict(row)) for row in rows]
    if not standing or not _same_money(standing[0], wanted):
        raise OperatorError(
            "transaction_conflict", f"Other postings already stand under money transaction {wanted.transaction_id}"
        )


def _same_money(one: MoneyTransaction, other: MoneyTransaction) -> bool:
    return (one.parcel, one.currency, one.postings) == (other.parcel, other.currency, other.postings)


def _transaction(row: dict[str, Any]) -> MoneyTransaction:
    row.pop("posted_at")
    return MoneyTransaction(
        **{**row, "postings": tuple(Posting.model_validate(posting) for posting in row["postings"])}
    )


async def read_balance(reader: Connection, order_id: str) -> Balance:
    """The order's money (minor units) and units now, and what is wrong with its parcels."""
    books = OrderBooks(
        entries=[_entry(**row) for row in await reader.fetch(_ENTRIES, order_id)],
        effects=[_standing(**row) for row in await reader.fetch(_EFFECTS, order_id)],
        shipped=frozenset(row["parcel"] for row in await reader.fetch(_SHIPPED, order_id)),
        units_held=await reader.fetchval(_UNITS, order_id),
        free=frozenset(row["parcel"] for row in await reader.fetch(_FREE, order_id)),
    )
    return books.balance()


def _entry(account: str, **rest: Any) -> Entry:
    return Entry(account=Account(account), **rest)


def _standing(status: str, **rest: Any) -> Standing:
    return Standing(status=EffectStatus(status), **rest)


class PostgresBooks:
    """Read-only questions of an audit."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def totals(self) -> dict[str, dict[Account, int]]:
        """Sum of each account per currency, in minor units."""
        found: dict[str, dict[Account, int]] = {}
        async with connection(self._pool) as reader:
            for row in await reader.fetch(_TOTALS):
                found.setdefault(row["currency"], {})[Account(row["account"])] = row["amount"]
        return found

    async def transactions(self, order_id: str) -> Sequence[MoneyTransaction]:
        """Every money transaction of an order, oldest first."""
        async with connection(self._pool) as reader:
            return [_transaction(dict(row)) for row in await reader.fetch(_READ, order_id, None)]

    async def unit_differences(self) -> Sequence[UnitDifference]:
        """Shelves whose stock differs from their movements or holds (I2); empty when the units add up."""
        async with connection(self._pool) as reader:
            return [UnitDifference(*row.values()) for row in await reader.fetch(_UNIT_AUDIT)]
