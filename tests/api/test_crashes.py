"""`kill -9` on an order's way from its acceptance to its saga: one saga, one answer, whatever the moment."""

import asyncio
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.statuses import ConfirmOutcome
from tests.api.conftest import Shop
from tests.support.api import order_body
from tests.support.starting import unstarted
from workers.relay_starter import Starter

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0


async def die(shop: Shop, where: str, order_id: str) -> None:
    """A process takes the order and is killed at that point."""
    database_url = shop.api.services.settings.database_url.get_secret_value()
    address = shop.orders.temporal.service_client.config.target_host
    command = (sys.executable, "-m", "tests.api.dying", where, database_url, address, order_id)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


async def decided(shop: Shop, order_id: str) -> OrderRecord:
    """The order once it has an outcome, a starter looking after it as the relay does."""
    starter, limit = Starter(shop.api.services), time.monotonic() + PATIENCE
    while True:
        await starter.step()
        record = await shop.api.services.journal.get(order_id)
        assert record is not None, "an order that was accepted is never lost"
        if record.outcome is not None and record.started:
            return record
        assert time.monotonic() < limit, f"never decided: {record.status}"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("where", ["before_start", "before_mark", "after_claim"])
async def test_a_kill_on_the_way_to_the_saga_costs_nothing(shop: Shop, where: str) -> None:
    """Between commit and start, between start and mark, in a starter between claim and start: the order is there with
    its hold; a starter starts it, once, and whoever asks again hears the outcome."""
    order_id = f"killed_{where}"
    await die(shop, where, order_id)
    assert await unstarted(shop.api.services.pool) in ([order_id], [] if where == "before_mark" else [order_id])

    record = await decided(shop, order_id)

    assert record.outcome == ConfirmOutcome.CONFIRMED
    answer = await shop.api.post("/v1/orders", order_body(order_id=order_id), role="checkout")
    assert (answer.status_code, answer.json()["outcome"]) == (201, "confirmed")
    assert await shop.orders.place(record.order, timedelta(seconds=20)) is not None
    described = await shop.orders.temporal.get_workflow_handle(workflow_id(order_id)).describe()
    assert described.raw_description.workflow_execution_info.first_run_id == described.run_id
    assert len(shop.payments.called("authorize")) == 1
    (level,) = await shop.api.services.catalog.stock_levels(sku="MUG")
    assert (level.on_hand, level.held) == (10, 1)
    assert not await Starter(shop.api.services).step()
