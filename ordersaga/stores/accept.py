"""Accepting orders durably: hold, order and idempotency key in one commit, before any saga is started."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from ordersaga.domain.orders import Order
from ordersaga.stores.acceptances import (
    Acceptance,
    Accepted,
    AcceptRequest,
    IdempotencyKey,
    KeyMismatch,
    Replay,
    SoldOut,
    Unstored,
    Waiting,
)
from ordersaga.stores.gathering import Gathering
from ordersaga.stores.holds import RELEASED, Taking, end_holds, lock_shelves, take_holds
from ordersaga.stores.limits import lock_limits, read_rules, take_room
from ordersaga.stores.lines import Joining, join_lines
from ordersaga.stores.order_rows import dump_order, insert_orders
from ordersaga.stores.pools import Connection, Pool, columns, connection, lock_orders, transaction
from ordersaga.stores.sold_out import EmptyShelves
from ordersaga.stores.taking_in import Desk, Ruling

__all__ = ["AcceptRequest", "Accepted", "IdempotencyKey", "KeyMismatch", "PostgresIntake", "Replay", "SoldOut"]

# Sorted, so that two batches that share keys cannot wait for each other in a circle. A key that another transaction
# is writing at this moment is waited for.
_CLAIM_KEYS = """
INSERT INTO idempotency_keys (api_key_id, key, request_hash, order_id)
SELECT row.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS row(api_key_id, key, hash, order_id)
ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING api_key_id, key
"""
_READ_KEYS = """
SELECT api_key_id, key, request_hash, order_id, status, body FROM idempotency_keys
WHERE (api_key_id, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
_DROP_KEYS = """
DELETE FROM idempotency_keys WHERE (api_key_id, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
_STANDING = "SELECT order_id, request FROM orders WHERE order_id = ANY($1::text[])"
_SAVE_ANSWERS = """
UPDATE idempotency_keys AS kept SET status = new.status, body = new.body
FROM unnest($1::text[], $2::text[], $3::int[], $4::json[]) AS new(api_key_id, key, status, body)
WHERE kept.api_key_id = new.api_key_id AND kept.key = new.key AND kept.status IS NULL
"""
_FORGET_KEYS = """
DELETE FROM idempotency_keys WHERE ctid IN (
    SELECT ctid FROM idempotency_keys WHERE created_at <= now() - $1::interval ORDER BY created_at LIMIT $2)
RETURNING 1
"""
_EXPIRED = """
SELECT DISTINCT order_id FROM holds JOIN orders USING (order_id)
WHERE holds.status = 'held' AND holds.expires_at <= now() AND orders.started_at IS NULL LIMIT $1
"""
_STILL_EXPIRED = """
SELECT DISTINCT order_id FROM holds JOIN orders USING (order_id)
WHERE order_id = ANY($1::text[]) AND holds.status = 'held' AND holds.expires_at <= now() AND orders.started_at IS NULL
"""
_UNSTORED: Final = get_args(Unstored)


class PostgresIntake:
    """Takes orders in."""

    def __init__(self, pool: Pool, empty_shelves: EmptyShelves | None = None) -> None:
        self._pool = pool
        self._empty_shelves = empty_shelves or EmptyShelves()
        self._gathering: Gathering[AcceptRequest, Acceptance] = Gathering(self.accept_many, lane=_seller)
        self._answers: Gathering[tuple[str, str, int, Any], None] = Gathering(self._save_answers, at_once=1)

    async def accept(
        self,
        order: Order,
        *,
        hold_ttl: timedelta,
        idempotency: IdempotencyKey | None = None,
        wait_until: datetime | None = None,
    ) -> Acceptance:
        """Hold the stock and store the order in one commit, together with orders that arrive at the same time.

        With `wait_until` an order that cannot be had now waits, where that is allowed.
        """
        return await self._gathering.submit(AcceptRequest(order, hold_ttl, idempotency, wait_until))

    async def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Acceptance]:
        """Accept a batch in one commit, each order all-or-nothing and answered separately, first come first served.

        Within a batch, the second request with an order id or key sees what became of the first.
        """
        look = self._empty_shelves.look()
        async with transaction(self._pool) as work:
            batch = _Batch(work, requests)
            answers = await batch.run()
        self._empty_shelves.mark(look, batch.emptied)
        return answers

    def expected_wait(self, seller: str) -> float:
        """Seconds until an order of the seller would be taken up, were it handed in now."""
        return self._gathering.expected_wait(seller)

    async def claim_key(self, claim: IdempotencyKey, order_id: str) -> bool:
        """Tie a key to a request about an accepted order; False when it stands for another request already."""
        async with transaction(self._pool) as work:
            row = [claim.api_key_id], [claim.key], [claim.request_hash], [order_id]
            if await work.fetch(_CLAIM_KEYS, *row):
                return True
            standing = await work.fetchrow(_READ_KEYS, [claim.api_key_id], [claim.key])
            return standing is not None and standing["request_hash"] == claim.request_hash

    async def save_answer(self, api_key_id: str, key: str, *, status: int, body: Any) -> None:
        """Keep the final HTTP answer under the idempotency key; the first one saved stays."""
        await self._answers.submit((api_key_id, key, status, body))

    async def _save_answers(self, answers: Sequence[tuple[str, str, int, Any]]) -> list[None]:
        first = {(api_key_id, key): (status, body) for api_key_id, key, status, body in reversed(answers)}
        rows = [(*name, *answer) for name, answer in sorted(first.items(), key=lambda item: item[0])]
        async with connection(self._pool) as work:
            await work.execute(_SAVE_ANSWERS, *columns(rows, 4))
        return [None] * len(answers)

    async def forget_keys(self, *, older_than: timedelta, limit: int = 1000) -> int:
        """Delete idempotency keys (with their answers) of that age, at most `limit`; returns how many."""
        async with connection(self._pool) as work:
            return len(await work.fetch(_FORGET_KEYS, older_than, limit))

    async def expire_holds(self, *, limit: int = 200) -> list[str]:
        """Release holds that expired before any saga was started for them; returns the ids of their orders.

        A hold whose saga runs is left alone: the saga confirms it, or gives it back.
        """
        async with transaction(self._pool) as work:
            candidates = [row["order_id"] for row in await work.fetch(_EXPIRED, limit)]
            await lock_orders(work, candidates)
            expired = [row["order_id"] for row in await work.fetch(_STILL_EXPIRED, candidates)]
            await end_holds(work, expired, None, RELEASED, live=["held"])
            return sorted(expired)


class _Batch:
    """One transaction's worth of requests; `answers` fills up as requests are settled, by their place."""

    def __init__(self, work: Connection, requests: Sequence[AcceptRequest]) -> None:
        self._work = work
        self._requests = requests
        self._answers: dict[int, Acceptance] = {}
        self.emptied: set[str] = set()
        """SKUs of which nothing is left now, on any shelf."""

    async def run(self) -> list[Acceptance]:
        await self._claim_keys()
        await self._find_standing()
        await self._accept_new()
        await self._drop_keys()
        return [self._answers[place] for place in range(len(self._requests))]

    def _open(self) -> list[tuple[int, AcceptRequest]]:
        return [(place, request) for place, request in enumerate(self._requests) if place not in self._answers]

    async def _claim_keys(self) -> None:
        """Claim every new key; requests whose key stands already (or earlier in the batch) are answered from it."""
        keyed = [(place, request.order, request.idempotency) for place, request in self._open() if request.idempotency]
        if not keyed:
            return
        first: dict[tuple[str, str], int] = {}
        for place, _, key in keyed:
            first.setdefault((key.api_key_id, key.key), place)
        rows = [
            (key.api_key_id, key.key, key.request_hash, order.order_id)
            for place, order, key in keyed
            if first[key.api_key_id, key.key] == place
        ]
        claimed = {tuple(row) for row in await self._work.fetch(_CLAIM_KEYS, *columns(rows, 4))}
        standing = {
            (row["api_key_id"], row["key"]): row for row in await self._work.fetch(_READ_KEYS, *columns(first, 2))
        }
        for place, order, key in keyed:
            name = (key.api_key_id, key.key)
            if name not in claimed or first[name] != place:
                self._answers[place] = _from_key(key, standing[name], order)

    async def _find_standing(self) -> None:
        """Answer requests whose order id is taken. The order locks make sure that nobody takes one meanwhile."""
        order_ids = [request.order.order_id for _, request in self._open()]
        await lock_orders(self._work, order_ids)
        standing = {row["order_id"]: row["request"] for row in await self._work.fetch(_STANDING, order_ids)}
        first: dict[str, Order] = {}
        for place, request in self._open():
            order = request.order
            if order.order_id in standing or first.setdefault(order.order_id, order) is not order:
                found = standing.get(order.order_id) or dump_order(first[order.order_id])[0]
                self._answers[place] = _from_order(order.order_id, found, dump_order(order)[0])

    async def _drop_keys(self) -> None:
        """A request that is refused and not stored leaves nothing behind, not even its key."""
        keys = [
            (request.idempotency.api_key_id, request.idempotency.key)
            for place, request in enumerate(self._requests)
            if request.idempotency and _leaves_nothing(self._answers[place])
        ]
        if keys:
            await self._work.execute(_DROP_KEYS, *columns(keys, 2))

    async def _accept_new(self) -> None:
        """Route what is left in its order of arrival over the locked shelves, and write it all."""
        new = self._open()
        if not new:
            return
        orders = [request.order for _, request in new]
        today = datetime.now(UTC).date()
        shelves = await lock_shelves(self._work, orders)
        rules = await read_rules(self._work, orders)
        limits = await lock_limits(self._work, rules, orders, today)
        desk = Desk(shelves, rules, limits, today)
        await self._write([(place, request, desk.take(request)) for place, request in new])
        self.emptied = shelves.empty(orders)

    async def _write(self, rulings: Sequence[tuple[int, AcceptRequest, Ruling]]) -> None:
        await insert_orders(self._work, [ruling.row for _, _, ruling in rulings if ruling.row], started=False)
        await self._take([(ruling.answer, request) for _, request, ruling in rulings])
        await take_room(self._work, [ruling.promise for _, _, ruling in rulings if ruling.promise])
        places = await join_lines(self._work, [_joining(ruling) for _, _, ruling in rulings if ruling.lines])
        self._answers |= {place: _placed(ruling.answer, places) for place, _, ruling in rulings}
        self._answer_repeats({ruling.answer.order_id: ruling.answer for _, _, ruling in rulings if not ruling.row})

    def _answer_repeats(self, unstored: dict[str, Acceptance]) -> None:
        """Who repeats a request of this batch of which nothing is stored is told the same."""
        for place, answer in self._answers.items():
            if isinstance(answer, Replay) and answer.order_id in unstored:
                self._answers[place] = unstored[answer.order_id]

    async def _take(self, answers: Sequence[tuple[Acceptance, AcceptRequest]]) -> None:
        now = datetime.now(UTC)
        takings = [
            (Taking(answer.order_id, 1, answer.parcels), request.hold_ttl)
            for answer, request in answers
            if isinstance(answer, Accepted)
        ]
        for ttl in sorted({ttl for _, ttl in takings}):
            same = [taking for taking, its_ttl in takings if its_ttl == ttl]
            await take_holds(self._work, same, status="held", expires_at=now + ttl)


def _leaves_nothing(answer: Acceptance) -> bool:
    return isinstance(answer, _UNSTORED) or (isinstance(answer, KeyMismatch) and answer.field == "order_id")


def _joining(ruling: Ruling) -> Joining:
    waits = ruling.answer
    assert isinstance(waits, Waiting), "nobody else stands in a line"
    return Joining(waits.order_id, ruling.lines, waits.until, f"waits for {', '.join(waits.lacking)}")


def _placed(answer: Acceptance, places: dict[str, int]) -> Acceptance:
    return replace(answer, place=places[answer.order_id]) if isinstance(answer, Waiting) else answer


def _seller(request: AcceptRequest) -> str:
    return request.order.seller


def _from_key(key: IdempotencyKey, standing: Any, order: Order) -> Acceptance:
    if standing["request_hash"] != key.request_hash:
        return KeyMismatch(order.order_id, "idempotency_key")
    return Replay(standing["order_id"], standing["status"], standing["body"])


def _from_order(order_id: str, found: dict[str, Any], asked: dict[str, Any]) -> Acceptance:
    """The same order again is a repeat; the moment it was placed is ours, not the caller's, and may differ."""
    same = {**found, "placed_at": None} == {**asked, "placed_at": None}
    return Replay(order_id) if same else KeyMismatch(order_id, "order_id")
