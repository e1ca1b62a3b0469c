"""What should not happen at a company and does: a cancellation undone, an order nobody knows any more."""

from tests.emulators.shipbob.support import Json, ShipBobClient, new_reference


async def quantities(shipbob: ShipBobClient, sku: str) -> tuple[int, int]:
    """(on hand, committed) of a SKU."""
    (level,) = (await shipbob.call("GET", "/inventory-level", params={"SearchBy": sku})).json()["items"]
    return level["total_on_hand_quantity"], level["total_committed_quantity"]


async def placed(shipbob: ShipBobClient, reference: str) -> tuple[Json, str]:
    """An order of 2 of a SKU of which 9 were counted."""
    sku = f"ACC-{reference}"
    await shipbob.process.post("inventory", sku=sku, on_hand=9)
    return await shipbob.place(reference, products=[{"reference_id": sku, "name": sku, "quantity": 2}]), sku


async def test_a_canceled_order_goes_on(shipbob: ShipBobClient) -> None:
    """Revived, it reads as never canceled, commits its goods again, ships, and can be canceled before the pick."""
    reference = new_reference()
    order, sku = await placed(shipbob, reference)
    await shipbob.cancel(order)
    assert await quantities(shipbob, sku) == (9, 0)
    assert len((await shipbob.process.post("revive", match=reference))["revived"]) == 1
    assert (await shipbob.order(order["id"]))["status"] == "Processing"
    assert await quantities(shipbob, sku) == (9, 2)
    assert (await shipbob.cancel(order)).json()["status"] == "Success"
    await shipbob.process.post("revive", match=reference)
    await shipbob.process.post("advance", match=reference, to="Completed")
    assert (await shipbob.order(order["id"]))["status"] == "Fulfilled"
    assert await quantities(shipbob, sku) == (7, 0)


async def test_a_revived_order_waits_where_a_script_stops_it(shipbob: ShipBobClient) -> None:
    """So that it is still to be canceled, whatever the pace; released, it goes its way."""
    reference = new_reference()
    order, _ = await placed(shipbob, reference)
    await shipbob.cancel(order)
    await shipbob.process.post("scripts", match=reference, stop_at="Processing")
    await shipbob.process.post("revive", match=reference)
    (shipment,) = (await shipbob.record(reference))["shipments"]
    assert (shipment["stage"], shipment["paused"]) == ("Processing", True)
    assert len((await shipbob.process.post("release", match=reference))["released"]) == 1


async def test_only_what_was_canceled_is_revived(shipbob: ShipBobClient) -> None:
    """An order under way is left as it is."""
    reference = new_reference()
    _, sku = await placed(shipbob, reference)
    assert await shipbob.process.post("revive", match=reference) == {"revived": []}
    assert await quantities(shipbob, sku) == (9, 2)


async def test_a_forgotten_order_is_nowhere(shipbob: ShipBobClient) -> None:
    """Not by id, not by reference, not in the list; its goods are free, and its reference may be used again."""
    reference = new_reference()
    order, sku = await placed(shipbob, reference)
    assert await shipbob.process.post("forget", match=reference) == {"forgotten": [order["id"]]}
    assert (await shipbob.call("GET", f"/order/{order['id']}")).status_code == 404
    assert (await shipbob.call("GET", "/order", params={"ReferenceIds": reference})).json() == []
    assert order["id"] not in [each["id"] for each in (await shipbob.call("GET", "/order")).json()]
    assert await quantities(shipbob, sku) == (9, 0)
    assert (await shipbob.place(reference))["id"] != order["id"]
