"""B3: sagas a second to their end, beside the sample saga and DBOS, all in one process on the same servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.client import WorkflowHandle

from benchmarks.figures import InvalidMeasurementError, Picture, Row, median, ratio_at_least, require, told
from benchmarks.ground import ground
from benchmarks.peers import dbos_saga
from benchmarks.peers.plain_saga import QUEUE, PlainSaga, saga_workers
from benchmarks.peers.steps import Steps, steps_on
from benchmarks.shop import OWN_SKU, SKU, Shop, each_at_once, new_order, open_shop, working
from benchmarks.usage import cpu_by_part, in_words, spent_by_part
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus
from ordersaga.embedded import Stack
from tests.workflows.world import event_counts
from workflows.messages import OrderResult
from workflows.order_fulfillment import OrderFulfillment

ROUNDS, EACH = 5, 160
ROUNDS_QUICK, EACH_QUICK = 1, 40
AT_ONCE: Final = 64
WARM: Final = 8
PATIENCE: Final = timedelta(minutes=3)
LOOKED_AT: Final = 5
_DONE: Final = "SELECT count(*) FROM effects WHERE order_id = ANY($1::text[]) AND status = 'done' AND step = $2"

Run = Callable[[Order], Awaitable[None]]
Measured = dict[str, list[float]]
"""A number of each round, by side."""
Costs = dict[str, list[dict[str, float]]]
"""CPU milliseconds of one saga in each round by part, by side."""


@dataclass(frozen=True)
class Side:
    """One way to run sagas. `open`: its workers run while it is measured; `steps`: effects every order must have."""

    name: str
    sku: str
    open: Callable[[], AbstractAsyncContextManager[Run]]
    steps: tuple[str, ...]


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """Rounds in which every side runs the same number of sagas, one side after the other."""
    rounds, each = (ROUNDS_QUICK, EACH_QUICK) if quick else (ROUNDS, EACH)
    async with ground() as stack, open_shop(stack.settings) as shop:
        sides = _sides(stack, shop)
        rates: Measured = {side.name: [] for side in sides}
        costs: Costs = {side.name: [] for side in sides}
        for number in range(rounds):
            for side in sides:
                rate, cost = await _round(stack, shop, side, each, warm=number == 0)
                rates[side.name].append(rate)
                costs[side.name].append(cost)
                tell(f"round {number + 1}: {side.name} {rate:.1f} sagas/s, {sum(cost.values()):.0f} CPU ms each")
        tasks = await _tasks_of_a_life(shop)
    return _row(quick, rounds, each, rates, costs, tasks)


def _row(quick: bool, rounds: int, each: int, rates: Measured, costs: Costs, tasks: float) -> Row:
    product, own, plain, dbos = (median(rates[name]) for name in (PRODUCT, OWN, PLAIN, DBOS_NAME))
    cpu = {name: median([sum(parts.values()) for parts in rounds_of]) for name, rounds_of in costs.items()}
    against_plain = median([mine / its for mine, its in zip(rates[PRODUCT], rates[PLAIN], strict=True)])
    against_dbos = median([mine / its for mine, its in zip(rates[PRODUCT], rates[DBOS_NAME], strict=True)])
    return Row(
        row="B3",
        title="Sagas per second",
        beside="the five-activity saga of public samples, and DBOS, with the same steps before the same companies and "
        "ledgers",
        quick=quick,
        load=f"{rounds} rounds of {each} sagas a side, {AT_ONCE} under way, in-process companies, PostgreSQL ledgers; "
        "ours go from hold to closed books with three messages, the others do five steps",
        figures=[
            ratio_at_least("beside the sample saga", "sagas/s", product, plain, 2).model_copy(
                update={"ratio": against_plain, "reached": against_plain >= 2}
            ),
            ratio_at_least("beside DBOS", "sagas/s", product, dbos, 1).model_copy(
                update={"ratio": against_dbos, "reached": against_dbos >= 1}
            ),
            told("with a label bought too, beside the sample saga", "sagas/s", own, plain),
            told("CPU of a saga, beside the sample's", "ms", cpu[PRODUCT], cpu[PLAIN]),
            told("CPU of a saga, beside DBOS", "ms", cpu[PRODUCT], cpu[DBOS_NAME]),
            told("workflow tasks of one of ours", "", tasks),
        ],
        checks=[f"every one of the {rounds * each} sagas of each side completed, each of its effects done once"],
        notes=[
            "Ratios are medians over the rounds; rates are medians too. Workflow code runs without the sandbox on both "
            "sides (ours: `ORDERSAGA_WORKFLOW_SANDBOX=false`).",
            "CPU is of this process, Temporal and PostgreSQL; ours is of a whole life, the others' of five steps.",
            *(f"Where the CPU of one goes, {name}: {in_words(costs[name])}." for name in (PRODUCT, PLAIN, DBOS_NAME)),
            *_why(costs, against_plain, against_dbos),
        ],
        pictures=[
            Picture(
                name="sagas",
                kind="bars",
                title="Sagas per second to their end",
                y="sagas/s",
                groups={name: {"median": median(found)} for name, found in rates.items()},
            )
        ],
    )


def _why(costs: Costs, against_plain: float, against_dbos: float) -> list[str]:
    """What keeps the rates from their marks: both cores are busy on every side, so CPU is what counts."""

    def spent(name: str, part: str | None = None) -> float:
        return median([sum(cost.values()) if part is None else cost.get(part, 0.0) for cost in costs[name]])

    server, reasons = f"{spent(PRODUCT, 'temporal'):.0f}", []
    if against_plain < 2:
        reasons.append(
            f"Why not twice the sample saga: one of ours would have to cost {spent(PLAIN) / 2:.0f} ms. Temporal's "
            f"server alone takes {server} of it, as of the sample ({spent(PLAIN, 'temporal'):.0f}). What ours takes "
            "more, in this process and in PostgreSQL, is the life after the fifth step: messages, tracking, closed "
            "books, all audited."
        )
    if against_dbos < 1:
        reasons.append(f"Why not DBOS: it has no server. All of it is {spent(DBOS_NAME):.0f} ms, our server {server}.")
    return reasons


PRODUCT, OWN, PLAIN, DBOS_NAME = "ordersaga", "ordersaga, label bought", "sample saga", "DBOS"
_LIFE: Final = ("authorize", "capture", "hand_off")


def _sides(stack: Stack, shop: Shop) -> list[Side]:
    steps = steps_on(shop.ports())
    return [
        Side(PRODUCT, SKU, lambda: _product(shop), _LIFE),
        Side(PLAIN, SKU, lambda: _plain(shop, steps), (*_LIFE, "book_label")),
        Side(DBOS_NAME, SKU, lambda: _dbos(stack, shop, steps), (*_LIFE, "book_label")),
        Side(OWN, OWN_SKU, lambda: _product(shop), (*_LIFE, "book_label")),
    ]


async def _round(stack: Stack, shop: Shop, side: Side, each: int, *, warm: bool) -> tuple[float, dict[str, float]]:
    """Sagas a second of one side, and the CPU milliseconds of each by part: this process, Temporal, PostgreSQL."""
    orders = [new_order("b3x", side.sku) for _ in range(each)]
    async with side.open() as run:
        if warm:
            await each_at_once([new_order("b3w", side.sku) for _ in range(WARM)], WARM, run)
        before = cpu_by_part(stack)
        seconds = await each_at_once(orders, AT_ONCE, run)
        spent = spent_by_part(before, cpu_by_part(stack), each)
    for step in side.steps:
        done = await shop.count(_DONE, [order.order_id for order in orders], step)
        require(done == each, f"{side.name}: {each} effects {step} done, once each (found {done})")
    return each / seconds, spent


@asynccontextmanager
async def _product(shop: Shop) -> AsyncIterator[Run]:
    async def run(order: Order) -> None:
        await shop.orders.start(order)
        handle: WorkflowHandle[OrderFulfillment, OrderResult] = shop.orders.temporal.get_workflow_handle_for(
            OrderFulfillment.run, workflow_id(order.order_id)
        )
        result = await handle.result(rpc_timeout=PATIENCE)
        if result.status is not OrderStatus.COMPLETED:
            raise InvalidMeasurementError(f"{order.order_id} ended {result.status}")

    shop.companies.silent = False
    async with working(shop.workers()):
        yield run


@asynccontextmanager
async def _plain(shop: Shop, steps: Steps) -> AsyncIterator[Run]:
    temporal = shop.orders.temporal

    async def run(order: Order) -> None:
        handle = await temporal.start_workflow(PlainSaga.run, order, id=f"plain-{order.order_id}", task_queue=QUEUE)
        await handle.result(rpc_timeout=PATIENCE)

    shop.companies.silent = True
    async with working(saga_workers(temporal, steps, sandboxed=shop.services.settings.workflow_sandbox)):
        yield run


@asynccontextmanager
async def _dbos(stack: Stack, shop: Shop, steps: Steps) -> AsyncIterator[Run]:
    shop.companies.silent = True
    async with dbos_saga.launched(stack.settings.database_url.get_secret_value(), steps):
        yield dbos_saga.run


async def _tasks_of_a_life(shop: Shop) -> float:
    """Workflow tasks of our sagas in the rounds, on average: messages that came together would have saved some."""
    found = await shop.services.pool.fetch(
        "SELECT order_id FROM orders WHERE status = 'completed' ORDER BY updated_at DESC LIMIT $1", LOOKED_AT
    )
    counts = []
    for row in found:
        names, _ = await event_counts(shop.orders.temporal.get_workflow_handle(workflow_id(row["order_id"])))
        counts.append(names.count("WORKFLOW_TASK_COMPLETED"))
    return sum(counts) / len(counts)
