"""What processes count: told truthfully, once, under names with few values; and served where Prometheus looks."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ordersaga import meters
from ordersaga.api.standing_gauges import OTHERS, Standing, StandingGauges
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import CustomerError, OrdersagaError, RateLimitedError, RetryError
from ordersaga.domain.journal import AttentionAge, JournalEntry, JournalUpdate
from ordersaga.domain.live import Slack
from ordersaga.domain.standing import OpenEffects, ToShip, Undelivered
from ordersaga.domain.statuses import OrderStatus
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.settings import Settings, SettingsError
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.gathering import Gathering
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.live import PostgresLive
from ordersaga.stores.pools import LockedError, Pool
from ordersaga.telemetry import serve_meters
from tests.gateways.test_lane_gate import Board
from tests.support.emulators import free_port
from tests.telemetry.scrapes import Samples, counted, scrape
from workers.relay import keep

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def risen(before: Samples, *names: str) -> Samples:
    """Which of the counters that begin so have risen since, and by how much."""
    now = counted()
    begin = {name: value for name, value in now.items() if name.startswith(names)}
    return {name: value - before.get(name, 0.0) for name, value in begin.items() if value != before.get(name, 0.0)}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "answered"),
        (RateLimitedError("limited", "too many"), "limited"),
        (RetryError("no_answer", "?", unknown=True), "unknown"),
        (RetryError("unreachable", "no connection"), "unreachable"),
        (CustomerError("card_declined", "no"), "refused"),
        (ValueError("a bug"), "failed"),
    ],
)
async def test_a_call_is_counted_by_how_it_ended(error: Exception | None, outcome: str) -> None:
    """One call, one outcome, one time at the company."""
    gates, before = LaneGates(board := Board(), board.clock), counted()
    with contextlib.suppress(OrdersagaError, ValueError):
        async with gates.of("carriers").passing():
            if error:
                raise error
    found = risen(before, "ordersaga_lane_calls_total", "ordersaga_lane_call_seconds_count")
    assert found == {
        f"ordersaga_lane_calls_total{{lane=carriers,outcome={outcome}}}": 1,
        "ordersaga_lane_call_seconds_count{lane=carriers}": 1,
    }


async def test_a_call_that_was_kept_back_took_no_time() -> None:
    """It was never made."""
    gates = LaneGates(board := Board(), board.clock)
    await board.pause("carriers", timedelta(minutes=1), "too many", "company")
    before = counted()
    with pytest.raises(RetryError):
        async with gates.of("carriers").passing():
            raise AssertionError("it is closed")
    found = risen(before, "ordersaga_lane_calls_total", "ordersaga_lane_call_seconds_count")
    assert found == {"ordersaga_lane_calls_total{lane=carriers,outcome=kept_back}": 1}


async def test_an_answer_of_5xx_that_raises_nothing_is_a_failed_call() -> None:
    """The gateway tells its passage."""
    gates, before = LaneGates(board := Board(), board.clock), counted()
    async with gates.of("payments").passing() as passage:
        passage.answered(502)
    assert risen(before, "ordersaga_lane_calls_total") == {
        "ordersaga_lane_calls_total{lane=payments,outcome=failed}": 1
    }


async def test_an_effect_is_counted_when_it_is_settled_and_once(pool: Pool) -> None:
    """A repeat of the same outcome is none; an undo is counted as one too; what a repair is about is left out."""
    effects, before = PostgresEffects(pool), counted()
    for step in ("void", "authorize", "reconcile_enter:pi_1"):
        intent = EffectIntent(order_id="o1", step=step, parcel=1)
        await effects.begin(intent)
        for _ in range(2):
            await effects.settle(intent.key, EffectOutcome(status=EffectStatus.DONE, external_id="x"))
    assert risen(before, "ordersaga_effects_total", "ordersaga_compensations_total") == {
        "ordersaga_effects_total{status=done,step=void}": 1,
        "ordersaga_effects_total{status=done,step=authorize}": 1,
        "ordersaga_effects_total{status=done,step=reconcile_enter}": 1,
        "ordersaga_compensations_total{status=done,step=void}": 1,
    }


_ORDER = """
INSERT INTO orders (order_id, seller, channel, currency, total, request, terms, status, ship_by, accepted_at, queued_at)
VALUES ($1, $2, 'web', 'USD', $3, '{}', '{}', $4, now() + $5::interval, $6, $6)
"""


async def place(pool: Pool, order_id: str, status: str = "confirmed", **more: object) -> None:
    """A row of an order that nobody asked for."""
    known = {"seller": "acme", "total": 100, "ship_in": timedelta(days=2), "accepted_at": NOW, **more}
    values = known["seller"], known["total"], status, known["ship_in"], known["accepted_at"]
    await pool.execute(_ORDER, order_id, *values)


def test_a_first_refusal_is_an_increase() -> None:
    """Every undo and what it may come to is told from 0 on: what begins with 1 has not increased, and wakes nobody."""
    told, statuses = counted(), ("done", "refused", "unknown")
    for step, status in itertools.product(meters.UNDOING, statuses):
        assert f"ordersaga_compensations_total{{status={status},step={step}}}" in told


async def test_the_time_from_acceptance_is_measured_once(pool: Pool) -> None:
    """At confirmation and at the scan of a parcel, each when it is first written down; other entries are not."""
    journal, before = PostgresJournal(pool), counted()
    await place(pool, "o1")
    entries = [
        JournalEntry(entry_id=f"saga-{number}", at=NOW + timedelta(seconds=after), kind=kind, text="t", parcel=1)
        for number, (kind, after) in enumerate((("confirmed", 0.7), ("picked", 50), ("shipped", 3000)))
    ]
    for _ in range(2):
        update = JournalUpdate(order_id="o1", status=OrderStatus.SHIPPED, entries=tuple(entries))
        await journal.record(update)
    found = risen(before, "ordersaga_order_reached_seconds_count", "ordersaga_order_reached_seconds_sum")
    assert {name: round(value, 3) for name, value in found.items()} == {
        "ordersaga_order_reached_seconds_count{point=confirmed}": 1,
        "ordersaga_order_reached_seconds_count{point=shipped}": 1,
        "ordersaga_order_reached_seconds_sum{point=confirmed}": 0.7,
        "ordersaga_order_reached_seconds_sum{point=shipped}": 3000,
    }


@pytest.mark.parametrize("first", ["action_required", "payment_pending"])
async def test_a_shoppers_time_is_not_ours(pool: Pool, first: str) -> None:
    """Who pays on a page of the bank's takes minutes; an order that stood in a line is measured from its units on."""
    journal, before = PostgresJournal(pool), counted()
    for order_id in ("paying", "waited"):
        await place(pool, order_id, status="pending")
    await pool.execute("UPDATE orders SET queued_at = queued_at + interval '2 days' WHERE order_id = 'waited'")
    await journal.record(JournalUpdate(order_id="paying", status=OrderStatus.ACTION_REQUIRED, outcome=first))
    for order_id, after in (("paying", timedelta(minutes=9)), ("waited", timedelta(days=2, seconds=3))):
        entry = JournalEntry(entry_id="saga-1", at=NOW + after, kind="confirmed", text="t")
        status = OrderStatus.CONFIRMED
        await journal.record(JournalUpdate(order_id=order_id, status=status, outcome="confirmed", entries=(entry,)))
    found = risen(before, "ordersaga_order_reached_seconds_count", "ordersaga_order_reached_seconds_sum")
    assert {name: round(value, 3) for name, value in found.items()} == {
        "ordersaga_order_reached_seconds_count{point=confirmed}": 1,
        "ordersaga_order_reached_seconds_sum{point=confirmed}": 3,
    }


async def test_a_batch_that_meets_a_lock_is_counted() -> None:
    """Taken apart, written all the same."""
    before = counted()

    async def locked(_: object) -> list[int]:
        raise LockedError("database_busy", "locked")

    async def patient(requests: object) -> list[int]:
        return [7]

    assert await Gathering[int, int](locked, patient=patient).submit(1) == 7
    assert risen(before, "ordersaga_hold_contended_total") == {"ordersaga_hold_contended_total{}": 1}


async def test_a_loop_tells_that_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Steps by how they ended; the time of the last good one, before the first that of its beginning; and its rest."""
    stop, before, left = asyncio.Event(), counted(), [ValueError("no"), None, None]

    async def step() -> bool:
        error = left.pop(0)
        if not left:
            stop.set()
        if error:
            raise error
        return True

    begun = datetime.now(UTC).timestamp()
    await keep("tested", step, stop, pause=7)
    assert risen(before, "ordersaga_loop_steps_total{loop=tested") == {
        "ordersaga_loop_steps_total{loop=tested,outcome=failed}": 1,
        "ordersaga_loop_steps_total{loop=tested,outcome=done}": 2,
    }
    last = counted()["ordersaga_loop_last_success_timestamp_seconds{loop=tested}"]
    assert begun <= last <= datetime.now(UTC).timestamp()
    assert counted()["ordersaga_loop_pause_seconds{loop=tested}"] == 7


async def test_a_loop_that_never_ends_a_step_well_is_told_of() -> None:
    """From its beginning on: without a time there would be no alert about it."""
    stop, begun = asyncio.Event(), datetime.now(UTC).timestamp()

    async def step() -> bool:
        stop.set()
        raise ValueError("no")

    await keep("never", step, stop)
    assert counted()["ordersaga_loop_last_success_timestamp_seconds{loop=never}"] >= begun


async def test_what_stands_open_is_counted_by_the_database(pool: Pool) -> None:
    """Orders to ship by the time left, what is late, effects nobody knows; what has shipped is not read."""
    await place(pool, "late", total=700, ship_in=-timedelta(hours=1))
    await place(pool, "soon", ship_in=timedelta(minutes=30))
    await place(pool, "gone", status="shipped", ship_in=-timedelta(days=9))
    effects, live = PostgresEffects(pool), PostgresLive(pool)
    intent = EffectIntent(order_id="late", step="capture", parcel=1, amount=700, currency="USD")
    await effects.begin(intent)
    await effects.settle(intent.key, EffectOutcome(status=EffectStatus.UNKNOWN))
    standing = Standing(await live.to_ship(), await live.open_effects(), await live.undelivered(), [])
    gauges = StandingGauges(standing, datetime.now(UTC))
    found = {(s.name, *s.labels.values()): s.value for family in gauges.collect() for s in family.samples}
    assert found["ordersaga_ship_by_orders", "overdue"] == found["ordersaga_ship_by_orders", "1h"] == 1
    assert found["ordersaga_ship_by_orders", "later"] == 0
    assert found["ordersaga_money_at_risk_minor_units", "USD", "late"] == 700
    assert found["ordersaga_money_at_risk_minor_units", "USD", "unknown"] == 700
    assert found["ordersaga_effects_open", "capture", "unknown"] == 1
    assert 0 <= found["ordersaga_effects_oldest_age_seconds", "capture", "unknown"] < 60
    assert found["ordersaga_notifications_waiting",] == 0


def test_money_is_at_risk_for_three_reasons_and_by_currency() -> None:
    """Late, asked about, unknown; what is merely under way is not."""
    make: Callable[[str, int], OpenEffects] = lambda status, money: OpenEffects(  # noqa: E731
        step="capture", status=status, currency="EUR", effects=1, oldest_at=NOW, money=money
    )
    asked = AttentionAge(kind="lost", seller="acme", currency="USD", open=1, oldest_opened_at=NOW, money=5)
    to_ship = [ToShip(seller="acme", status="on_hold", currency="USD", orders=2, late=9, slack=Slack(overdue=1))]
    standing = Standing(to_ship, [make("unknown", 3), make("intended", 1000)], Undelivered(), [asked])
    families = {family.name: family for family in StandingGauges(standing, NOW).collect()}
    money = families["ordersaga_money_at_risk_minor_units"].samples
    assert {(s.labels["currency"], s.labels["why"]): s.value for s in money} == {
        ("USD", "late"): 9,
        ("USD", "question"): 5,
        ("EUR", "unknown"): 3,
    }
    assert "ordersaga_seller_orders" not in families


def test_only_so_many_sellers_are_named() -> None:
    """The largest; all others are one, however many they are."""
    rows = [
        ToShip(seller=f"s{size}", status="confirmed", currency="USD", orders=size, late=0, slack=Slack(later=size))
        for size in range(1, 40)
    ]
    gauges = StandingGauges(Standing(rows, [], Undelivered(), []), NOW, sellers=2)
    (family,) = [family for family in gauges.collect() if family.name == "ordersaga_seller_orders"]
    assert {s.labels["seller"]: s.value for s in family.samples} == {"s39": 39, "s38": 38, OTHERS: sum(range(38))}


async def test_a_worker_serves_its_meters() -> None:
    """A real scrape; an address that is taken stops the process with its setting's name."""
    address = f"127.0.0.1:{free_port()}"
    settings = Settings(_env_file=None, metrics_address=address)
    serve_meters(settings)
    meters.tell_build("worker", "7")
    found = await scrape(address)
    assert [name for name in found if name.startswith("ordersaga_build_info") and "build=7" in name]
    assert found["process_resident_memory_bytes{}"] > 0
    with pytest.raises(SettingsError, match="ORDERSAGA_METRICS_ADDRESS"):
        serve_meters(settings)
