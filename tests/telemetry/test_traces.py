"""Traces: one for each step of an order, told once, and nothing in them that a shopper or a company wrote."""

import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from ordersaga import tracing
from ordersaga.bootstrap import open_services
from ordersaga.client import OrderClient
from ordersaga.domain.errors import CustomerError, RetryError
from ordersaga.domain.lanes import PAYMENTS
from ordersaga.domain.payments import PaymentRequest, PaymentState
from ordersaga.domain.statuses import OrderStatus
from ordersaga.gateways.lane_gate import OPEN, LaneGates
from ordersaga.ports import LaneGate
from ordersaga.settings import Settings
from ordersaga.span_export import EXPORT_SECONDS
from ordersaga.telemetry import configure_logging
from ordersaga.tracing_temporal import TOGETHER, interceptors
from tests.fakes.payments import FakePayments
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.gateways.test_lane_gate import Board
from tests.support.api import Api, order_body, serving, settings_for
from tests.support.emulators import free_port
from tests.support.temporal import end_all
from tests.telemetry.collector import Collector
from tests.workflows.world import World
from workers.activities import Ports, build
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
PRIVATE = ("Wilhelmina", "Quarterstaff", "77 Zanzibar Lane", "Poughkeepsie", "12601", "wil@example.com", "+15550100")
CARD = "pm_card_visa_of_wilhelmina"


class GatedPayments(FakePayments):
    """Authorizes behind a lane's gate, as the real ones do; `quotes`: refuses, with a text about the shopper."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: LaneGate = OPEN
        self.quotes = False

    async def authorize(self, request: PaymentRequest, *, key: str) -> PaymentState:
        """One call."""
        async with self.gate.passing():
            if self.quotes:
                raise CustomerError("card_declined", f"The card of {PRIVATE[0]} {PRIVATE[1]} was declined")
            return await super().authorize(request, key=key)


def traced(environment: WorkflowEnvironment) -> Client:
    """A client, and with it workers, whose calls are traced."""
    known: dict[str, Any] = {**environment.client.config(active_config=True)}
    return Client(**{**known, "interceptors": [*interceptors()]})


@contextlib.asynccontextmanager
async def shop(database_url: str, environment: WorkflowEnvironment, payments: GatedPayments) -> AsyncIterator[Api]:
    """The API before real sagas, with all calls traced."""
    await end_all(environment)
    temporal = traced(environment)
    client = OrderClient(temporal)
    async with open_services(settings_for(database_url), orders=client) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        payments.gate = services.lane_gates.of(PAYMENTS)
        activities = build(
            Ports(
                stock=services.stock,
                ledger=services.effects,
                journal=services.journal,
                payments=payments,
                providers={"shipbob": FakeProvider(books_carrier=True)},
                carriers={"easypost": FakeCarrier()},
                returns=services.returns,
                exchanges=services.exchanges,
                visible_after=timedelta(0),
            )
        )
        workers = [order_worker(temporal, activities), *lane_workers(temporal, activities, ["shipbob"])]
        async with running(workers, settle=0), serving(replace(services, payments=payments)) as api:
            yield api


def private_body(order_id: str) -> dict[str, Any]:
    """An order full of what must not be told."""
    name, surname, street, city, postal_code, email, phone = PRIVATE
    where = {"line1": street, "city": city, "region": "NY", "postal_code": postal_code, "country": "US"}
    to = {"name": f"{name} {surname}", "email": email, "phone": phone, **where}
    return order_body(order_id=order_id, ship_to=to, payment={"payment_method": CARD})


async def test_a_checkout_is_one_trace_down_to_the_companys_answer(
    collector: Collector, database_url: str, environment: WorkflowEnvironment
) -> None:
    """From whoever asked, over API, update-with-start, saga and activity, to the call; each span names the order."""
    async with shop(database_url, environment, GatedPayments()) as api:
        headers = {"Prefer": "wait=20", "traceparent": f"00-{CALLER}-00f067aa0ba902b7-01"}
        answer = await api.post("/v1/orders", private_body("traced1"), headers=headers)
        assert (answer.status_code, answer.json()["outcome"]) == (201, "confirmed")
    tracing.end()
    (call,) = collector.named("call payments")
    chain = collector.above(call)
    assert call.trace == CALLER
    assert [name.partition(":")[0] for name in chain] == [
        "RunActivity",
        "StartActivity",
        "StartUpdateWithStartWorkflow",
        "POST /v1/orders",
    ]
    (request,) = collector.named("POST /v1/orders")
    assert request.parent == "00f067aa0ba902b7"
    assert request.attributes["http.response.status_code"] == 201
    whole = collector.of_trace(CALLER)
    assert {span.name for span in whole} >= {"RunWorkflow:OrderFulfillment", "HandleUpdate:confirm"}
    assert {span.attributes["order_id"] for span in whole} == {"traced1"}


async def test_nothing_private_leaves(
    collector: Collector, database_url: str, environment: WorkflowEnvironment
) -> None:
    """No name, street, e-mail, card or key, not even where an error quotes one: the text of an error is never told."""
    payments = GatedPayments()
    payments.quotes = True
    async with shop(database_url, environment, payments) as api:
        trace = {"traceparent": f"00-{CALLER}-00f067aa0ba902b7-01", "tracestate": f"shop={PRIVATE[0]}"}
        headers = {"Prefer": "wait=20", "Idempotency-Key": "key-of-wilhelmina", **trace}
        answer = await api.post("/v1/orders", private_body("traced2"), headers=headers)
        assert answer.status_code == 402
        await api.get(f"/v1/search?q={PRIVATE[0]}")
        secrets = [key.removeprefix("Bearer ") for key in api.keys.values()]
    tracing.end()
    assert [span.attributes["error.type"] for span in collector.named("call payments")] == ["card_declined"]
    assert sum(span.events for span in collector.spans) == 0
    told = collector.raw.decode("utf-8", "replace").lower()
    planted = [*PRIVATE, CARD, "key-of-wilhelmina", "was declined", *secrets]
    assert [word for word in planted if word.lower() in told] == []
    assert "card_declined" in told


async def test_a_step_long_after_the_start_is_a_trace_of_its_own(
    collector: Collector, environment: WorkflowEnvironment
) -> None:
    """The parcel that ships days later does not lengthen the checkout's trace; its order finds it."""
    world = World(environment)
    world.client = traced(environment)
    async with world:
        placed, handle = await world.accepted(("MUG", 1))
        await environment.fast_forward(handle, 2 * TOGETHER)
        await world.deliver(handle)
    tracing.end()
    starts = [span for span in collector.named("StartActivity:") if span.attributes["order_id"] == placed.order_id]
    (first,) = {span.trace for span in collector.named("RunWorkflow:OrderFulfillment")}
    later = [span for span in starts if span.trace != first]
    assert [span for span in starts if span.trace == first]
    assert len({span.trace for span in later}) == len(later) > 2
    assert {span.parent for span in later} == {""}
    for span in later:
        assert [each.name.partition(":")[0] for each in collector.of_trace(span.trace)].count("RunActivity") >= 1


async def test_a_replay_tells_nothing_twice(collector: Collector, environment: WorkflowEnvironment) -> None:
    """A worker that keeps no saga in memory replays at every step; each start is told once all the same."""
    world = World(environment, cached=0)
    world.client = traced(environment)
    async with world:
        _, handle = await world.accepted(("MUG", 1))
        await world.deliver(handle)
        history = await handle.fetch_history()
    tracing.end()
    scheduled = sum(event.HasField("activity_task_scheduled_event_attributes") for event in history.events)
    assert scheduled > 0
    starts = collector.named("StartActivity:")
    assert len({span.span for span in starts}) == len(starts)
    assert len(collector.named("RunWorkflow:")) == len(collector.named("CompleteWorkflow:")) == 1
    remote = [span for span in collector.named("RunActivity:") if collector.above(span)]
    assert len(remote) >= scheduled


async def test_sagas_go_on_when_traces_are_switched(environment: WorkflowEnvironment, collector: Collector) -> None:
    """An order begun without traces ends with them: what is told is no part of its history's commands."""
    plain = World(environment)
    async with plain:
        _, handle = await plain.accepted(("MUG", 1))
    plain.client = traced(environment)
    async with plain:
        await plain.deliver(handle)
        assert await plain.failed_tasks() == []
    tracing.end()
    assert collector.named("RunActivity:")


async def test_lines_have_the_ids_of_their_trace_and_order(
    collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours, those of libraries, and those of workflow code, which tell their workflow only: it may be a return's."""
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logging(Settings(_env_file=None), "worker")
    try:
        with tracing.span("a step") as step:
            for workflow in ("order-7", "return-7-1", "stop-9"):
                told = {"temporal_workflow": {"workflow_id": workflow}}
                logging.getLogger("temporalio.workflow").info("told", extra=told)
        logging.getLogger("ordersaga").info("outside")
    finally:
        root.handlers, root.level = before
    inside, returned, stopped, outside = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    context = step.get_span_context()
    assert (inside["trace_id"], inside["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert inside["order_id"] == returned["order_id"] == "7"
    assert "order_id" not in stopped
    assert not {"trace_id", "span_id", "order_id"} & set(outside)


async def test_a_gate_that_is_closed_is_told_as_such(collector: Collector) -> None:
    """A call that was kept back has a span that failed, with the code of why."""
    gates = LaneGates(board := Board(), board.clock)
    await board.pause("carriers", timedelta(minutes=1), "too many", "company")
    with pytest.raises(RetryError):
        async with gates.of("carriers").passing():
            raise AssertionError("it is closed")
    tracing.end()
    (call,) = collector.named("call carriers")
    assert (call.failed, call.attributes["error.type"], call.attributes["lane"]) == (True, "lane_paused", "carriers")


def test_without_a_collector_nothing_is_traced() -> None:
    """No span is made, no header sent, and no line has ids."""
    tracing.begin("", "test")
    assert not tracing.are_on()
    assert list(interceptors()) == []
    with tracing.span("nothing") as nothing:
        assert not nothing.is_recording()
        assert tracing.ids() == {}


def test_a_share_of_traces_is_kept_and_what_a_caller_traces_is_kept_whole(collector: Collector) -> None:
    """A share of none tells of nothing that begins here, and of everything a caller traces."""
    tracing.end()
    tracing.begin(collector.url, "test", share=0.0)
    with tracing.span("ours"):
        pass
    with tracing.span("asked for", parent=tracing.asked_by({"traceparent": f"00-{CALLER}-00f067aa0ba902b7-01"})):
        pass
    tracing.end()
    assert [span.name for span in collector.spans] == ["asked for"]


async def test_a_collector_that_is_away_keeps_nobody(environment: WorkflowEnvironment) -> None:
    """An order ends as always; what could not be told is given up in the time a process has to end."""
    tracing.begin(f"http://127.0.0.1:{free_port()}", "test")
    world = World(environment)
    world.client = traced(environment)
    try:
        async with world:
            _, handle = await world.accepted(("MUG", 1))
            result = await world.deliver(handle)
        assert result.status is OrderStatus.COMPLETED
    finally:
        began = monotonic()
        tracing.end()
    assert monotonic() - began < 2 * EXPORT_SECONDS


def test_spans_of_a_return_name_its_order(collector: Collector) -> None:
    """Those of what belongs to no order name none."""
    for workflow in ("order-7", "return-7-1", "stop-9"):
        tracing.tracer().start_span(workflow, attributes={"temporalWorkflowID": workflow}).end()
    tracing.end()
    named = {span.name: span.attributes.get("order_id") for span in collector.spans}
    assert named == {"order-7": "7", "return-7-1": "7", "stop-9": None}
