"""B1: what one order costs at Temporal, exactly."""

from collections.abc import Callable
from typing import Final

from temporalio.client import Client

from benchmarks.figures import Figure, Picture, Row, at_most, require, told
from benchmarks.peers.plain_saga import QUEUE, STEPS, PlainSaga, saga_workers
from benchmarks.peers.steps import steps_on
from tests.support.temporal import temporal_environment
from tests.workflows.cost import actions, one_life
from tests.workflows.world import World, event_counts
from workers.lifecycle import running

LIVES: Final = 3
TASK: Final = "WORKFLOW_TASK_COMPLETED"
ANSWERED: Final = "WORKFLOW_EXECUTION_UPDATE_COMPLETED"
REMOTE: Final = "ACTIVITY_TASK_SCHEDULED"
LIMITS: Final = {"events": 40, "workflow tasks": 7, "Temporal Cloud actions": 12, "KB": 12}


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """The cheapest of a few lives counts on either side: a busy machine can only add events."""
    async with temporal_environment() as environment, World(environment) as world:
        lives = [await one_life(world) for _ in range(LIVES)]
        tell("the product's lives are counted")
        sagas = [await _plain(world.client, world) for _ in range(LIVES)]
        failed = await world.failed_tasks()
    names, size, confirming = min(lives, key=lambda life: len(life[0]))
    plain, plain_size = min(sagas, key=lambda saga: len(saga[0]))
    answered = confirming[: confirming.index(ANSWERED)]
    checks = [
        require(failed == [], "no workflow task failed"),
        require(plain.count(REMOTE) == len(STEPS), "the sample saga called its five steps once each"),
        require(len(names) > len(answered), "every life of ours went on to completed"),
    ]
    return Row(
        row="B1",
        title="Cost of an order",
        beside="the five-activity saga of public samples: its five steps alone, no messages, no close",
        quick=quick,
        load="one order of one parcel from checkout to completed, with picked, scanned and delivered messages",
        figures=[
            at_most("events until the checkout has its answer", "", len(answered), 12),
            at_most("workflow tasks until then", "", answered.count(TASK), 1),
            *_of_lives((names, size), (plain, plain_size)),
        ],
        checks=checks,
        notes=["Exact: counted in the histories, so noise has no part in it. `make test` asserts the same limits."],
        pictures=[_picture((names, size), (plain, plain_size))],
    )


def _counts(life: tuple[list[str], int]) -> dict[str, float]:
    names, size = life
    return {
        "events": len(names),
        "workflow tasks": names.count(TASK),
        "Temporal Cloud actions": actions(names),
        "KB": size / 1000,
    }


def _of_lives(ours: tuple[list[str], int], plain: tuple[list[str], int]) -> list[Figure]:
    """The whole life, beside the sample's five steps; the limits are our own."""
    product, peer = _counts(ours), _counts(plain)
    return [
        told(f"{name}, whole life", "", product[name], peer[name]).model_copy(
            update={"reach": f"≤ {limit}", "reached": product[name] <= limit}
        )
        for name, limit in LIMITS.items()
    ]


def _picture(ours: tuple[list[str], int], plain: tuple[list[str], int]) -> Picture:
    product, peer = _counts(ours), _counts(plain)
    groups = {name: {"ordersaga, whole life": product[name], "sample saga, five steps": peer[name]} for name in product}
    return Picture(name="cost", kind="bars", title="What one order costs at Temporal", y="count, or KB", groups=groups)


async def _plain(client: Client, world: World) -> tuple[list[str], int]:
    """The events and bytes of one sample saga."""
    order = world.order(("TEE", 1))
    async with running(saga_workers(client, steps_on(world.ports()))):
        handle = await client.start_workflow(PlainSaga.run, order, id=f"plain-{order.order_id}", task_queue=QUEUE)
        await handle.result()
        return await event_counts(handle)  # type: ignore[arg-type]
