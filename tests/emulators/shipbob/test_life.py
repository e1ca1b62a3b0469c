"""The life of a parcel at ShipBob: what a poller sees, what stops it, and that a crash does not."""

import itertools
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.emulators.shipbob.support import Json, ShipBobClient, detail_names, new_reference
from tests.support.emulators import EmulatorProcess, eventually, receiving, running

SEEN = [
    ("Processing", "Processing", [], False),
    ("Picked", "Processing", ["Picked"], False),
    ("Packed", "Processing", ["Packed"], False),
    ("LabeledCreated", "LabeledCreated", ["Labeled"], True),
    ("Completed", "Completed", ["Processing"], True),
    ("InTransit", "Completed", ["InTransit"], True),
    ("Delivered", "Completed", ["Delivered"], True),
]
LIFE_HOURS = 59.5


async def test_each_stage_shows_in_status_and_details(shipbob: ShipBobClient) -> None:
    """Stage by stage the status, the detail and the tracking number are those of the status reference."""
    reference = new_reference()
    order = await shipbob.place(reference)
    seen = []
    for stage, *_ in SEEN:
        await shipbob.process.post("advance", match=reference, to=stage)
        shipment = await shipbob.shipment(order)
        tracked = shipment["tracking"]["tracking_number"] is not None
        seen.append((stage, shipment["status"], detail_names(shipment), tracked))
    assert seen == SEEN
    tracking = (await shipbob.shipment(order))["tracking"]
    assert tracking["carrier"] == "USPS"
    assert tracking["tracking_url"].endswith(tracking["tracking_number"])


async def test_goods_leave_exactly_at_completed(shipbob: ShipBobClient) -> None:
    """A printed label is not yet a departure: goods leave at Completed, which fulfills the order."""
    reference = new_reference()
    order = await shipbob.place(reference)
    left = []
    for stage in ("LabeledCreated", "Completed"):
        await shipbob.process.post("advance", match=reference, to=stage)
        record = await shipbob.record(reference)
        left.append((record["shipments"][0]["goods_left"], (await shipbob.order(order["id"]))["status"]))
    assert left == [(False, "Processing"), (True, "Fulfilled")]


async def test_an_order_with_one_of_two_parcels_gone_is_partially_fulfilled(shipbob: ShipBobClient) -> None:
    """The sandbox simulation ships one shipment of two; the order is PartiallyFulfilled."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, split=2)
    order = await shipbob.place(reference)
    body = {"shipment_id": str(order["shipments"][0]["id"]), "simulation": {"action": "ShipOrder"}}
    answer = await shipbob.call("POST", "/simulate/shipment", json=body)
    status = (await shipbob.call("GET", f"/simulate/status/{answer.json()['simulation_id']}")).json()
    assert (status["simulation"]["action"], status["simulation"]["status"]) == ("ShipOrder", "Completed")
    now = await shipbob.order(order["id"])
    assert (now["status"], [each["status"] for each in now["shipments"]]) == (
        "PartiallyFulfilled",
        ["Completed", "Processing"],
    )


async def test_a_simulation_ships_then_delivers(shipbob: ShipBobClient) -> None:
    """Actions chained with `next` run one after the other."""
    order = await shipbob.place(new_reference())
    chain = {"action": "ShipOrder", "next": {"action": "DeliverOrder"}}
    body = {"shipment_id": str(order["shipments"][0]["id"]), "simulation": chain}
    assert (await shipbob.call("POST", "/simulate/shipment", json=body)).status_code == 200
    assert detail_names(await shipbob.shipment(order)) == ["Delivered"]


@pytest.mark.parametrize(
    ("name", "status", "detail", "topic"),
    [
        ("OutOfStock", "Exception", "OutOfStock", "order.shipment.exception"),
        ("AddressInvalid", "OnHold", "InvalidAddress", "order.shipment.on_hold"),
    ],
)
async def test_a_scripted_trouble_stops_and_is_announced(
    shipbob: ShipBobClient, name: str, status: str, detail: str, topic: str
) -> None:
    """A script registered before the order stops it in Exception or OnHold; released, it goes on."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, exception={"at": "Processing", "name": name})
    order = await shipbob.place(reference)
    shipment = order["shipments"][0]
    assert (shipment["status"], detail_names(shipment), order["status"]) == (status, [detail], "Exception")
    await eventually(lambda: shipbob.topics(reference) == [topic])
    released = await shipbob.process.post("release", match=reference)
    assert released == {"released": [shipment["id"]]}
    assert (await shipbob.shipment(order))["status"] == "Processing"


async def test_an_order_in_trouble_can_be_cancelled(shipbob: ShipBobClient) -> None:
    """An exception before the pick does not stand in the way of a cancellation."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, exception={"at": "Processing", "name": "OutOfStock"})
    order = await shipbob.place(reference)
    assert (await shipbob.cancel(order)).json()["status"] == "Success"
    await eventually(lambda: shipbob.topics(reference) == ["order.shipment.exception", "order.shipment.cancelled"])


async def test_a_delivery_exception_is_seen_only_by_polling(shipbob: ShipBobClient) -> None:
    """A carrier's delivery exception changes the detail and sends no webhook."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, exception={"at": "InTransit", "name": "DeliveryException"})
    order = await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to="InTransit")
    shipment = await shipbob.shipment(order)
    assert (shipment["status"], detail_names(shipment)) == ("Completed", ["DeliveryException"])
    await shipbob.process.post("advance", match=reference, to="Delivered")
    await eventually(lambda: shipbob.topics(reference) == ["order.shipped", "order.shipment.delivered"])


async def test_a_corrected_address_releases_the_hold(shipbob: ShipBobClient) -> None:
    """updateAddress changes the recipient and ends an InvalidAddress hold."""
    reference = new_reference()
    await shipbob.process.post("scripts", match=reference, exception={"at": "Processing", "name": "InvalidAddress"})
    order = await shipbob.place(reference)
    answer = await _update(shipbob, order, zip_code="10001")
    assert (answer.status_code, answer.json()["is_success"]) == (200, True)
    shipment = await shipbob.shipment(order)
    assert (shipment["status"], shipment["recipient"]["address"]["zip_code"]) == ("Processing", "10001")


async def test_an_address_is_not_changed_after_the_pick(shipbob: ShipBobClient) -> None:
    """A picked shipment keeps its address: 200 without success; an undeliverable address is a 400."""
    reference = new_reference()
    order = await shipbob.place(reference)
    assert (await _update(shipbob, order, zip_code="00000")).status_code == 400
    await shipbob.process.post("advance", match=reference, to="Picked")
    answer = await _update(shipbob, order, zip_code="10001")
    assert (answer.status_code, answer.json()["is_success"], answer.json()["error"]["code"]) == (200, False, "CONFLICT")
    assert (await shipbob.shipment(order))["recipient"]["address"]["zip_code"] == "60601"


async def test_the_timeline_tells_every_stage(shipbob: ShipBobClient) -> None:
    """Timeline and logs list the stages passed, oldest first."""
    reference = new_reference()
    order = await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to="Packed")
    path = f"/order/{order['id']}/shipment/{order['shipments'][0]['id']}"
    for name in ("timeline", "logs"):
        entries = (await shipbob.call("GET", f"{path}/{name}")).json()
        assert [entry["log_type_name"] for entry in entries] == ["Processing", "Picked", "Packed"]


async def test_a_misspelled_script_is_refused(shipbob: ShipBobClient) -> None:
    """A stage or a trouble ShipBob does not know is a 422 of the control API."""
    for script in ({"stop_at": "Pickd"}, {"exception": {"at": "Picked", "name": "Fire"}}, {"stopat": "Picked"}):
        answer = await shipbob.process.request("POST", "/_control/scripts", json={"match": "never", **script})
        assert answer.status_code == 422


async def test_life_runs_by_itself_at_the_time_scale(tmp_path: Path) -> None:
    """At scale N a parcel lives through all stages in 59.5 h / N, in order and with the intervals of its plan."""
    scale = 60_000
    async with running("shipbob", tmp_path, time_scale=scale) as process:
        with receiving() as receiver:
            client = ShipBobClient(process, receiver)
            order = await client.place("life")
            await eventually(lambda: _delivered(client, order), seconds=30)
            times = (await client.record("life"))["shipments"][0]["stage_times"]
    assert list(times) == [stage for stage, *_ in SEEN]
    moments = [datetime.fromisoformat(times[stage]) for stage in times]
    hours = [(later - sooner).total_seconds() * scale / 3600 for sooner, later in itertools.pairwise(moments)]
    assert [hour >= planned * 0.9 for hour, planned in zip(hours, [4, 1, 0.5, 3, 3, 48], strict=True)] == [True] * 6
    assert sum(hours) < LIFE_HOURS * 3


async def test_a_stopped_life_waits_and_a_cancelled_one_ends(tmp_path: Path) -> None:
    """While a free parcel is delivered, one stopped at Packed stays there and a cancelled one never moves."""
    async with running("shipbob", tmp_path) as process:
        with receiving() as receiver:
            client = ShipBobClient(process, receiver)
            await process.post("scripts", match="stop", stop_at="Packed")
            stopped, cancelled, free = [await client.place(name) for name in ("stop", "cancel", "free")]
            await client.cancel(cancelled)
            await process.post("time-scale", scale=120_000)
            await eventually(lambda: _delivered(client, free), seconds=30)
            assert detail_names(await client.shipment(stopped)) == ["Packed"]
            assert list((await client.record("cancel"))["shipments"][0]["stage_times"]) == ["Processing"]
            await process.post("release", match="stop")
            await eventually(lambda: _delivered(client, stopped), seconds=30)


async def test_a_killed_warehouse_goes_on_where_it_was(tmp_path: Path) -> None:
    """After kill -9 in mid-life the same order is there, its life continues, each stage happens once."""
    async with running("shipbob", tmp_path, time_scale=40_000) as process:
        with receiving() as receiver:
            client = ShipBobClient(process, receiver)
            order = await client.place("crash")
            await eventually(lambda: _has_begun(client, order))
            await process.kill()
            with pytest.raises(httpx.TransportError):
                await client.order(order["id"])
            await process.start()
            await eventually(lambda: _delivered(client, order), seconds=30)
            names = [entry["name"] for entry in (await client.record("crash"))["shipments"][0]["log"]]
            assert names == [stage for stage, *_ in SEEN]
            again = await client.call("POST", "/order", json={**(await client.record("crash"))["body"]})
            assert again.status_code == 422


async def _update(shipbob: ShipBobClient, order: Json, zip_code: str) -> httpx.Response:
    body = {"street_address1": "2 Side St", "city": "New York", "country_code": "US", "zip_code": zip_code}
    return await shipbob.call("PUT", f"/shipment/{order['shipments'][0]['id']}:updateAddress", json=body)


async def _delivered(client: ShipBobClient, order: Json) -> bool:
    return detail_names(await client.shipment(order)) == ["Delivered"]


async def _has_begun(client: ShipBobClient, order: Json) -> bool:
    return detail_names(await client.shipment(order)) not in ([], ["Delivered"])


async def test_a_restart_keeps_scripts_and_limits(tmp_path: Path) -> None:
    """What an operator set before kill -9 still holds after it."""
    process = EmulatorProcess("shipbob", tmp_path)
    await process.start()
    with receiving() as receiver:
        client = ShipBobClient(process, receiver)
        await process.post("scripts", match="kept", exception={"at": "Processing", "name": "OutOfStock"})
        await process.post("rate-limit", per_minute=3)
        await process.kill()
        await process.start()
        order = await client.place("kept")
        assert order["shipments"][0]["status"] == "Exception"
        statuses = [(await client.call("GET", "/order")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        await process.stop()
