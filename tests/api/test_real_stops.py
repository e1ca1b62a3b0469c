"""Five hundred open orders in all stages are stopped: each by its policy, as foreseen, while two processes refuse."""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from ordersaga.domain.identifiers import effect_key
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import FINAL_STATUSES, ParcelStatus
from ordersaga.embedded.environment import as_environment
from tests.api.conftest import Shop
from tests.api.test_stops import STOPS, Office, by_stage, california
from tests.support.emulators import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EACH = 100
CLOSED = ("canceled", "partly_canceled")


@asynccontextmanager
async def api_process(shop: Shop, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """An API of its own process before the same database and the same Temporal."""
    settings = shop.api.services.settings
    port, target = free_port(), shop.orders.temporal.service_client.config.target_host
    environment = {
        **os.environ,
        **as_environment(settings),
        "ORDERSAGA_DATABASE_URL": database_url,
        "ORDERSAGA_TEMPORAL_ADDRESS": target,
        "ORDERSAGA_API_PORT": str(port),
    }
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ordersaga.api", env=environment, stdout=quiet, stderr=quiet
    )
    auth = {"Authorization": f"Bearer {shop.api.keys['operator']}"}
    try:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, headers=auth) as http:
            await _until(lambda: _alive(http))
            yield http
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait, a minute and a half at most."""
    async with asyncio.timeout(90):
        while True:
            if await true():
                return
            await asyncio.sleep(0.05)


async def _alive(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


class Hammer:
    """A checkout that never stops ordering to California; `accepted` are the ids it was told are taken."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self.http, self.name = http, name
        self.accepted: list[str] = []
        self.refused_at: list[float] = []
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Order until asked to stop."""
        number = 0
        while not self.stop.is_set():
            number += 1
            body = california(f"{self.name}_{number}")
            answer = await self.http.post("/v1/orders", json=body)
            if answer.status_code == 409:
                assert answer.json()["code"] == "stopped"
                self.refused_at.append(time.monotonic())
            else:
                assert answer.status_code == 202, answer.text
                self.accepted.append(str(body["order_id"]))
            await asyncio.sleep(0.05)


async def _each(hammers: Iterable[Hammer], true: Callable[[Hammer], bool]) -> bool:
    return all(map(true, hammers))


async def test_five_hundred_orders_are_stopped_as_was_foreseen(shop: Shop, database_url: str) -> None:
    """Counts as foreseen, each by its policy, books balanced, new ones refused within a second; and it is undone."""
    office = Office(shop, "big_")
    began = time.monotonic()
    await office.filled(EACH)
    print(f"\n{5 * EACH} orders stand after {time.monotonic() - began:.0f} s")

    foreseen = await office.stop(dry_run=True)
    done = await _timed(office, foreseen["stop_id"], "foreseen")
    assert done["counts"]["total"]["orders"] == 5 * EACH
    told = await office.stop(look_every_minutes=60)
    real = await _timed(office, told["stop_id"], "treated")
    assert by_stage(real) == by_stage(done)
    assert real["counts"]["by_seller"] == done["counts"]["by_seller"]
    assert real["counts"]["total"] == done["counts"]["total"]

    await _each_by_its_policy(office, told["stop_id"])
    await _books_balance(office, told["stop_id"])
    await _undone(office, told["stop_id"])


async def _timed(office: Office, stop_id: str, what: str) -> dict[str, Any]:
    began = time.monotonic()
    told = await office.looked(stop_id, limit=300)
    print(f"{what} {told['counts']['total']['orders']} orders in {time.monotonic() - began:.1f} s more")
    return told


async def _each_by_its_policy(office: Office, stop_id: str) -> None:
    answers = await office.answers(stop_id)
    by_name: dict[str, Counter[str]] = {}
    for order_id, answer in answers.items():
        by_name.setdefault(order_id.split("_")[1], Counter())[answer] += 1
    print({name: dict(counts) for name, counts in by_name.items()})
    settled = {name: {"canceled" if answer == "pending" else answer for answer in by_name[name]} for name in by_name}
    assert settled == {
        "action": {"canceled"},
        "line": {"canceled"},
        "fresh": {"canceled"},
        "confirmed": {"held"},
        "provider": {"canceled"},
        "picked": {"drained"},
        "transit": {"too_late"},
    }
    assert len(answers) == 5 * EACH


async def _books_balance(office: Office, stop_id: str) -> None:
    """Canceled orders end with nothing held, reserved or owed; of the others the provider has one parcel each."""
    services, shop = office.api.services, office.shop
    answers = await office.answers(stop_id)
    canceled = [order_id for order_id, answer in answers.items() if answer in (*CLOSED, "pending")]
    for order_id in canceled:
        await _ended(office, order_id)
        assert await services.evidence.differences(order_id) == [], order_id
        reference = shop.payments.references.get(effect_key(order_id, "authorize", 1, 1))
        if reference is not None:
            assert shop.payments.payments[reference].status is PaymentStatus.VOIDED, order_id
    live = "SELECT order_id FROM holds WHERE status IN ('held', 'confirmed')"
    held = {row["order_id"] for row in await services.pool.fetch(live)}
    assert not held & set(canceled)
    wrong = await services.pool.fetch(
        "SELECT * FROM stock WHERE held <> (SELECT coalesce(sum(quantity), 0) FROM holds"
        " WHERE holds.location = stock.location AND holds.sku = stock.sku AND holds.status IN ('held', 'confirmed'))"
    )
    assert wrong == []
    for order_id, answer in answers.items():
        parcel = shop.provider.orders.get(f"{order_id}-1-1")
        gone = parcel is None or parcel.status is ParcelStatus.CANCELED
        assert gone == (answer not in ("drained", "too_late")), (order_id, answer)
    assert (await services.audit_trail.verify()).breaks == []


async def _ended(office: Office, order_id: str) -> None:
    async with asyncio.timeout(60):
        while True:
            record = await office.api.services.journal.get(order_id)
            if record is not None and record.status in FINAL_STATUSES:
                return
            await asyncio.sleep(0.1)


async def _undone(office: Office, stop_id: str) -> None:
    """Its holds are released, what was canceled stays so, and the door is open."""
    undone = await office.api.post(f"{STOPS}/{stop_id}/undo", {"reason": "open again"})
    assert f"{EACH} held orders are released" in undone.json()["message"]
    await office.until(stop_id, lambda told: told["state"] == "ended", 300)
    after = Counter((await office.answers(stop_id)).values())
    assert (after["held"], after["released"]) == (0, EACH)
    assert (await office.shop.orders.state("big_confirmed_0")).holds == {}
    assert (await office.api.post("/v1/orders", california("big_after"))).status_code == 202


async def test_two_processes_refuse_within_a_second(shop: Shop, database_url: str) -> None:
    """Whatever was accepted before is caught by the stop's second look: nothing gets through."""
    office = Office(shop, "door_")
    await office.stocked(200)
    async with api_process(shop, database_url) as first, api_process(shop, database_url) as second:
        hammers = [Hammer(first, "h1"), Hammer(second, "h2")]
        running = [asyncio.create_task(hammer.run()) for hammer in hammers]
        await _until(lambda: _each(hammers, lambda hammer: len(hammer.accepted) >= 5))
        told = await office.stop(
            look_every_minutes=1 / 60, policy={"accepted": "cancel", "confirmed": "cancel", "at_provider": "cancel"}
        )
        closed = time.monotonic()
        await _until(lambda: _each(hammers, lambda hammer: bool(hammer.refused_at)))
        await asyncio.sleep(2)
        for hammer in hammers:
            hammer.stop.set()
        await asyncio.gather(*running)
        print(f"\nrefused {[f'{hammer.refused_at[0] - closed:+.3f} s' for hammer in hammers]} after the answer")
        accepted = [order_id for hammer in hammers for order_id in hammer.accepted]
        late = "SELECT order_id FROM orders WHERE accepted_at > $1"
        asked_at = datetime.fromisoformat(told["asked_at"])
        assert await office.api.services.pool.fetch(late, asked_at + timedelta(seconds=1)) == []
        answers = await _all_caught(office, told["stop_id"], accepted)
    assert set(answers.values()) <= {"canceled", "pending"}


async def _all_caught(office: Office, stop_id: str, accepted: list[str]) -> dict[str, str]:
    async with asyncio.timeout(120):
        while True:
            answers = await office.answers(stop_id)
            if set(accepted) <= set(answers) and "could_not" not in answers.values():
                return answers
            await asyncio.sleep(0.5)
