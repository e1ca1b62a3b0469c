"""The client of running orders: idempotent, typed errors, never "failed" while the order goes on."""

import asyncio
import gc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from ordersaga.client import OrderClient, _retrieve
from ordersaga.client_errors import (
    OrderClosedError,
    OrderNotFoundError,
    OrderRefusedError,
    SagaUnreachableError,
    translated,
)
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from ordersaga.embedded.sockets import free_ports
from tests.chaos.proxy import Proxy
from tests.fakes.samples import order
from tests.support.emulators import free_port
from tests.workflows.world import World
from workflows.messages import CancelRequest, HoldRequest, Resolution

CANCEL = CancelRequest(by="test", reason="test")
SOON = timedelta(seconds=20)


def authorizations(world: World, placed: Order) -> int:
    """How often the order's payment was authorized."""
    return sum(key.startswith(f"{placed.order_id}/") for key, *_ in world.payments.called("authorize"))


async def test_an_order_is_started_once_with_what_it_is_found_by(environment: WorkflowEnvironment) -> None:
    """Search attributes, title and fairness key are there from the start; a second start changes nothing."""
    client = OrderClient(environment.client)
    placed = order("c1", ("MUG", 2), ("TEE", 1), placed_at=datetime.now(UTC))
    assert await client.start(placed, providers=["shipbob"]) is True
    assert await client.start(placed) is False
    description = await environment.client.get_workflow_handle(workflow_id("c1")).describe()
    assert description.status is WorkflowExecutionStatus.RUNNING
    assert await description.static_summary() == "c1 · acme · 2 lines · USD 30.00"
    found = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    known = {name: found[name] for name in ("Seller", "Channel", "Region", "Provider")}
    assert known == {"Seller": "acme", "Channel": "checkout", "Region": "US-NY", "Provider": ["shipbob"]}
    assert found["ShipBy"] == placed.ship_by
    assert description.raw_description.workflow_execution_info.priority.fairness_key == "acme"


async def test_a_dead_connection_that_looks_open_is_a_time_out(environment: WorkflowEnvironment) -> None:
    """Nothing comes back from the server, not even its own time limit: the order may go on, and nobody is refused."""
    host, _, port = str(environment.client.service_client.config.target_host).rpartition(":")
    listen = free_ports(("link",))["link"]
    async with Proxy("temporal", listen, int(port)) as link:
        client = await OrderClient.connect(f"{host}:{listen}", environment.client.namespace)
        assert await client.ready()
        link.cut()
        assert await client.place(order("c3"), timedelta(milliseconds=300)) is None


class Late:
    """What the SDK keeps of a call that it canceled when the time was up."""

    asked = 0

    async def workflow_handle(self) -> None:
        """The cancellation."""
        self.asked += 1
        raise asyncio.CancelledError


async def test_a_canceled_call_cancels_nobody_else() -> None:
    """Its copy of the cancellation is taken: the request that waited goes on to say that it does not know."""
    operation: Any = Late()
    await _retrieve(operation)
    task = asyncio.current_task()
    assert task is not None
    assert (operation.asked, task.cancelling()) == (1, 0)


async def test_a_time_out_is_none_and_the_order_goes_on(environment: WorkflowEnvironment) -> None:
    """Without a worker nobody answers: None after the time asked for, the order runs, and asyncio has no complaint."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    client = OrderClient(environment.client)
    assert await client.place(order("c2"), timedelta(milliseconds=300)) is None
    assert await client.place(order("c2")) is None
    gc.collect()
    await asyncio.sleep(0.05)
    asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == []
    description = await environment.client.get_workflow_handle(workflow_id("c2")).describe()
    assert description.status is WorkflowExecutionStatus.RUNNING


async def test_without_a_worker_questions_are_unreachable(environment: WorkflowEnvironment) -> None:
    """The saga exists and does not answer: that is RetryError, and says that it may still be carried out."""
    client = OrderClient(environment.client, call_timeout=timedelta(milliseconds=300))
    await client.start(order("c3"))
    with pytest.raises(SagaUnreachableError) as caught:
        await client.cancel("c3", CANCEL)
    assert caught.value.unknown is True
    with pytest.raises(SagaUnreachableError):
        await client.explain("c3")
    await client.request_cancel("c3", CANCEL)


async def test_an_unknown_order_is_told_apart(environment: WorkflowEnvironment) -> None:
    """Updates, queries and signals agree."""
    client = OrderClient(environment.client)
    event = ParcelEvent(
        source="test", source_id="1", parcel=1, generation=1, status=ParcelStatus.PICKED, occurred_at=datetime.now(UTC)
    )
    for call in (client.cancel("ghost", CANCEL), client.state("ghost"), client.parcel_event("ghost", event)):
        with pytest.raises(OrderNotFoundError):
            await call


async def test_without_temporal_every_call_is_unreachable_and_the_client_recovers() -> None:
    """A lazy client is made while Temporal is away; an eager one says so at once."""
    address = f"127.0.0.1:{free_port()}"
    client = await OrderClient.connect(address, lazy=True)
    assert await client.ready() is False
    with pytest.raises(SagaUnreachableError):
        await client.place(order("c4"), timedelta(seconds=1))
    with pytest.raises(SagaUnreachableError):
        await client.start(order("c4"))
    with pytest.raises(SagaUnreachableError):
        await OrderClient.connect(address)


async def test_an_error_that_says_nothing_about_temporal_is_no_outage() -> None:
    """Only a connection that did not come about is; what else goes wrong with one order passes as it is."""
    with pytest.raises(RuntimeError, match="no converter"):
        async with translated("c4"):
            raise RuntimeError("no converter")
    with pytest.raises(SagaUnreachableError):
        async with translated("c4"):
            raise RuntimeError("Failed client connect: refused")


async def test_a_lazy_client_reaches_temporal_when_it_is_there(environment: WorkflowEnvironment) -> None:
    """The converter is ours: typed values go through."""
    client = await OrderClient.connect(environment.client.service_client.config.target_host, lazy=True)
    assert await client.ready() is True
    assert await client.start(order("c5")) is True


async def test_the_whole_conversation_with_a_real_saga(environment: WorkflowEnvironment) -> None:
    """Confirm, look, hold, release, refuse, cancel; after the end only the recorded answer is left."""
    async with World(environment) as world:
        client, placed = OrderClient(environment.client), world.order(("MUG", 1), terms={"hand_off_delay": SOON})
        answers = await asyncio.gather(*(client.place(placed, SOON) for _ in range(3)))
        assert {answer.outcome for answer in answers if answer} == {ConfirmOutcome.CONFIRMED}
        assert authorizations(world, placed) == 1
        held = await client.place_hold(placed.order_id, HoldRequest(kind="fraud_review", by="test"))
        assert list(held.holds) == ["fraud_review"]
        released = await client.release_hold(placed.order_id, HoldRequest(kind="fraud_review", by="test"))
        assert released.holds == {}
        assert (await client.state(placed.order_id)).order_id == placed.order_id
        assert await client.explain(placed.order_id)
        assert [entry.kind for entry in await client.timeline(placed.order_id)]
        resolution = Resolution(item_id="ghost", choice="retry", by="test", reason="test")
        with pytest.raises(OrderRefusedError, match="no open question"):
            await client.resolve_attention(placed.order_id, resolution)
        canceled = await client.cancel(placed.order_id, CANCEL, SOON)
        assert (canceled.outcome, canceled.status) == ("canceled", OrderStatus.CANCELED)
        await environment.client.get_workflow_handle(workflow_id(placed.order_id)).result()
        with pytest.raises(OrderClosedError):
            await client.cancel(placed.order_id, CANCEL)
        again = await client.place(placed, SOON)
        assert again == answers[0]
        assert await client.start(placed) is False
        assert authorizations(world, placed) == 1


async def test_placing_an_order_that_ended_without_a_checkout_waiting(environment: WorkflowEnvironment) -> None:
    """Started by the starter and already over: there is no recorded answer, and no second saga either."""
    async with World(environment) as world:
        client, placed = OrderClient(environment.client), world.order(("MUG", 99))
        await client.start(placed)
        await environment.client.get_workflow_handle(workflow_id(placed.order_id)).result()
        with pytest.raises(OrderClosedError):
            await client.place(placed, SOON)
        assert authorizations(world, placed) == 0
