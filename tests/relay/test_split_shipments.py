"""ShipBob cuts one parcel into several shipments: one of them never speaks for it. Emulated ShipBob, real inbox."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import CancelDecision, ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.shipbob import webhooks as shipbob_webhooks
from ordersaga.gateways.shipbob.provider import ShipBob
from tests.gateways.conftest import Company, shipbob, shipbob_company, shipbob_emulator
from tests.gateways.support import SHIPBOB_SECRET, hand_off, new_order
from tests.support.api import StubOrders
from tests.support.emulators import Delivery, EmulatorProcess, eventually
from workers.relay_deliverer import Deliverer
from workers.relay_pollers import ProviderPoller

__all__ = ["shipbob", "shipbob_company", "shipbob_emulator"]


@pytest_asyncio.fixture
async def before_shipbob(services: Services, shipbob: ShipBob) -> AsyncIterator[Services]:
    """Services that ask the emulated ShipBob."""
    yield replace(services, providers={"shipbob": shipbob})


async def received(company: Company, services: Services, needle: str, count: int) -> None:
    """Every webhook about a parcel is verified and stored."""

    def matching() -> list[Delivery]:
        return [each for each in company[1].deliveries if needle in each.body]

    await eventually(lambda: len(matching()) >= count)
    for delivery in matching():
        read = shipbob_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), SHIPBOB_SECRET)
        await services.inbox.store(read.source, read.source_id, read.order_id, read.model_dump(mode="json"))


def last(orders: StubOrders) -> ParcelEvent:
    """The latest event an order was told."""
    assert isinstance(orders.events[-1], ParcelEvent)
    return orders.events[-1]


async def test_one_shipment_delivered_is_no_parcel_delivered(
    shipbob_company: Company, shipbob: ShipBob, before_shipbob: Services, orders: StubOrders
) -> None:
    """Two shipments, one delivered: the order hears how far the other is, for one call per webhook."""
    order, (emulator, _) = new_order(), shipbob_company
    await emulator.post("scripts", match=order, split=2)
    found = await shipbob.submit(hand_off(order))
    (standing,) = (
        await emulator.request("GET", f"/2026-01/order?ReferenceIds={found.reference}", headers=BEARER)
    ).json()
    first = standing["shipments"][0]["id"]
    action = {"action": "ShipOrder", "next": {"action": "DeliverOrder"}}
    body = {"shipment_id": str(first), "simulation": action}
    answer = await emulator.request("POST", "/2026-01/simulate/shipment", json=body, headers=BEARER)
    assert answer.is_success, answer.text
    await received(shipbob_company, before_shipbob, found.reference, 2)
    asked = await looks(emulator, found.reference)
    await Deliverer(before_shipbob).step()
    assert {event.status for event in orders.events if isinstance(event, ParcelEvent)} == {ParcelStatus.ACCEPTED}
    assert await looks(emulator, found.reference) - asked == len(orders.events) == 2
    assert await before_shipbob.inbox.count_by_status() == {"delivered": 2}


async def test_a_partial_cancellation_is_told_as_such(
    shipbob_company: Company, shipbob: ShipBob, before_shipbob: Services, orders: StubOrders
) -> None:
    """One of two shipments canceled: the parcel lives, and the order hears that less leaves than was sold."""
    order, (emulator, _) = new_order(), shipbob_company
    await emulator.post("scripts", match=order, cancel="partial")
    found = await shipbob.submit(hand_off(order))
    assert await shipbob.cancel(found.reference) is CancelDecision.REFUSED
    await received(shipbob_company, before_shipbob, found.reference, 1)
    await Deliverer(before_shipbob).step()
    event = last(orders)
    assert (event.status, event.partial) == (ParcelStatus.ACCEPTED, True)
    assert event.detail == "1 of 2 shipments canceled"
    assert event.canceled_lines == (LineQuantity(sku="SKU-A", quantity=2),)


async def test_the_poller_tells_a_partial_cancellation_too(
    shipbob_company: Company, shipbob: ShipBob, before_shipbob: Services, orders: StubOrders
) -> None:
    """No webhook came: what ShipBob lists as changed names the same units, once."""
    order, (emulator, _) = new_order(), shipbob_company
    await emulator.post("scripts", match=order, cancel="partial")
    found = await shipbob.submit(hand_off(order))
    await shipbob.cancel(found.reference)
    for _ in range(2):
        await ProviderPoller(before_shipbob, "shipbob").step()
        await Deliverer(before_shipbob).step()
    told = [event for event in orders.events if isinstance(event, ParcelEvent) and order in event.source_id]
    assert [(event.status, event.partial, event.canceled_lines) for event in told] == [
        (ParcelStatus.ACCEPTED, True, (LineQuantity(sku="SKU-A", quantity=2),))
    ]


async def test_a_look_that_fails_is_repeated_and_never_given_up(
    shipbob_company: Company, shipbob: ShipBob, before_shipbob: Services, orders: StubOrders
) -> None:
    """ShipBob away: the message waits with the reason, and no attempt counts; then it arrives."""
    order, (emulator, _) = new_order(), shipbob_company
    found = await shipbob.submit(hand_off(order))
    await emulator.post("advance", match=order, to="LabeledCreated")
    await received(shipbob_company, before_shipbob, found.reference, 1)
    await emulator.post("faults", kind="status", status=503, method="GET", match=order)
    await Deliverer(before_shipbob).step()
    row = await before_shipbob.pool.fetchrow("SELECT status, attempts, error FROM webhook_inbox")
    assert row is not None
    assert (row["status"], row["attempts"], orders.events) == ("pending", 0, [])
    assert row["error"].startswith("shipbob_unavailable")
    await emulator.delete("faults")
    await before_shipbob.pool.execute("UPDATE webhook_inbox SET next_attempt_at = now()")
    await Deliverer(before_shipbob).step()
    event = last(orders)
    assert (event.status, bool(event.tracking_number), event.partial) == (ParcelStatus.LABELED, True, False)


async def test_an_order_shipbob_does_not_show_is_asked_about_again(
    before_shipbob: Services, orders: StubOrders
) -> None:
    """A webhook about what a look does not find: tried again, and kept for a person in the end."""
    body = {"source": "shipbob", "source_id": "m1", "order_id": "a1", "lookup": "a1-1-1"}
    await before_shipbob.inbox.store("shipbob", "m1", "a1", json.loads(json.dumps(body)))
    await Deliverer(before_shipbob).step()
    row = await before_shipbob.pool.fetchrow("SELECT status, attempts, error FROM webhook_inbox")
    assert row is not None
    assert (row["status"], row["attempts"], orders.events) == ("pending", 1, [])
    assert row["error"] == "shipbob_not_visible: shipbob does not show the order a1-1-1"


BEARER = {"authorization": "Bearer pat_audit"}


async def looks(emulator: EmulatorProcess, reference: str) -> int:
    """How often ShipBob was asked for this order."""
    return len([call for call in await emulator.get("requests", match=reference) if call["method"] == "GET"])
