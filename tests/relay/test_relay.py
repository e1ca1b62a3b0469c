"""The relay: accepted orders are started, messages delivered, polls stored, whatever fails in between."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from ordersaga import tracing
from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, OrderRefusedError, SagaUnreachableError
from ordersaga.domain.errors import RetryError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.polled import from_event
from tests.fakes.samples import catalog, order
from tests.support.api import StubOrders
from tests.support.starting import make_due as make_startable
from tests.support.starting import unstarted
from tests.telemetry.collector import collecting
from workers.relay import keep, pass_time, run_relay, unless_stopped
from workers.relay_deliverer import Deliverer
from workers.relay_pollers import expire_holds
from workers.relay_starter import Starter


async def accept(services: Services, *order_ids: str, ttl: timedelta = timedelta(minutes=5)) -> None:
    """Orders that are accepted and not started."""
    for order_id in order_ids:
        await services.intake.accept(order(order_id), hold_ttl=ttl)


def parcel_event(order_id: str, source_id: str, status: ParcelStatus = ParcelStatus.PICKED) -> Incoming:
    """What ShipBob said about an order's only parcel."""
    event = ParcelEvent(
        source="shipbob", source_id=source_id, parcel=1, generation=1, status=status, occurred_at=datetime.now(UTC)
    )
    return from_event(order_id, event)


async def put(services: Services, incoming: Incoming) -> None:
    """A message that was verified and stored."""
    body = incoming.model_dump(mode="json")
    assert await services.inbox.store(incoming.source, incoming.source_id, incoming.order_id, body)


async def eventually(happened: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Return as soon as it happened; fail if it never does."""
    limit = time.monotonic() + seconds
    while not await happened():
        assert time.monotonic() < limit, "it never happened"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running_relay(services: Services) -> AsyncIterator[None]:
    """The whole relay, until the block ends; it must stop when asked to."""
    stop = asyncio.Event()
    relay = asyncio.create_task(run_relay(services, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(relay, 5)


async def test_a_delivery_is_told_with_its_order(services: Services, orders: StubOrders) -> None:
    """Every line of it, and its trace, whichever message is delivered beside it."""
    orders.error = OrderNotFoundError("gone")
    for order_id in ("gone1", "gone2"):
        await put(services, parcel_event(order_id, f"e-{order_id}"))
    with collecting() as collector, capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        tracing.begin(collector.url, "test")
        await Deliverer(services).step()
        tracing.end()
    ignored = {line["source_id"]: line["order_id"] for line in lines if line["event"] == "message_ignored"}
    assert ignored == {"e-gone1": "gone1", "e-gone2": "gone2"}
    assert {span.attributes["order_id"] for span in collector.named("deliver message")} == {"gone1", "gone2"}
    assert "order_id" not in structlog.contextvars.get_contextvars()


async def test_the_starter_starts_accepted_orders_once(services: Services, orders: StubOrders) -> None:
    """Each is started and marked; a second look finds nothing."""
    await accept(services, "a1", "a2")
    await make_startable(services.pool)
    starter = Starter(services)
    assert await starter.step() is False
    assert await starter.step() is False
    assert sorted(orders.asked) == [("start", "a1"), ("start", "a2")]


async def test_the_starter_leaves_fresh_orders_to_the_api(services: Services, orders: StubOrders) -> None:
    """For two seconds the API itself is starting them, unless it leaves them to the starter."""
    await accept(services, "a1", "a2")
    await services.pool.execute("UPDATE orders SET accepted_at = now(), start_after = now() + interval '2 seconds'")
    await services.starting.leave("a2")
    await Starter(services).step()
    assert orders.asked == [("start", "a2")]


async def test_an_outage_of_temporal_leaves_orders_waiting(services: Services, orders: StubOrders) -> None:
    """The step fails, so that the loop backs off; afterwards every order is started."""
    await accept(services, "a1", "a2")
    await make_startable(services.pool)
    orders.error = SagaUnreachableError("away")
    starter = Starter(services)
    with pytest.raises(RetryError):
        await starter.step()
    assert await unstarted(services.pool) == ["a1", "a2"]
    orders.error = None
    await starter.step()
    assert await unstarted(services.pool) == []


async def test_one_sellers_undecided_sagas_stop_no_other_seller(services: Services, orders: StubOrders) -> None:
    """The window is full of one seller's: another's first order is started all the same, and only that."""
    await services.catalog.load(catalog(("nj-1", "LAMP", 9)))
    starter = Starter(services)
    stuck = [f"a{n}" for n in range(2 * (starter.window.size + starter.window.reserve))]
    await accept(services, *stuck, "a_next")
    for order_id in ("b1", "b2"):
        await services.intake.accept(order(order_id, ("LAMP", 1), seller="bolt"), hold_ttl=timedelta(minutes=5))
    await make_startable(services.pool)
    await services.starting.mark_started(*stuck)
    for _ in range(3):
        assert await starter.step() is True

    assert orders.asked == [("start", "b1")]
    assert await unstarted(services.pool) == ["a_next", "b2"]


@pytest.mark.parametrize(
    ("refusal", "told"),
    [(OrderRefusedError("invalid_message", "too large"), "too large"), (RuntimeError("no converter"), "RuntimeError")],
)
async def test_an_order_that_cannot_be_started_holds_up_no_other(
    services: Services, orders: StubOrders, refusal: Exception, told: str
) -> None:
    """A refusal concerns one order; others are marked as started, a person is asked, and it is tried again later."""
    await accept(services, "bad", "good")
    await make_startable(services.pool)
    orders.refuse = {"bad": refusal}
    starter = Starter(services)
    before = starter.window.size
    await starter.step()
    await starter.step()
    assert sorted(orders.asked) == [("start", "bad"), ("start", "good")]
    assert await unstarted(services.pool) == ["bad"]
    assert starter.window.size == before
    (asked,) = await services.journal.open_attention()
    assert (asked.order_id, asked.kind) == ("bad", "start_refused")
    assert told in asked.question
    orders.refuse = {}
    await make_startable(services.pool)
    await starter.step()
    assert orders.asked.count(("start", "bad")) == 2
    assert await unstarted(services.pool) == []
    assert list(await services.journal.open_attention()) == []


async def test_messages_reach_their_saga_in_order(services: Services, orders: StubOrders) -> None:
    """Parcel and payment events come as typed signals, each once."""
    await put(services, parcel_event("a1", "e1"))
    await put(services, parcel_event("a1", "e2", ParcelStatus.PACKED))
    paid = PaymentEvent(source="stripe", source_id="e3", parcel=1, payment_id="pi_1", kind="authorized")
    await put(services, Incoming(source="stripe", source_id="e3", order_id="a1", events=(paid,)))
    deliverer = Deliverer(services)
    await deliverer.step()
    await deliverer.step()
    assert [event.source_id for event in orders.events] == ["e1", "e2", "e3"]
    assert isinstance(orders.events[2], PaymentEvent)
    assert await services.inbox.count_by_status() == {"delivered": 3}


async def make_due(services: Services) -> None:
    """Every wait is over."""
    await services.pool.execute("UPDATE webhook_inbox SET next_attempt_at = now()")


async def why(services: Services) -> list[tuple[str, str | None]]:
    """Status and error of every message."""
    rows = await services.pool.fetch("SELECT status, error FROM webhook_inbox ORDER BY id")
    return [(row["status"], row["error"]) for row in rows]


async def test_messages_nobody_can_use_are_ignored_with_the_reason(services: Services, orders: StubOrders) -> None:
    """Ended, unknown and foreign are told apart; none is tried again."""
    orders.refuse = {"ended": OrderClosedError("ended"), "ghost": OrderNotFoundError("ghost")}
    await put(services, parcel_event("ended", "e1"))
    await put(services, parcel_event("ghost", "e2"))
    await put(services, Incoming(source="stripe", source_id="e3"))
    await Deliverer(services).step()
    assert await why(services) == [
        ("ignored", "the order has ended"),
        ("ignored", "unknown order"),
        ("ignored", "nothing of ours, or of a kind that changes nothing"),
    ]


async def test_a_message_for_an_order_whose_saga_is_not_started_waits(services: Services, orders: StubOrders) -> None:
    """It stays pending, and others are delivered meanwhile."""
    await accept(services, "a1")
    orders.refuse = {"a1": OrderNotFoundError("a1")}
    await put(services, parcel_event("a1", "e1"))
    await put(services, parcel_event("b1", "e2"))
    await Deliverer(services).step()
    assert await why(services) == [("pending", None), ("delivered", None)]


async def test_a_message_that_came_too_early_is_tried_again_after_a_second(
    services: Services, orders: StubOrders
) -> None:
    """Its saga starts a moment later: it does not wait out the lease, and the attempt does not count."""
    await accept(services, "a1")
    orders.refuse = {"a1": OrderNotFoundError("a1")}
    await put(services, parcel_event("a1", "e1"))
    await put(services, parcel_event("a1", "e2", ParcelStatus.PACKED))
    deliverer = Deliverer(services)
    await deliverer.step()
    rows = await services.pool.fetch("SELECT attempts, next_attempt_at FROM webhook_inbox")
    assert [row["attempts"] for row in rows] == [0, 0]
    assert all(row["next_attempt_at"] - datetime.now(UTC) < timedelta(seconds=1) for row in rows)
    orders.refuse = {}
    await make_due(services)
    await deliverer.step()
    assert [event.source_id for event in orders.events] == ["e1", "e2"]


async def test_a_failing_message_is_not_overtaken(services: Services, orders: StubOrders) -> None:
    """Those of the same order behind it wait with it and keep their order; those of other orders pass."""
    orders.refuse = {"a1": OrderRefusedError("refused", "no")}
    for source_id in ("e1", "e2"):
        await put(services, parcel_event("a1", source_id))
    await put(services, parcel_event("b1", "e3"))
    deliverer = Deliverer(services)
    await deliverer.step()
    assert orders.asked == [("parcel_event", "a1"), ("parcel_event", "b1")]
    assert await why(services) == [("pending", "refused: no"), ("pending", None), ("delivered", None)]
    orders.refuse, orders.events = {}, []
    await make_due(services)
    await deliverer.step()
    assert [event.source_id for event in orders.events] == ["e1", "e2"]


async def test_a_message_that_breaks_what_delivers_it_harms_no_other(services: Services, orders: StubOrders) -> None:
    """Nobody foresaw it: it is counted against this message; others are delivered with it."""
    orders.refuse = {"a1": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")}
    await put(services, parcel_event("a1", "e1"))
    await put(services, parcel_event("b1", "e2"))
    await Deliverer(services).step()
    assert [event.source_id for event in orders.events] == ["e2"]
    row = await services.pool.fetchrow("SELECT status, attempts, error FROM webhook_inbox WHERE source_id = 'e1'")
    assert row is not None
    assert tuple(row) == ("pending", 1, "unforeseen: UnicodeEncodeError")


async def test_an_outage_costs_a_message_no_attempt_of_its_own(services: Services, orders: StubOrders) -> None:
    """With Temporal away the message stays pending without an error, whatever the number of looks."""
    await put(services, parcel_event("a1", "e1"))
    orders.error = SagaUnreachableError("away")
    with pytest.raises(SagaUnreachableError):
        await Deliverer(services).step()
    assert await why(services) == [("pending", None)]
    assert orders.events == []
    assert await services.pool.fetchval("SELECT attempts FROM webhook_inbox") == 0


async def test_a_refused_message_is_tried_again_later(services: Services, orders: StubOrders) -> None:
    """The error is kept for people to read."""
    orders.refuse = {"a1": OrderRefusedError("refused", "no")}
    await put(services, parcel_event("a1", "e1"))
    await services.inbox.store("shipbob", "e2", "b1", {"nonsense": True})
    await Deliverer(services).step()
    (first, second) = await why(services)
    assert first == ("pending", "refused: no")
    assert second[0] == "pending"
    assert (second[1] or "").startswith("unreadable")


async def test_holds_nobody_confirmed_are_released(services: Services) -> None:
    """Who waits for a starter keeps its units for a day; then they go back, and a person is asked."""
    await accept(services, "a1", "a2")
    for age, held in (("1 hour", 2), ("25 hours", 1)):
        await services.pool.execute("UPDATE holds SET expires_at = now()")
        await services.pool.execute("UPDATE holds SET held_at = now() - $1::text::interval WHERE order_id = 'a1'", age)
        assert await expire_holds(services) is False
        (level,) = await services.catalog.stock_levels(sku="MUG")
        assert (level.on_hand, level.held) == (500, held)
    assert [asked.order_id for asked in await services.journal.open_attention()] == ["a1"]


async def test_a_failing_step_is_repeated_and_stops_when_asked() -> None:
    """Two failures, then success; the loop ends with `stop`, also while it backs off."""
    calls: list[int] = []
    stop = asyncio.Event()

    async def step() -> bool:
        calls.append(len(calls))
        if len(calls) < 3:
            raise OSError("connection refused")
        stop.set()
        return True

    await asyncio.wait_for(keep("test", step, stop, pause=0.01), 5)
    assert calls == [0, 1, 2]
    stop.clear()
    loop = asyncio.create_task(keep("test", failing, stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(loop, 1)


async def test_what_may_be_broken_off_is_when_asked_to_stop() -> None:
    """It would keep everything beside it from ending in time; one that ends is heard, and so is its failure."""
    stop, ended = asyncio.Event(), list[str]()

    async def long() -> bool:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cleanly")
        return True

    async def short() -> bool:
        return True

    assert await unless_stopped(short, stop)
    with pytest.raises(OSError, match="away"):
        await unless_stopped(failing, stop)
    loop = asyncio.create_task(keep("test", lambda: unless_stopped(long, stop), stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(loop, 1)
    assert ended == ["cleanly"]


async def failing() -> bool:
    """Always."""
    raise OSError("away")


async def test_the_bell_ends_a_wait_and_is_silent_again() -> None:
    """A NOTIFY is answered at once, not after the pause."""
    bell, stop = asyncio.Event(), asyncio.Event()
    bell.set()
    await asyncio.wait_for(pass_time(30, stop, bell), 1)
    assert not bell.is_set()


async def test_the_whole_relay_delivers_at_once_and_stops(services: Services, orders: StubOrders) -> None:
    """A message stored while it runs is delivered well before the next look; an old order is started."""
    await accept(services, "a1")
    await make_startable(services.pool)
    async with running_relay(services):
        await eventually(started(orders, "a1"))
        await asyncio.sleep(0.5)
        sent = time.monotonic()
        await put(services, parcel_event("a1", "e1"))
        await eventually(delivered(orders))
        assert time.monotonic() - sent < 0.9
    assert [event.source_id for event in orders.events] == ["e1"]
    assert [what for what, _ in orders.asked].count("start") == 1


async def test_the_relay_survives_the_loss_of_its_connections(services: Services, orders: StubOrders) -> None:
    """PostgreSQL cuts every connection, as in a restart: messages are delivered afterwards."""
    async with running_relay(services):
        await asyncio.sleep(0.3)
        mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with contextlib.suppress(Exception):
            await services.pool.execute(mine)
        await eventually(stored(services))
        await eventually(delivered(orders))
    assert [event.source_id for event in orders.events] == ["e1"]


def started(orders: StubOrders, order_id: str) -> Callable[[], Awaitable[bool]]:
    """Whether the order was started."""

    async def ask() -> bool:
        return ("start", order_id) in orders.asked

    return ask


def delivered(orders: StubOrders) -> Callable[[], Awaitable[bool]]:
    """Whether any event arrived."""

    async def ask() -> bool:
        return bool(orders.events)

    return ask


def stored(services: Services) -> Callable[[], Awaitable[bool]]:
    """Whether a message could be stored."""

    async def ask() -> bool:
        try:
            await put(services, parcel_event("a1", "e1"))
        except RetryError:
            return False
        return True

    return ask
