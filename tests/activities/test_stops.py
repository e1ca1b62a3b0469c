"""Carrying out a stop on a real database, before sagas that are scripted: each order once, whatever goes wrong."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from activities import stops as module
from activities.stops import Behind, StopHeld, StopPage, StopPaged, Stopping
from ordersaga.domain.errors import RetryError
from ordersaga.domain.journal import JournalUpdate, OrderRecord
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.domain.stop_decisions import Decision, SeenOrder, SeenParcel
from ordersaga.domain.stops import NewStop, StopMatch, StopPolicy, StopRule, Told, Treatment
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stops import PostgresStops
from ordersaga.stores.waitlist import PostgresWaitlist
from tests.fakes.samples import EAST, catalog, order
from tests.support.database import database_server, database_url, pool
from tests.support.starting import unreadable

__all__ = ["database_server", "database_url", "pool"]

TTL = timedelta(minutes=30)
POLICY = StopPolicy(at_provider=Treatment.CANCEL)


class FakeSagas:
    """Every order is confirmed and not handed off, unless `seen` says otherwise; `holds` and `errors` come next.

    `meanwhile` happens once, while the first order is held.
    """

    def __init__(self) -> None:
        self.seen: dict[str, deque[SeenOrder]] = {}
        self.holds: deque[Told] = deque()
        self.errors: deque[Exception] = deque()
        self.said: list[tuple[str, str]] = []
        self.turn = asyncio.Lock()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.under_way = self.most = 0

    async def look(self, record: OrderRecord) -> SeenOrder | None:
        script = self.seen.get(record.order.order_id)
        if script:
            return script.popleft() if len(script) > 1 else script[0]
        return seen(record, ParcelStatus.PLANNED, OrderStatus.CONFIRMED)

    async def hold(self, record: OrderRecord, kind: str, by: str, reason: str) -> Told:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        async with self.turn:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                await meanwhile()
        await asyncio.sleep(0.005)
        self.under_way -= 1
        self.said.append(("hold", record.order.order_id))
        if self.errors:
            raise self.errors.popleft()
        return self.holds.popleft() if self.holds else Told(answer="held")

    async def release(self, order_id: str, kind: str, by: str, reason: str) -> Told:
        self.said.append(("release", order_id))
        if self.errors:
            raise self.errors.popleft()
        return Told(answer="released")

    async def cancel(self, record: OrderRecord, wanted: Decision, request_id: str, by: str, reason: str) -> Told:
        self.said.append(("cancel", record.order.order_id))
        return Told(answer="pending", detail=reason)


def seen(record: OrderRecord, status: ParcelStatus, of_order: OrderStatus = OrderStatus.FULFILLING) -> SeenOrder:
    """The order's parcel stands there."""
    parcels = tuple(SeenParcel(plan=plan, status=status) for plan in record.parcels)
    return SeenOrder(status=of_order, confirmed=True, parcels=parcels)


class Bench:
    """A stop of the state of New York in force, and so many orders."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.sagas = FakeSagas()
        self.store = PostgresStops(pool)
        self.stopping = Stopping(self.store, self.sagas, PostgresWaitlist(pool, TTL))

    async def orders(self, count: int) -> list[str]:
        """Accepted before."""
        intake = PostgresIntake(self.pool)
        names = [f"o{number:03}" for number in range(count)]
        for name in names:
            await intake.accept(order(name), hold_ttl=TTL)
        return names

    async def stop(self, *, policy: StopPolicy = POLICY, dry_run: bool = False) -> None:
        """In force."""
        match = StopMatch(region="US-NY")
        rule = StopRule(stop_id="s1", match=match, policy=policy, effective_at=datetime.now(UTC))
        await self.store.create(NewStop(rule=rule, reason="closed", asked_by="ann", dry_run=dry_run))

    async def look(self) -> list[StopPaged]:
        """All pages of one look."""
        pages, behind = [], Behind()
        while True:
            pages.append(await self.stopping.treat_page(StopPage(stop_id="s1", behind=behind)))
            if pages[-1].behind is None:
                return pages
            behind = pages[-1].behind

    async def answers(self) -> dict[str, str]:
        """What became of each order."""
        return {each.order_id: each.answer for each in await self.store.results("s1")}

    async def record(self, order_id: str) -> OrderRecord:
        """An order."""
        found = await PostgresJournal(self.pool).get(order_id)
        assert found is not None
        return found


@pytest.fixture
async def bench(pool: Pool) -> Bench:
    """A hundred MUG."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 100)))
    return Bench(pool)


async def test_pages_treat_each_order_once_and_few_at_a_time(bench: Bench) -> None:
    """A page that is repeated, and the next look, ask nobody again."""
    names = await bench.orders(2 * module.PAGE + 3)
    await bench.stop()
    pages = await bench.look()
    assert [page.treated for page in pages] == [module.PAGE, module.PAGE, 3]
    assert sorted(bench.sagas.said) == [("hold", name) for name in names]
    assert bench.sagas.most <= module.AT_ONCE
    assert [page.treated for page in await bench.look()] == [0]
    assert len(bench.sagas.said) == len(names)


async def test_a_stop_undone_meanwhile_touches_no_further_order(bench: Bench) -> None:
    """Those whose turn had come are held, which its end releases; of the rest of the page nobody is asked."""
    await bench.orders(module.PAGE)
    await bench.stop()
    bench.sagas.meanwhile = lambda: bench.store.lift("s1", by="ann", reason="a mistake")
    page = await bench.stopping.treat_page(StopPage(stop_id="s1"))
    assert page.standing.lifted
    assert 1 <= page.treated == len(bench.sagas.said) <= module.AT_ONCE
    held = {order_id for _, order_id in bench.sagas.said}
    released = await bench.stopping.release_page(StopHeld(stop_id="s1"))
    assert (released.released, released.failed) == (len(held), 0)
    assert {order_id for what, order_id in bench.sagas.said if what == "release"} == held


async def test_an_order_nobody_can_read_stops_no_stop_and_is_asked_about(bench: Bench) -> None:
    """The others are treated; it is told as not treated at every look, and a person is asked in the end."""
    await bench.orders(module.PAGE + 2)
    await unreadable(bench.pool, f"o{module.PAGE - 1:03}")  # the last of its page: the next page begins behind it
    await bench.stop()
    assert [(page.treated, page.failed) for page in await bench.look()] == [(module.PAGE, 1), (2, 0)]
    answers = await bench.answers()
    assert answers.pop(f"o{module.PAGE - 1:03}") == "could_not"
    assert set(answers.values()) == {"held"}
    for _ in range(module.TRIES_BEFORE_ASKING - 1):
        assert [(page.treated, page.failed) for page in await bench.look()] == [(1, 1)]
    (asked,) = await PostgresJournal(bench.pool).open_attention()
    assert asked.kind == "stop_failed"
    assert "later" in asked.question


async def test_a_dry_run_says_nothing_to_anybody(bench: Bench) -> None:
    """And counts what would be done."""
    await bench.orders(3)
    await bench.stop(dry_run=True)
    assert [page.treated for page in await bench.look()] == [3]
    assert bench.sagas.said == []
    found = await bench.store.get("s1")
    assert found is not None
    assert [(each.stage, each.treatment, each.answer, each.orders) for each in found.counts] == [
        ("confirmed", "hold", "foreseen", 3)
    ]


async def test_a_hold_that_comes_too_late_is_decided_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is at its provider by then, and that stage says cancel."""
    monkeypatch.setattr(module, "PAUSE", 0.0)
    (name,) = await bench.orders(1)
    record = await bench.record(name)
    moving = [
        seen(record, ParcelStatus.PLANNED, OrderStatus.CONFIRMED),
        seen(record, ParcelStatus.PLANNED, OrderStatus.FULFILLING),
    ]
    bench.sagas.seen[name] = deque(moving)
    bench.sagas.holds.append(Told(answer="too_late", detail="the hand-off has begun"))
    await bench.stop()
    await bench.look()
    assert bench.sagas.said == [("hold", name), ("cancel", name)]
    assert await bench.answers() == {name: "pending"}


async def test_what_cannot_be_held_any_more_is_told_as_too_late(bench: Bench) -> None:
    """Where the policy says hold of a stage at which nothing can be held."""
    (name,) = await bench.orders(1)
    bench.sagas.seen[name] = deque([seen(await bench.record(name), ParcelStatus.PICKED)])
    await bench.stop(policy=StopPolicy(picked=Treatment.HOLD))
    await bench.look()
    assert (bench.sagas.said, await bench.answers()) == ([], {name: "too_late"})


async def test_what_came_too_late_to_be_held_is_looked_at_again_when_it_has_changed(bench: Bench) -> None:
    """A later stage has a treatment of its own; an order that stays as it is costs nobody a question."""
    (name,) = await bench.orders(1)
    record = await bench.record(name)
    bench.sagas.seen[name] = deque([seen(record, ParcelStatus.PICKED)])
    await bench.stop(policy=StopPolicy(picked=Treatment.HOLD, in_transit=Treatment.CANCEL))
    await bench.look()
    await bench.pool.execute("UPDATE orders SET updated_at = now() - interval '2 minutes'")
    assert [page.treated for page in await bench.look()] == [0]
    bench.sagas.seen[name] = deque([seen(record, ParcelStatus.IN_TRANSIT)])
    assert [page.treated for page in await bench.look()] == [0]
    changed = JournalUpdate(order_id=name, status=OrderStatus.SHIPPED)
    await PostgresJournal(bench.pool).record(changed)
    assert [page.treated for page in await bench.look()] == [1]
    assert (bench.sagas.said, await bench.answers()) == ([("cancel", name)], {name: "pending"})
    await PostgresJournal(bench.pool).record(changed)
    assert [page.treated for page in await bench.look()] == [0]


async def test_an_order_that_cannot_be_treated_is_tried_again_and_a_person_asked(bench: Bench) -> None:
    """After three attempts; once it is treated, the question is answered."""
    (name,) = await bench.orders(1)
    await bench.stop()
    journal = PostgresJournal(bench.pool)
    for attempt in range(3):
        assert await journal.open_attention() == []
        bench.sagas.errors.append(RetryError("saga_unreachable", "no answer"))
        assert [page.failed for page in await bench.look()] == [1], attempt
    (item,) = await journal.open_attention()
    assert (item.order_id, item.kind, item.choices) == (name, "stop_failed", ("noted",))
    assert "saga_unreachable" in item.question
    await bench.look()
    assert await bench.answers() == {name: "held"}
    assert await journal.open_attention() == []


async def test_a_cancellation_is_decided_once_its_order_has_ended(bench: Bench) -> None:
    """Completed: it was too late; else it is canceled."""
    names = await bench.orders(2)
    for name in names:
        bench.sagas.seen[name] = deque([seen(await bench.record(name), ParcelStatus.ACCEPTED)])
    await bench.stop()
    await bench.look()
    assert set((await bench.answers()).values()) == {"pending"}
    await bench.pool.execute("UPDATE orders SET status = 'canceled' WHERE order_id = $1", names[0])
    await bench.pool.execute("UPDATE orders SET status = 'completed' WHERE order_id = $1", names[1])
    await bench.store.looked("s1", 0)
    assert await bench.answers() == {names[0]: "canceled", names[1]: "too_late"}


async def test_holds_are_released_each_and_what_failed_stays_to_be_released(bench: Bench) -> None:
    """Until nobody is held any more."""
    names = await bench.orders(3)
    await bench.stop()
    await bench.look()
    bench.sagas.errors.append(RetryError("saga_unreachable", "no answer"))
    first = await bench.stopping.release_page(StopHeld(stop_id="s1"))
    assert (first.released, first.failed, first.after) == (2, 1, None)
    second = await bench.stopping.release_page(StopHeld(stop_id="s1"))
    assert (second.released, second.failed) == (1, 0)
    assert await bench.answers() == dict.fromkeys(names, "released")


async def test_a_hold_whose_answer_was_lost_is_released_too(bench: Bench) -> None:
    """It may be in force though nobody said so."""
    (name,) = await bench.orders(1)
    await bench.stop()
    bench.sagas.errors.append(RetryError("saga_unreachable", "no answer", unknown=True))
    await bench.look()
    assert await bench.answers() == {name: "could_not"}
    await bench.stopping.release_page(StopHeld(stop_id="s1"))
    assert bench.sagas.said == [("hold", name), ("release", name)]
    assert await bench.answers() == {name: "released"}
