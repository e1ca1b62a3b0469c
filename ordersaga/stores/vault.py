"""Rows with personal data: sealed with the order's key when they are written, opened when they are read.

Where nothing is encrypted everything stays as it is. An order that was accepted before has no key, and stays so.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from ordersaga.domain.orders import Order
from ordersaga.privacy.key_ring import DataKey, KeyErasedError, KeyRing
from ordersaga.privacy.master_keys import MasterKeys
from ordersaga.privacy.sealing import Keys, opened, seal_all, seal_text, subjects_in
from ordersaga.stores.order_keys import OrderKeys, keep_keys
from ordersaga.stores.pools import Connection, Pool

INDEX: Final = "@index"
"""Whose key makes marks of buyers: the same buyer has the same mark for good."""

Row = Mapping[str, Any] | asyncpg.Record


class Vault:
    """Seals and opens with the keys of a ring; without one it leaves everything as it is."""

    def __init__(self, ring: KeyRing | None = None) -> None:
        self._ring = ring

    def remember(self, keys: Keys) -> None:
        """These keys are stored: whoever needs one next need not read it."""
        if self._ring is not None:
            for key in keys.values():
                self._ring.remember(key)

    def forget(self, order_id: str) -> None:
        """Remember the order's key no more."""
        if self._ring is not None:
            self._ring.forget(order_id)

    async def new_keys(self, work: Connection, order_ids: Sequence[str]) -> Keys:
        """Keys for orders that are written in this transaction, stored with them and copied before.

        Raises KeyErasedError: an order of that id was erased, and a restored database has forgotten it.
        """
        if self._ring is None or not order_ids:
            return {}
        made = await self._ring.made(order_ids)
        fresh = await keep_keys(work, [wrapped for _, wrapped in made])
        standing = await self._ring.find(set(order_ids) - fresh)
        keys = {**standing, **{key.subject: key for key, _ in made if key.subject in fresh}}
        for order_id in order_ids:
            if order_id not in keys:
                raise KeyErasedError(order_id)
        return keys

    async def own(self, order_id: str) -> Keys:
        """The key of an order that may have no row yet; the first who asks makes it. Raises KeyErasedError."""
        return {order_id: await self._ring.of(order_id)} if self._ring is not None else {}

    async def keys(self, order_ids: Iterable[str]) -> Keys:
        """The keys of those of these orders that have one."""
        return await self._ring.find(order_ids) if self._ring is not None else {}

    async def key(self, order_id: str) -> DataKey | None:
        """The order's key, if it has one."""
        return (await self.keys([order_id])).get(order_id)

    async def text(self, order_id: str, text: str | None) -> str | None:
        """A text about an order, sealed."""
        return seal_text(await self.key(order_id), text) if text else text

    async def body(self, order_id: str | None, body: Any) -> Any:
        """What a company sent about an order, or about one that nobody knows yet, sealed."""
        if self._ring is None:
            return body
        key = (await self.key(order_id) if order_id else None) or await self._ring.everybodys()
        return seal_all(key, body)

    async def mark(self, buyer: str) -> str:
        """By what orders of a buyer are found: no mark tells who the buyer is. Without keys, the buyer."""
        if self._ring is None:
            return buyer
        key = (await self._ring.of(INDEX)).key
        return f"b_{hmac.new(key, buyer.encode(), hashlib.sha256).hexdigest()[:40]}"

    async def marks(self, orders: Iterable[Order]) -> Mapping[str, str]:
        """The marks of the orders' buyers, by buyer; empty where nothing is encrypted."""
        if self._ring is None:
            return {}
        return {buyer: await self.mark(buyer) for buyer in {order.buyer for order in orders} if buyer}

    async def opened(self, rows: Sequence[asyncpg.Record], *also: str) -> Sequence[Row]:
        """The rows with everything opened that was sealed for the order whose row it is (`order_id`), or for `also`.

        It is erased where there is no key any more.
        """
        if self._ring is None:
            return rows
        values = [dict(row) for row in rows]
        subjects = set(subjects_in(values))
        keys = await self._ring.find(subjects) if subjects else {}
        return [opened(row, keys, {*also, row.get("order_id")}) for row in values] if subjects else rows

    async def opened_one(self, row: asyncpg.Record | None, *also: str) -> Row | None:
        """A row, if there is one, opened as `opened` does."""
        return None if row is None else (await self.opened([row], *also))[0]


def vault_of(pool: Pool, masters: MasterKeys | None) -> Vault:
    """The vault of a database, for whoever looks once and does not listen."""
    return Vault(KeyRing(OrderKeys(pool), masters) if masters is not None else None)


CLEAR: Final = Vault()
"""Where nothing is encrypted."""
