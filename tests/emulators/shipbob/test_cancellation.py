"""What ShipBob answers to a cancellation, and what then happens to the goods."""

import httpx
import pytest

from tests.emulators.shipbob.support import Json, ShipBobClient, new_reference
from tests.support.emulators import eventually


def outcomes(answer: Json) -> list[bool]:
    """Success of each shipment, in order."""
    return [result["is_success"] for result in answer["canceled_shipment_results"]]


async def test_an_unpicked_order_is_cancelled(shipbob: ShipBobClient) -> None:
    """In Processing the cancellation succeeds, is announced once, and the goods never leave."""
    reference = new_reference()
    order = await shipbob.place(reference)
    answer = await shipbob.cancel(order)
    assert (answer.status_code, answer.json()["status"], outcomes(answer.json())) == (200, "Success", [True])
    assert answer.json()["order"]["status"] == "Cancelled"
    assert (await shipbob.shipment(order))["status"] == "Cancelled"
    await eventually(lambda: shipbob.topics(reference) == ["order.shipment.cancelled"])
    moved = await shipbob.process.post("advance", match=reference, to="Delivered")
    assert moved == {"advanced": []}
    assert (await shipbob.record(reference))["shipments"][0]["goods_left"] is False


@pytest.mark.parametrize("stage", ["Picked", "Packed", "LabeledCreated"])
async def test_a_picked_order_is_not_cancelled(shipbob: ShipBobClient, stage: str) -> None:
    """From the pick on the answer is 200 with Failure, and the order goes on."""
    reference = new_reference()
    order = await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to=stage)
    answer = await shipbob.cancel(order)
    assert (answer.status_code, answer.json()["status"], outcomes(answer.json())) == (200, "Failure", [False])
    assert "picked" in answer.json()["canceled_shipment_results"][0]["reason"]
    assert (await shipbob.record(reference))["shipments"][0]["stage"] == stage
    assert "order.shipment.cancelled" not in shipbob.topics(reference)


async def test_a_completed_order_is_not_in_a_cancellable_state(shipbob: ShipBobClient) -> None:
    """Once the goods have left, canceling is a 422 for the order and for its shipment."""
    reference = new_reference()
    order = await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to="Completed")
    assert (await shipbob.cancel(order)).status_code == 422
    single = await shipbob.call("POST", f"/shipment/{order['shipments'][0]['id']}:cancel")
    assert single.status_code == 422
    assert (await shipbob.shipment(order))["status"] == "Completed"


async def test_canceling_twice_is_a_422(shipbob: ShipBobClient) -> None:
    """A cancelled order cannot be cancelled again; the second attempt announces nothing."""
    reference = new_reference()
    order = await shipbob.place(reference)
    await shipbob.cancel(order)
    again = await shipbob.cancel(order)
    assert (again.status_code, list(again.json())) == (422, ["order"])
    await eventually(lambda: shipbob.topics(reference) == ["order.shipment.cancelled"])


async def test_one_shipment_is_cancelled_alone(shipbob: ShipBobClient) -> None:
    """Canceling one of two shipments leaves the other and the order in Processing."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, split=2)
    order = await shipbob.place(reference)
    path = f"/order/{order['id']}/shipment/{order['shipments'][0]['id']}:cancel"
    answer = await shipbob.call("POST", path)
    assert (answer.status_code, answer.json()["status"]) == (200, "Cancelled")
    now = await shipbob.order(order["id"])
    assert [shipment["status"] for shipment in now["shipments"]] == ["Cancelled", "Processing"]
    assert now["status"] == "Processing"


async def test_a_batch_answers_for_each_shipment(shipbob: ShipBobClient) -> None:
    """batchCancel answers 200 with one result each, also for a picked and for an unknown shipment."""
    fresh, picked = new_reference(), new_reference()
    orders = [await shipbob.place(fresh), await shipbob.place(picked)]
    await shipbob.process.post("advance", match=picked, to="Picked")
    ids = [*(order["shipments"][0]["id"] for order in orders), 1]
    answer = await shipbob.call("POST", "/shipment:batchCancel", json={"shipment_ids": ids})
    results = answer.json()["results"]
    assert [(result["shipment_id"], result["is_success"]) for result in results] == list(
        zip(ids, [True, False, False], strict=True)
    )
    assert (await shipbob.call("POST", "/shipment:batchCancel", json={"shipment_ids": []})).status_code == 422


async def test_a_scripted_refusal_leaves_the_order_alive(shipbob: ShipBobClient) -> None:
    """With `cancel: refuse` an order that could be cancelled answers Failure and ships."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, cancel="refuse")
    order = await shipbob.place(reference)
    answer = (await shipbob.cancel(order)).json()
    assert (answer["status"], answer["order"]["status"]) == ("Failure", "Processing")
    await shipbob.process.post("advance", match=reference, to="Completed")
    assert (await shipbob.order(order["id"]))["status"] == "Fulfilled"


async def test_a_partial_cancellation_names_each_shipment(shipbob: ShipBobClient) -> None:
    """With `cancel: partial` the order has two shipments, and only the first is cancelled."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, cancel="partial")
    order = await shipbob.place(reference)
    answer = (await shipbob.cancel(order)).json()
    assert (answer["status"], outcomes(answer)) == ("PartialSuccess", [True, False])
    assert [shipment["status"] for shipment in answer["order"]["shipments"]] == ["Cancelled", "Processing"]


async def test_a_provider_may_agree_and_ship_anyway(shipbob: ShipBobClient) -> None:
    """With `cancel: agree_and_ship` the answer is Success, the status Cancelled, and later the goods leave."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, cancel="agree_and_ship")
    order = await shipbob.place(reference)
    assert (await shipbob.cancel(order)).json()["status"] == "Success"
    await shipbob.process.post("advance", match=reference, to="Packed")
    assert (await shipbob.shipment(order))["status"] == "Cancelled"
    await shipbob.process.post("advance", match=reference, to="Completed")
    assert (await shipbob.shipment(order))["status"] == "Completed"
    assert (await shipbob.record(reference))["shipments"][0]["goods_left"] is True
    await eventually(lambda: shipbob.topics(reference) == ["order.shipment.cancelled", "order.shipped"])


async def test_the_provider_cancels_by_itself(shipbob: ShipBobClient) -> None:
    """A provider's own cancellation takes a picked order too, is announced, but cannot call goods back."""
    inside, outside = new_reference(), new_reference()
    orders = [await shipbob.place(inside), await shipbob.place(outside)]
    await shipbob.process.post("advance", match=inside, to="Picked")
    await shipbob.process.post("advance", match=outside, to="Completed")
    ids = [order["shipments"][0]["id"] for order in orders]
    assert await shipbob.process.post("provider-cancel", match=inside) == {"cancelled": [ids[0]], "skipped": []}
    assert await shipbob.process.post("provider-cancel", match=outside) == {"cancelled": [], "skipped": [ids[1]]}
    assert [(await shipbob.order(order["id"]))["status"] for order in orders] == ["Cancelled", "Fulfilled"]
    await eventually(lambda: shipbob.topics(inside) == ["order.shipment.cancelled"])
    assert "order.shipment.cancelled" not in shipbob.topics(outside)


async def test_a_lost_cancel_answer_has_cancelled(shipbob: ShipBobClient) -> None:
    """After a lost answer the order is cancelled, which reading it tells."""
    reference = new_reference()
    order = await shipbob.place(reference)
    path = f"/order/{order['id']}:cancel$"
    await shipbob.process.post("faults", method="POST", path=path, kind="lose_answer", times=1)
    with pytest.raises(httpx.TransportError):
        await shipbob.cancel(order)
    assert (await shipbob.order(order["id"]))["status"] == "Cancelled"
