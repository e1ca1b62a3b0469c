"""Every ledger at one moment: one read-only snapshot for an audit."""

from typing import Final

from ordersaga.domain.books import Account
from ordersaga.domain.ledgers import (
    AccountBalance,
    CountedUnits,
    EffectEntry,
    Ledgers,
    OpenQuestion,
    OrderLedger,
    RestockedUnits,
    Shelf,
    ShippedUnits,
)
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.order_rows import load_parcels
from ordersaga.stores.pools import Connection, Pool, connection
from ordersaga.stores.vault import CLEAR, Vault

_ORDERS: Final = "SELECT order_id, status, outcome, reason, parcels FROM orders ORDER BY order_id"
_MONEY: Final = """
SELECT order_id, parcel, account, sum(amount)::bigint AS amount
FROM money_postings JOIN money_transactions USING (transaction_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_EFFECTS: Final = "SELECT key, order_id, step, parcel, status, external_id FROM effects ORDER BY key"
_SHIPPED: Final = """
SELECT order_id, parcel, location, sku, sum(quantity)::bigint AS quantity FROM unit_movements
WHERE account_to = 'shipped' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_RESTOCKED: Final = """
SELECT order_id, parcel, location, sku, sum(quantity)::bigint AS quantity FROM unit_movements
WHERE kind = 'restocked' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_COUNTED: Final = """
SELECT location, sku, sum(CASE WHEN account_to = 'available' THEN quantity ELSE -quantity END)::bigint AS quantity
FROM unit_movements WHERE kind = 'counted' GROUP BY 1, 2 ORDER BY 1, 2
"""
_SHELVES: Final = "SELECT location, sku, on_hand, held FROM stock ORDER BY 1, 2"
_QUESTIONS: Final = "SELECT item_id, order_id, kind FROM attention WHERE resolved IS NULL ORDER BY 1, 2"


class PostgresLedgers:
    """Reads what an audit needs."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    async def read(self) -> Ledgers:
        """Everything, as of one moment."""
        async with connection(self._pool) as reader, reader.transaction(isolation="repeatable_read", readonly=True):
            return Ledgers(
                orders=await self._orders(reader),
                money=await _money(reader),
                effects=tuple(EffectEntry(**dict(row)) for row in await reader.fetch(_EFFECTS)),
                shipped=tuple(ShippedUnits(**dict(row)) for row in await reader.fetch(_SHIPPED)),
                restocked=tuple(RestockedUnits(**dict(row)) for row in await reader.fetch(_RESTOCKED)),
                counted=tuple(CountedUnits(**dict(row)) for row in await reader.fetch(_COUNTED)),
                shelves=tuple(Shelf(**dict(row)) for row in await reader.fetch(_SHELVES)),
                questions=tuple(OpenQuestion(**dict(row)) for row in await reader.fetch(_QUESTIONS)),
            )

    async def _orders(self, reader: Connection) -> tuple[OrderLedger, ...]:
        return tuple(
            OrderLedger(
                order_id=row["order_id"],
                status=OrderStatus(row["status"]),
                outcome=row["outcome"],
                reason=row["reason"],
                parcels=load_parcels(row["parcels"]),
            )
            for row in await self._vault.opened(await reader.fetch(_ORDERS))
        )


async def _money(reader: Connection) -> tuple[AccountBalance, ...]:
    rows = await reader.fetch(_MONEY)
    return tuple(AccountBalance(row["order_id"], row["parcel"], Account(row["account"]), row["amount"]) for row in rows)
