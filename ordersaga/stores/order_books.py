"""Both ledgers of one order, line by line, for people."""

from typing import Final

from ordersaga.domain.order_books import MoneyLine, OrderLines, UnitLine
from ordersaga.stores.pools import Pool, connection

_MONEY: Final = """
SELECT posted_at, transaction_id, parcel, memo, account, amount
FROM money_transactions JOIN money_postings USING (transaction_id)
WHERE order_id = $1 ORDER BY posted_at, posting_id
"""
_UNITS: Final = """
SELECT moved_at, coalesce(parcel, 0) AS parcel, kind, account_from, account_to, location, sku, quantity
FROM unit_movements WHERE order_id = $1 ORDER BY moved_at, movement_id
"""


class PostgresOrderBooks:
    """Reads the lines of one order."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def lines(self, order_id: str) -> OrderLines:
        """Every line, as of one moment; none for an order nobody knows."""
        async with connection(self._pool) as reader, reader.transaction(isolation="repeatable_read", readonly=True):
            return OrderLines(
                money=tuple(MoneyLine(**dict(row)) for row in await reader.fetch(_MONEY, order_id)),
                units=tuple(UnitLine(**dict(row)) for row in await reader.fetch(_UNITS, order_id)),
            )
