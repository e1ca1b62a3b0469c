"""Accepting orders durably: hold, order and idempotency key in one commit, before any saga is started."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from ordersaga import meters
from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.starting import NEVER_STARTED, start_question
from ordersaga.privacy.key_ring import KeyErasedError
from ordersaga.privacy.sealing import Keys
from ordersaga.stores.acceptances import (
    Acceptance,
    Accepted,
    AcceptRequest,
    IdempotencyKey,
    KeyMismatch,
    Replay,
    SoldOut,
    Waiting,
    refused_id,
)
from ordersaga.stores.gathering import Gathering
from ordersaga.stores.holds import RELEASED, Shelves, Taking, end_holds, lock_shelves, take_holds
from ordersaga.stores.journal import ask_once
from ordersaga.stores.lane_health import LaneHealth
from ordersaga.stores.limits import lock_limits, read_rules, take_room
from ordersaga.stores.lines import Joining, join_lines
from ordersaga.stores.order_rows import Hidden, NewOrder, dump_order, insert_orders
from ordersaga.stores.places import write_reasons
from ordersaga.stores.pools import Connection, Pool, columns, connection, lock_orders, transaction
from ordersaga.stores.sold_out import EmptyShelves
from ordersaga.stores.stops import StopRules
from ordersaga.stores.taking_in import Desk, Ruling
from ordersaga.stores.vault import CLEAR, Vault

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
_HAND_KEYS_ON = """
UPDATE idempotency_keys AS kept SET request_hash = new.hash, order_id = new.order_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS new(api_key_id, key, hash, order_id)
WHERE kept.api_key_id = new.api_key_id AND kept.key = new.key
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
# Who stands in the queue of starts has not failed to confirm: its units stay its own, up to a bound.
_PROLONG = """
UPDATE holds SET expires_at = least(now() + $2::interval, held_at + $3::interval) FROM orders
WHERE holds.order_id = ANY($1::text[]) AND orders.order_id = holds.order_id
  AND holds.status = 'held' AND holds.expires_at <= now() AND held_at + $3::interval > now()
  AND orders.started_at IS NULL AND orders.status = 'pending'
RETURNING holds.order_id
"""
_STILL_EXPIRED = """
SELECT DISTINCT order_id, orders.status = 'pending' AS queued FROM holds JOIN orders USING (order_id)
WHERE order_id = ANY($1::text[]) AND holds.status = 'held' AND holds.expires_at <= now() AND orders.started_at IS NULL
"""
_GIVEN_UP: Final = (
    "The order is accepted, and nobody could start its saga for so long that its units were given back to the shelf. "
    "It takes them anew when its saga starts, or is sold out then: see to it that relays run and reach Temporal."
)
_OURS: Final = {"placed_at": None, "exchange_of": None}
_Name = tuple[str, str]
_Judged = tuple[int, AcceptRequest, Ruling]
_LOCK_WAIT: Final = timedelta(seconds=2)
"""So long a batch of several sellers' orders waits for a lock: far longer than other batches keep one."""


@dataclass(frozen=True)
class Swept:
    """Orders whose holds had expired, by id: `released`, or `prolonged` because they wait for a starter."""

    released: list[str]
    prolonged: list[str]


class PostgresIntake:
    """Takes orders in."""

    def __init__(
        self,
        pool: Pool,
        empty_shelves: EmptyShelves | None = None,
        stops: StopRules | None = None,
        health: LaneHealth | None = None,
        vault: Vault = CLEAR,
    ) -> None:
        self._pool = pool
        self._vault = vault
        self._health = health or LaneHealth()
        self._stops = stops or StopRules(pool)
        self._empty_shelves = empty_shelves or EmptyShelves()
        self._gathering: Gathering[AcceptRequest, Acceptance] = Gathering(
            partial(self.accept_many, lock_wait=_LOCK_WAIT), lane=_seller, patient=self.accept_many
        )
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

    async def accept_many(
        self, requests: Sequence[AcceptRequest], *, lock_wait: timedelta | None = None
    ) -> list[Acceptance]:
        """Accept a batch in one commit, each order all-or-nothing and answered separately, first come first served.

        Within a batch, the second request with an order id or key sees what became of the first. When nobody knows
        whether the batch was committed it is handed in once more: an order that was is found then, a `Replay`.

        Raises RetryError: nothing is stored, or, with `unknown`, nobody knows; LockedError when a lock was not had
        within `lock_wait`, by default as long as the pool says.
        """
        try:
            return await self._accept_batch(requests, lock_wait)
        except KeyErasedError as error:
            return await refused_id(error.subject, requests, partial(self.accept_many, lock_wait=lock_wait))
        except RetryError as error:
            if not error.unknown:
                raise
        try:
            return await self._accept_batch(requests, None)
        except RetryError as error:
            raise RetryError(error.code, error.message, unknown=True, retry_after=error.retry_after) from error

    async def _accept_batch(self, requests: Sequence[AcceptRequest], lock_wait: timedelta | None) -> list[Acceptance]:
        look = self._empty_shelves.look()
        with meters.committing(len(requests)):
            async with transaction(self._pool, lock_wait=lock_wait) as work:
                batch = _Batch(work, requests, self._stops, self._health, self._vault)
                answers = await batch.run()
        self._vault.remember(batch.keys)
        self._empty_shelves.mark(look, batch.emptied)
        return answers

    def expected_wait(self, seller: str) -> float:
        """Seconds until an order of the seller would be taken up, were it handed in now."""
        return self._gathering.expected_wait(seller)

    async def claim_key(self, claim: IdempotencyKey, order_id: str) -> bool:
        """Tie a key to a request about an accepted order; False when it stands for another request already."""
        async with transaction(self._pool, scoped=False) as work:
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

    async def expire_holds(self, *, prolong: timedelta, longest: timedelta, limit: int = 200) -> Swept:
        """Release holds that expired before any saga was started for them, of at most `limit` orders.

        A hold whose saga runs is left alone: the saga confirms it, or gives it back. That of an order in the queue of
        starts lives on by `prolong` (above zero), but no longer than `longest` since its units were taken: then they
        are given back as well, and a person is asked.
        """
        async with transaction(self._pool) as work:
            candidates = [row["order_id"] for row in await work.fetch(_EXPIRED, limit)]
            await lock_orders(work, candidates)
            kept = {row["order_id"] for row in await work.fetch(_PROLONG, candidates, prolong, longest)}
            expired = await work.fetch(_STILL_EXPIRED, candidates)
            released = sorted(row["order_id"] for row in expired)
            await end_holds(work, released, None, RELEASED, live=["held"])
            for order_id in sorted(row["order_id"] for row in expired if row["queued"]):
                await ask_once(work, start_question(order_id, NEVER_STARTED, _GIVEN_UP))
            return Swept(released, sorted(kept))


class _Batch:
    """One transaction's worth of requests; `answers` fills up as requests are settled, by their place."""

    def __init__(
        self,
        work: Connection,
        requests: Sequence[AcceptRequest],
        stops: StopRules,
        health: LaneHealth,
        vault: Vault,
    ) -> None:
        self._work = work
        self._stops, self._health, self._vault = stops, health, vault
        self._requests = requests
        self._answers: dict[int, Acceptance] = {}
        self._claimed: dict[_Name, tuple[str, str]] = {}
        self._taken = _Taken()
        self.keys: Keys = {}
        """Of the orders that are new."""
        self.emptied: set[str] = set()
        """SKUs of which nothing is left now, on any shelf."""

    async def run(self) -> list[Acceptance]:
        await self._claim_keys()
        await self._accept_new()
        await self._settle_keys()
        return [self._answers[place] for place in range(len(self._requests))]

    def _open(self) -> list[tuple[int, AcceptRequest]]:
        return [(place, request) for place, request in enumerate(self._requests) if place not in self._answers]

    async def _claim_keys(self) -> None:
        """Claim every new key for the first who has it; requests whose key stands already are answered from it."""
        keyed = [(place, request.order, request.idempotency) for place, request in self._open() if request.idempotency]
        if not keyed:
            return
        first: dict[_Name, tuple[str, str]] = {}
        for _, order, key in keyed:
            first.setdefault(_name(key), (key.request_hash, order.order_id))
        rows = [(*name, *claim) for name, claim in first.items()]
        claimed = {tuple(row) for row in await self._work.fetch(_CLAIM_KEYS, *columns(rows, 4))}
        standing = {tuple(row)[:2]: row for row in await self._work.fetch(_READ_KEYS, *columns(first, 2))}
        self._claimed = {name: claim for name, claim in first.items() if name in claimed}
        for place, order, key in keyed:
            if _name(key) not in claimed:
                self._answers[place] = _from_key(key, standing[_name(key)], order)

    async def _accept_new(self) -> None:
        """Route what is new in its order of arrival over the locked shelves, and write it all.

        The order locks make sure that nobody takes an id meanwhile.
        """
        asked = self._open()
        order_ids = [request.order.order_id for _, request in asked]
        await lock_orders(self._work, order_ids)
        rows = await self._vault.opened(await self._work.fetch(_STANDING, order_ids))
        standing = {row["order_id"]: row["request"] for row in rows}
        self._taken = _Taken(standing)
        orders = [request.order for _, request in asked if request.order.order_id not in standing]
        desk, shelves = await self._desk(orders) if orders else (None, None)
        await self._write(list(self._judged(asked, desk)))
        self.emptied = shelves.empty(orders) if shelves else set()

    async def _desk(self, orders: Sequence[Order]) -> tuple[Desk, Shelves]:
        today = datetime.now(UTC).date()
        shelves = await lock_shelves(self._work, orders, await self._health.now(self._work))
        rules = await read_rules(self._work, orders)
        limits = await lock_limits(self._work, rules, orders, today, await self._vault.marks(orders))
        return Desk(shelves, rules, limits, today, await self._stops.standing(self._work)), shelves

    def _judged(self, asked: Sequence[tuple[int, AcceptRequest]], desk: Desk | None) -> Iterator[_Judged]:
        """Judge each request, but those that repeat, or contradict, one that stands, also one just before them."""
        for place, request in asked:
            before = self._taken.answer(request)
            if before is not None:
                self._answers[place] = before
                stands = isinstance(before, Replay) and before.order_id == request.order.order_id
            else:
                assert desk is not None, "what does not repeat has a desk"
                ruling = desk.take(request)
                yield place, request, ruling
                stands = ruling.row is not None
            if stands:
                self._taken.note(request)

    async def _write(self, rulings: Sequence[_Judged]) -> None:
        if not rulings:
            return
        await self._insert([ruling.row for _, _, ruling in rulings if ruling.row])
        await write_reasons(self._work, [(one.answer.order_id, one.why) for _, _, one in rulings if one.why])
        await self._take([(ruling.answer, request) for _, request, ruling in rulings])
        await take_room(self._work, [ruling.promise for _, _, ruling in rulings if ruling.promise])
        places = await join_lines(self._work, [_joining(ruling) for _, _, ruling in rulings if ruling.lines])
        self._answers |= {place: _placed(ruling.answer, places) for place, _, ruling in rulings}

    async def _insert(self, rows: Sequence[NewOrder]) -> None:
        orders = [row[0] for row in rows]
        self.keys = await self._vault.new_keys(self._work, [order.order_id for order in orders])
        hidden = Hidden(self.keys, await self._vault.marks(orders))
        await insert_orders(self._work, rows, started=False, hidden=hidden)

    async def _settle_keys(self) -> None:
        """A new key goes to the request that stands; one that leaves nothing behind does not leave its key either."""
        kept = self._taken.keys
        dropped = [name for name in self._claimed if name not in kept]
        if dropped:
            await self._work.execute(_DROP_KEYS, *columns(dropped, 2))
        handed_on = [(*name, *kept[name]) for name, claim in self._claimed.items() if kept.get(name, claim) != claim]
        if handed_on:
            await self._work.execute(_HAND_KEYS_ON, *columns(handed_on, 4))

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


class _Taken:
    """Order ids under which a request stands, and the new keys of such requests."""

    def __init__(self, orders: Mapping[str, dict[str, Any]] | None = None) -> None:
        self._orders = dict(orders or {})
        self.keys: dict[_Name, tuple[str, str]] = {}

    def note(self, request: AcceptRequest) -> None:
        """Something stands under its id and its key now; the first who had them stays."""
        if request.order.order_id not in self._orders:
            self._orders[request.order.order_id] = dump_order(request.order)[0]
        if key := request.idempotency:
            self.keys.setdefault(_name(key), (key.request_hash, request.order.order_id))

    def answer(self, request: AcceptRequest) -> Acceptance | None:
        """What a request is told whose key or order id stands for one already; None: it is new."""
        order, key = request.order, request.idempotency
        if key is not None and (standing := self.keys.get(_name(key))) is not None:
            same = standing[0] == key.request_hash
            return Replay(standing[1]) if same else KeyMismatch(order.order_id, "idempotency_key")
        found = self._orders.get(order.order_id)
        return _from_order(order.order_id, found, dump_order(order)[0]) if found is not None else None


def _name(key: IdempotencyKey) -> tuple[str, str]:
    return key.api_key_id, key.key


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
    """The same order again is a repeat; what is ours to say of it, not the caller's, may differ."""
    same = {**found, **_OURS} == {**asked, **_OURS}
    return Replay(order_id) if same else KeyMismatch(order_id, "order_id")
