"""The door in a surge: a refusal from memory never contradicts an acceptance; overload is told before all else."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ordersaga.api.overload import FEW, JOINING, SPREAD, Overload
from ordersaga.api.problems import Problem
from ordersaga.bootstrap import Services, open_services
from ordersaga.domain.catalog import Catalog, Product
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.stores.accept import PostgresIntake
from tests.fakes.samples import SELLER, catalog
from tests.support.api import Api, StubOrders, order_body, serving, settings_for

TEE = {"sku": "TEE", "quantity": 1, "unit_price": 1000}


async def until(true: Callable[[], Any], limit: float = 20.0) -> None:
    """Wait until it is true."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.005)


@pytest.fixture
async def shop(api: Api) -> Api:
    """An API that listens, whose five TEE are sold to `t0` .. `t4`, each with a key of its own."""
    await until(lambda: api.services.heard.alive)
    for number in range(5):
        answer = await order_tee(api, order_id=f"t{number}", key=f"k{number}")
        assert answer.status_code == 202
    assert api.services.empty_shelves.among(["TEE"]) == ("TEE",)
    return api


async def order_tee(api: Api, *, key: str | None = None, **changes: Any) -> httpx.Response:
    """Order one TEE."""
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post("/v1/orders", order_body(**{"lines": [TEE], **changes}), role="checkout", headers=headers)


@contextlib.contextmanager
def counted_commits(intake: PostgresIntake) -> Iterator[list[int]]:
    """How many orders each batch had that was committed inside the block."""
    sizes: list[int] = []
    commit = intake._gathering._commit

    async def count(requests: Any) -> Any:
        sizes.append(len(requests))
        return await commit(requests)

    intake._gathering._commit = count
    try:
        yield sizes
    finally:
        intake._gathering._commit = commit


async def stored(api: Api) -> set[str]:
    """Ids of every order in the database."""
    return {order["order_id"] for order in (await api.get("/v1/orders?limit=200")).json()["orders"]}


async def test_a_refusal_from_memory_stores_nothing(shop: Api, orders: StubOrders) -> None:
    """409 naming what is gone, without a Location; nothing stands under its key or id, and the metrics count it."""
    before, asked = await stored(shop), len(orders.asked)
    lines = [{"sku": "MUG", "quantity": 1, "unit_price": 1000}, TEE]
    answer = await order_tee(shop, key="late", order_id="late_1", lines=lines)
    assert (answer.status_code, answer.json()["code"], answer.json()["skus"]) == (409, "sold_out", ["TEE"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert "location" not in answer.headers
    assert answer.json()["order_id"] == "late_1"
    assert "order_id" not in (await order_tee(shop)).json()
    assert await stored(shop) == before
    assert len(orders.asked) == asked
    samples = {
        tuple(sample.labels.items()): sample.value
        for family in text_string_to_metric_families((await shop.send("GET", "/metrics", role=None)).text)
        for sample in family.samples
        if sample.name == "ordersaga_checkouts_refused_total"
    }
    assert samples == {(("reason", "sold_out"),): 2}


async def test_a_repeat_of_an_accepted_order_is_never_sold_out(shop: Api) -> None:
    """By its key, by its id, once its outcome is known; another order under them is told that they are taken."""
    for number in range(5):
        answer = await order_tee(shop, order_id=f"t{number}", key=f"k{number}")
        assert (answer.status_code, answer.json()["order_id"]) == (202, f"t{number}")
        assert answer.headers["idempotent-replayed"] == "true"
    update = JournalUpdate(order_id="t0", status=OrderStatus.CONFIRMED, outcome=ConfirmOutcome.CONFIRMED)
    await shop.services.journal.record(update)
    assert (await order_tee(shop, order_id="t0")).status_code == 201
    taken = await order_tee(shop, order_id="t0", tax=1)
    assert (taken.status_code, taken.json()["code"]) == (409, "order_id_taken")
    reused = await order_tee(shop, order_id="t9", key="k0")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_repeat_in_a_storm_of_refusals_is_never_sold_out(shop: Api) -> None:
    """Two hundred at once, every fourth a repeat of an accepted order: each of those hears that, all others 409."""
    calls = [
        order_tee(shop, order_id=f"t{n % 5}", key=f"k{n % 5}") if n % 4 == 0 else order_tee(shop, key=f"new{n}")
        for n in range(200)
    ]
    answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [202 if n % 4 == 0 else 409 for n in range(200)]


async def test_a_burst_that_would_wait_where_nobody_may_is_refused_from_memory(shop: Api) -> None:
    """No shopper may wait for TEE: a hundred requests that would cost no look at the intake, and store nothing."""
    before, asked = await stored(shop), shop.services.intake
    calls = [order_tee(shop, order_id=f"w{n}", waitlist=True) for n in range(100)]
    with counted_commits(asked) as commits:
        answers = await asyncio.gather(*calls)
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "sold_out")}
    assert not any("location" in answer.headers for answer in answers)
    assert commits == []
    assert await stored(shop) == before


async def test_a_burst_that_joins_a_line_has_a_share_only(shop: Api) -> None:
    """So many join at once; the others hear when to come back, who buys what is left is not behind them."""
    tee = Product(sku="TEE", seller=SELLER, title="T-shirt", weight_grams=180, waitlist=True)
    await shop.services.catalog.load(Catalog(products=(tee,)))
    async with shop.services.pool.acquire() as other:
        lock = other.transaction()
        await lock.start()
        await other.execute("LOCK TABLE waiting_orders IN EXCLUSIVE MODE")
        calls = [asyncio.create_task(order_tee(shop, order_id=f"w{n}", waitlist=True)) for n in range(3 * JOINING)]
        await until(lambda: sum(call.done() for call in calls) == 2 * JOINING)
        refused = [call.result() for call in calls if call.done()]
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "overloaded")}
        assert all(answer.headers["retry-after"] for answer in refused)
        await lock.rollback()
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [202] * JOINING + [503] * (2 * JOINING)
    again = [answer for answer in answers if answer.status_code == 503]
    assert len(again) == 2 * JOINING
    assert (await order_tee(shop, order_id="again", waitlist=True)).status_code == 202
    found = (await shop.send("GET", "/metrics", role=None)).text
    assert f'ordersaga_checkouts_refused_total{{reason="line"}} {2 * JOINING}.0' in found
    assert "(queue, lag, line), 409 by heart (sold_out, stopped)" in found


async def test_returned_units_are_sold_again(shop: Api) -> None:
    """The same request that was refused is accepted, as soon as a unit is free again."""
    assert (await order_tee(shop, key="patient")).status_code == 409
    await shop.services.stock.release("t0", 1)
    await until(lambda: not shop.services.empty_shelves.among(["TEE"]))
    assert (await order_tee(shop, key="patient")).status_code == 202
    assert (await order_tee(shop, key="another")).status_code == 409


async def test_an_order_refused_before_is_not_refused_from_memory_for_what_is_wrong_with_it(shop: Api) -> None:
    """Values, sellers and SKUs are judged first: whoever sends nonsense hears of that."""
    twice = await order_tee(shop, lines=[TEE, TEE])
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "lines")
    assert (await order_tee(shop, seller="nobody")).status_code == 422
    assert (await order_tee(shop, lines=[TEE, {**TEE, "sku": "GHOST"}])).status_code == 422


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[tuple[Api, Api]]:
    """Two API processes' worth of services on one database, both listening, with five TEE."""
    async with (
        open_services(settings_for(database_url), orders=StubOrders()) as first,
        open_services(settings_for(database_url), orders=StubOrders()) as second,
    ):
        await first.catalog.load(catalog(("nj-1", "MUG", 10), ("nj-1", "TEE", 5)))
        async with serving(first) as one, serving(second) as other:
            other.keys = one.keys
            await until(lambda: first.heard.alive and second.heard.alive)
            yield one, other


async def test_two_apis_sell_every_unit_once_and_agree(two: tuple[Api, Api]) -> None:
    """Sixty orders for five units over both: five accepted; repeats at the other API hear the same; none is lost."""
    keys = [f"cart{n}" for n in range(60)]
    first = await asyncio.gather(*(order_tee(two[n % 2], key=key) for n, key in enumerate(keys)))
    assert sorted(answer.status_code for answer in first) == [202] * 5 + [409] * 55
    again = await asyncio.gather(*(order_tee(two[(n + 1) % 2], key=key) for n, key in enumerate(keys)))
    assert [answer.status_code for answer in again] == [answer.status_code for answer in first]
    accepted = {answer.json()["order_id"] for answer in first if answer.status_code == 202}
    assert {answer.json()["order_id"] for answer in again if answer.status_code == 202} == accepted
    for api in two:
        assert api.services.empty_shelves.among(["TEE"]) == ("TEE",)
    await two[0].services.stock.release(min(accepted), 1)
    await until(lambda: not any(api.services.empty_shelves.among(["TEE"]) for api in two))
    last = await asyncio.gather(*(order_tee(api, key=f"last{n}") for n, api in enumerate(two)))
    assert sorted(answer.status_code for answer in last) == [202, 409]


async def test_a_key_revoked_at_one_api_is_refused_at_the_other(two: tuple[Api, Api]) -> None:
    """Though the other remembers it."""
    here, there = two
    assert (await there.get("/v1/orders", role="support")).status_code == 200
    key = await here.services.api_keys.verify(here.keys["support"])
    assert key is not None
    await here.services.api_keys.revoke(key.id)
    end = time.monotonic() + 3
    while (await there.get("/v1/orders", role="support")).status_code != 401:
        assert time.monotonic() < end, "a revoked key is still taken"


class Queue(PostgresIntake):
    """An intake before which the orders of one seller wait."""

    seconds = 9.0

    def expected_wait(self, seller: str) -> float:
        """Long for acme."""
        return self.seconds if seller == "acme" else 0.0


async def test_a_queue_that_is_too_long_is_overload_for_its_seller_only(services: Services) -> None:
    """503 with `Retry-After` and nothing stored while the viral seller's orders wait; the other's is accepted."""
    queue = Queue(services.pool)
    await services.catalog.load(catalog(("nj-1", "MUG", 10), ("nj-1", "TEE", 5), ("nj-1", "LAMP", 3)))
    settings = services.settings.model_copy(update={"overload_wait": timedelta(milliseconds=400)})
    async with serving(replace(services, intake=queue, settings=settings)) as api:
        answer = await api.post("/v1/orders", order_body(order_id="web_1"), headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert 1 <= int(answer.headers["retry-after"]) <= 2 * SPREAD
        lamp = [{"sku": "LAMP", "quantity": 1, "unit_price": 1000}]
        assert (await api.post("/v1/orders", order_body(seller="bolt", lines=lamp))).status_code == 202
        assert (await api.get("/v1/orders/web_1")).status_code == 404
        queue.seconds = 0.3
        again = await api.post("/v1/orders", order_body(order_id="web_1"), headers={"Idempotency-Key": "k"})
        assert again.status_code == 202


def test_those_who_are_refused_come_back_spread_out() -> None:
    """Whole seconds, at least one, evenly over a few."""
    overload = Overload(timedelta(milliseconds=400))
    told = []
    for _ in range(4 * SPREAD):
        with pytest.raises(Problem) as refused:
            overload.check(0.5)
        told.append(int(refused.value.headers["Retry-After"]))
    assert {second: told.count(second) for second in told} == {1 + second: 4 for second in range(SPREAD)}
    overload.check(0.4)


async def test_a_process_that_lags_refuses_busy_callers_before_their_body(api: Api) -> None:
    """Orders only, of callers with many under way; who has few, and every other route, is served."""
    overload = Overload(timedelta(milliseconds=400))
    assert [overload.begin(b"busy") for _ in range(FEW + 2)] == [None] * (FEW + 2)
    overload.lag = 0.3
    refused = overload.begin(b"busy")
    assert refused is not None
    assert (refused.status, refused.code) == (503, "overloaded")
    assert [overload.begin(b"quiet") for _ in range(FEW)] == [None] * FEW
    assert overload.begin(b"quiet") is not None
    overload.end(b"quiet")
    assert overload.begin(b"quiet") is None
    overload.lag = 0.0
    assert overload.begin(b"busy") is None
    assert overload.refusals.counts == {"lag": 2}


def test_one_late_tick_is_no_lag() -> None:
    """Two in a row are; it ends with the first that is on time."""
    overload = Overload(timedelta(milliseconds=400))
    lags = []
    for late in (0.3, 0.0, 0.3, 0.2, 0.4, 0.01):
        overload.ticked(late)
        lags.append(overload.lag)
    assert lags == [0.0, 0.0, 0.0, 0.2, 0.2, 0.01]


async def test_the_lag_is_measured() -> None:
    """A loop that is blocked again and again is late; once it is free, it is not."""
    overload = Overload(timedelta(milliseconds=400))
    async with overload.watching():
        seen = []
        for _ in range(4):
            time.sleep(0.2)  # noqa: ASYNC251 - blocking the loop is the point
            await asyncio.sleep(0.002)
            seen.append(overload.lag)
        assert max(seen) > 0.1
        await until(lambda: overload.lag < 0.1)
