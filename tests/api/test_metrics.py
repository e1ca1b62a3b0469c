"""Metrics: what waits, since when and for how much; for machines that may know."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ordersaga.api import metrics
from ordersaga.bootstrap import Services
from ordersaga.client_lanes import QueueState
from ordersaga.domain.journal import AttentionAge, JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.support.api import Api, StubOrders, attention, order_body, serving, settings_for
from tests.telemetry.scrapes import counted

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """Every sample of a scrape, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """The key of a sample."""
    return f"ordersaga_{name}", frozenset(labels.items())


async def test_metrics_tell_orders_and_what_waits(api: Api) -> None:
    """Counts, the oldest of each kind, money by currency; nobody and no order is named."""
    for order_id in ("meter1", "meter2", "meter3"):
        assert (await api.post("/v1/orders", order_body(order_id=order_id))).status_code == 202
    for order_id, hours, money in (("meter1", 5, 700), ("meter2", 2, 50)):
        opened = datetime.now(UTC) - timedelta(hours=hours)
        changes = {"opened_at": opened, "money": money, "currency": "USD"}
        item = attention(order_id, f"{order_id}-a1").model_copy(update=changes)
        update = JournalUpdate(order_id=order_id, status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
        await api.services.journal.record(update)
    answer = await api.send("GET", "/metrics", role=None)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = parsed(answer.text)
    assert found[at("orders", status="pending")] == 1
    assert found[at("orders", status="needs_attention")] == 2
    assert found[at("attention_open", kind="unknown_capture")] == 2
    assert 18_000 <= found[at("attention_oldest_age_seconds", kind="unknown_capture")] < 18_100
    assert found[at("attention_money_minor_units", kind="unknown_capture", currency="USD")] == 750
    named = [line for line in answer.text.splitlines() if any(word in line for word in ("meter1", "acme", "Ada"))]
    assert named == []


async def test_metrics_tell_how_sagas_are_started(api: Api) -> None:
    """The window, who starts what, and what is waiting for a starter."""
    await api.post("/v1/orders", order_body(), headers={"Prefer": "wait=5"})
    await api.services.pool.execute("UPDATE orders SET queued_at = now() - interval '1 minute', start_after = now()")
    found = parsed((await api.send("GET", "/metrics", role=None)).text)
    assert found[at("start_window")] == 8
    placed = {how: found[at("checkouts_placed_total", how=how)] for how in ("inline", "left")}
    assert placed == {"inline": 1, "left": 0}
    assert found[at("confirm_seconds")] > 0
    assert (found[at("starts_waiting")], found[at("sagas_under_way")]) == (1, 0)
    assert 60 <= found[at("start_oldest_age_seconds")] < 90


async def test_scrapes_that_come_together_are_one_reading(api: Api) -> None:
    """For a few seconds everybody is told the same; then it is read anew."""
    patient, hasty = metrics.Metrics(api.services, fresh=60), metrics.Metrics(api.services, fresh=0)
    assert await patient.text() == await hasty.text()
    assert (await api.post("/v1/orders", order_body())).status_code == 202
    assert b"ordersaga_orders{" not in await patient.text()
    assert parsed((await hasty.text()).decode())[at("orders", status="pending")] == 1


class SlowToTell(StubOrders):
    """Temporal takes its time to tell of a lane."""

    async def lane(self, name: str) -> QueueState | None:
        """After a second."""
        await asyncio.sleep(1)
        return await super().lane(name)


async def test_temporals_time_is_not_the_databases(api: Api) -> None:
    """A cluster that answers late makes no gauge of PostgreSQL older: only its own time spaces the looks out."""
    slow = metrics.Metrics(replace(api.services, orders=SlowToTell()))
    assert b"ordersaga_lane_paused" in await slow.text()
    assert counted()["ordersaga_reading_seconds{}"] < 1


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"api_host": "0.0.0.0"}, [401, 403, 403, 200, 200]),
        ({"api_host": "0.0.0.0", "metrics_open": True}, [200] * 5),
        ({"api_host": "::1"}, [200] * 5),
        ({"api_host": "localhost"}, [200] * 5),
        ({"api_host": "db.internal"}, [401, 403, 403, 200, 200]),
    ],
)
async def test_who_may_read_them(
    services: Services, database_url: str, changes: dict[str, Any], statuses: list[int]
) -> None:
    """On loopback anybody; elsewhere a viewer or an operator of the whole deployment, unless a setting opens them."""
    settings = settings_for(database_url, **changes)
    async with serving(replace(services, settings=settings)) as api:
        api.keys["bolt"] = await services.api_keys.issue("operator", "bolt", "bolt")
        roles = (None, "support", "bolt", "viewer", "operator")
        answers = [await api.send("GET", "/metrics", role=role) for role in roles]
        assert [answer.status_code for answer in answers] == statuses
        assert all("ordersaga_" not in answer.text for answer in answers if answer.status_code != 200)


def test_sellers_are_added_up_and_a_clock_that_is_behind_counts_nothing() -> None:
    """One sample for each kind; an age is never negative."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    row: Callable[..., AttentionAge] = lambda **more: AttentionAge(kind="lost", open=1, money=5, **more)  # noqa: E731
    rows = [
        row(seller="acme", currency="USD", oldest_opened_at=now - timedelta(seconds=9)),
        row(seller="bolt", currency="USD", oldest_opened_at=now - timedelta(seconds=4)),
        row(seller="bolt", currency="EUR", oldest_opened_at=now + timedelta(seconds=4)),
    ]
    families = {family.name: family for family in metrics.Readings({}, {}, rows, now).collect()}
    told = {name: [(s.labels, s.value) for s in family.samples] for name, family in families.items()}
    assert told["ordersaga_attention_open"] == [({"kind": "lost"}, 3)]
    assert told["ordersaga_attention_oldest_age_seconds"] == [({"kind": "lost"}, 9)]
    assert told["ordersaga_attention_money_minor_units"] == [
        ({"kind": "lost", "currency": "EUR"}, 5),
        ({"kind": "lost", "currency": "USD"}, 10),
    ]
