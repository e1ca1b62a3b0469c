"""B6: a small seller's orders behind a viral seller's backlog, all through the public door."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import httpx

from benchmarks.figures import Figure, Picture, Row, quantile, ratio_at_most, require, told
from benchmarks.ground import ground
from benchmarks.shop import PLENTY, checkout_of, each_at_once, until
from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller
from ordersaga.embedded import Stack
from tests.fakes.samples import address
from tests.support.api import order_body

PARTS: Final = frozenset({"postgres", "migrations", "temporal", "stripe", "shipbob", "easypost", "worker", "api"})
VIRAL, VIRAL_QUICK, SMALL = 2_000, 150, 20
AT_ONCE: Final = 32
PATIENCE: Final = 900.0
PER_MINUTE: Final = 6_000
"""What the emulated provider takes, and what the product is told it takes: its own limit is not what is measured."""
STEPS: Final = {"authorize": "confirmed", "hand_off": "handed off"}
SCENES: Final = {
    "alone": "alone, nobody else",
    "behind": "behind the viral seller",
    "in line": "in the viral seller's own line: first in, first out",
}
_SETTLED: Final = "SELECT order_id, settled_at FROM effects WHERE order_id = ANY($1::text[]) AND step = $2"
_BACKLOG: Final = """
SELECT count(*) FROM orders WHERE seller = 'viral' AND NOT EXISTS (
    SELECT FROM effects WHERE effects.order_id = orders.order_id AND step = 'authorize' AND status = 'done')
"""

Times = dict[str, list[float]]


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """Each scene on a fresh stack: twenty orders, alone, behind a backlog of another seller, and at its end."""
    viral = VIRAL_QUICK if quick else VIRAL
    waiting: dict[str, int] = {}
    found: dict[str, Times] = {}
    for scene in SCENES:
        async with ground(PARTS, **_limits()) as stack, checkout_of(stack, _catalog()) as http:
            await _raise_limit(stack)
            if scene != "alone":
                await _place(http, [f"v{number}" for number in range(viral)], "viral")
                waiting[scene] = await _value(stack, _BACKLOG)
            found[scene] = await _twenty(stack, http, "viral" if scene == "in line" else "small")
        tell(
            f"{scene}: {waiting.get(scene, 0):,} waiting before, p99 {quantile(found[scene]['authorize'], 0.99):.1f} s"
        )
    return _row(quick, viral, found, waiting)


def _limits() -> dict[str, Any]:
    return {"shipbob_calls_per_minute": PER_MINUTE}


async def _raise_limit(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.urls["shipbob"], trust_env=False) as shipbob:
        answer = await shipbob.post("/_control/rate-limit", json={"per_minute": PER_MINUTE})
        require(answer.is_success, f"the emulated provider takes {PER_MINUTE:,} calls a minute")


async def _place(http: httpx.AsyncClient, order_ids: list[str], seller: str) -> dict[str, datetime]:
    """Place orders without waiting for their outcome; when each was sent."""
    sent: dict[str, datetime] = {}

    async def place(order_id: str) -> None:
        lines = [{"sku": f"SKU-{seller}", "quantity": 1, "unit_price": 1000}]
        body = order_body(order_id=order_id, seller=seller, lines=lines)
        sent[order_id] = datetime.now(UTC)
        answer = await http.post("/v1/orders", json=body, headers={"Idempotency-Key": order_id})
        while answer.status_code == 503:
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            answer = await http.post("/v1/orders", json=body, headers={"Idempotency-Key": order_id})
        require(answer.status_code in (201, 202), f"{order_id} was accepted ({answer.status_code} {answer.text[:200]})")

    await each_at_once(order_ids, AT_ONCE, place)
    return sent


async def _twenty(stack: Stack, http: httpx.AsyncClient, seller: str) -> Times:
    """Seconds from sending to being confirmed and handed off, of each of the twenty."""
    sent = await _place(http, [f"s{number}" for number in range(SMALL)], seller)
    times: Times = {}
    for step in STEPS:
        settled: dict[str, datetime] = {}

        async def all_settled(step: str = step, settled: dict[str, datetime] = settled) -> bool:
            settled.update(await _settled(stack, list(sent), step))
            return len(settled) == SMALL

        await until(all_settled, f"all {SMALL} orders were {STEPS[step]}", PATIENCE)
        times[step] = [(settled[order_id] - at).total_seconds() for order_id, at in sent.items()]
    return times


async def _settled(stack: Stack, order_ids: list[str], step: str) -> dict[str, datetime]:
    connection = await asyncpg.connect(stack.settings.database_url.get_secret_value())
    try:
        rows = await connection.fetch(_SETTLED, order_ids, step)
    finally:
        await connection.close()
    return {row["order_id"]: row["settled_at"] for row in rows if row["settled_at"] is not None}


async def _value(stack: Stack, query: str) -> int:
    connection = await asyncpg.connect(stack.settings.database_url.get_secret_value())
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


def _catalog() -> Catalog:
    sellers = ("viral", "small")
    return Catalog(
        sellers=tuple(Seller(seller=seller, name=seller) for seller in sellers),
        locations=(Location(location="nj-1", provider="shipbob", address=address(city="Newark", region="NJ")),),
        products=tuple(Product(sku=f"SKU-{name}", seller=name, title=name, weight_grams=100) for name in sellers),
        receipts=tuple(
            Receipt(receipt_id=name, location="nj-1", sku=f"SKU-{name}", quantity=PLENTY) for name in sellers
        ),
    )


def _row(quick: bool, viral: int, found: dict[str, Times], waiting: dict[str, int]) -> Row:
    return Row(
        row="B6",
        title="Fairness",
        beside="the same twenty alone; and placed by the viral seller itself, who is served first in, first out",
        quick=quick,
        load=f"a viral seller places {viral:,} orders over HTTP, then a small one places {SMALL}; seconds from sending "
        "to being confirmed, and to being with the provider; one API, one worker",
        figures=[
            *(_beside_alone(found, step) for step in STEPS),
            *(_beside_in_line(found, step) for step in STEPS),
        ],
        checks=[
            require(waiting["behind"] > SMALL, f"{waiting['behind']:,} viral orders were waiting when the small came"),
            f"all {viral:,} viral orders were accepted, and all {SMALL} handed off in every scene",
        ],
        notes=[f"In the line itself {waiting['in line']:,} orders were waiting before the twenty came."],
        pictures=[
            Picture(
                name="fairness",
                kind="bars",
                title="Twenty orders of a small seller, p99",
                y="seconds (logarithmic)",
                log=True,
                groups={
                    SCENES[scene]: {named: quantile(times[step], 0.99) for step, named in STEPS.items()}
                    for scene, times in found.items()
                },
            )
        ],
    )


def _beside_alone(found: dict[str, Times], step: str) -> Figure:
    behind, alone = quantile(found["behind"][step], 0.99), quantile(found["alone"][step], 0.99)
    return ratio_at_most(f"{STEPS[step]}, p99 beside alone", "s", behind, alone, 2)


def _beside_in_line(found: dict[str, Times], step: str) -> Figure:
    behind, line = quantile(found["behind"][step], 0.99), quantile(found["in line"][step], 0.99)
    return told(f"{STEPS[step]}, p99 beside first in, first out", "s", behind, line)
