"""The life of an order at Amazon: what a reader sees, what stops it, and that a crash does not."""

from pathlib import Path

import httpx
import pytest

from tests.emulators.amazon_mcf.support import (
    GRANULARITY,
    NEW,
    OLD,
    SUMMARIES,
    AmazonClient,
    Json,
    new_body,
    new_id,
    old_body,
    refused,
)
from tests.support.emulators import EmulatorProcess, eventually, running

SEEN = [
    ("Received", "Received", "PROCESSING", [], None),
    ("Planning", "Planning", "PROCESSING", [], None),
    ("Processing", "Processing", "PROCESSING", ["PENDING"], None),
    ("Shipped", "Complete", "COMPLETE", ["SHIPPED"], "UNKNOWN"),
    ("InTransit", "Complete", "COMPLETE", ["SHIPPED"], "IN_TRANSIT"),
    ("Delivered", "Complete", "COMPLETE", ["SHIPPED"], "DELIVERED"),
]


def words(order: Json) -> list[str]:
    """The statuses of an order's shipments."""
    return [each["fulfillmentShipmentStatus"] for each in order["fulfillmentShipments"]]


async def tracked(amazon: AmazonClient, order_id: str) -> str | None:
    """What tracking says of the first package; None while there is none."""
    for shipment in (await amazon.old(order_id))["fulfillmentShipments"]:
        for package in shipment.get("fulfillmentShipmentPackage", []):
            path = f"{OLD}/tracking?packageNumber={package['packageNumber']}"
            return str((await amazon.call("GET", path)).json()["payload"]["currentStatus"])
    return None


async def test_each_stage_shows_in_both_versions(amazon: AmazonClient) -> None:
    """The order is complete when it left; scans and delivery are said of its packages."""
    order_id = new_id()
    await amazon.place(order_id)
    seen, packages = [], []
    for stage, *_ in SEEN:
        await amazon.advance(order_id, stage)
        seen.append(
            (
                stage,
                *await amazon.statuses(order_id),
                words(await amazon.old(order_id)),
                await tracked(amazon, order_id),
            )
        )
        shipments = (await amazon.new(order_id)).get("shipments", [])
        packages += [package["status"] for shipment in shipments for package in shipment.get("packages", [])]
    assert seen == SEEN
    assert packages == ["PROCESSING", "IN_TRANSIT", "DELIVERED"]


async def test_goods_leave_at_shipped(amazon: AmazonClient) -> None:
    """In every shipment; not while they are picked."""
    order_id, left = new_id(), []
    await amazon.script(order_id, split=2)
    await amazon.place(order_id)
    for stage in ("Processing", "Shipped"):
        await amazon.advance(order_id, stage)
        left.append([shipment["goods_left"] for shipment in (await amazon.record(order_id))["shipments"]])
    assert left == [[False, False], [True, True]]


@pytest.mark.parametrize(
    ("at", "status", "leaves"), [("Planning", "Unfulfillable", False), ("Processing", "CompletePartialled", True)]
)
async def test_what_cannot_be_fulfilled(amazon: AmazonClient, at: str, status: str, leaves: bool) -> None:
    """Before the first pick all of the order ends; afterwards the rest leaves."""
    order_id = new_id()
    await amazon.script(order_id, unfulfillable=at)
    await amazon.place(order_id)
    await amazon.advance(order_id, "Delivered")
    assert (await amazon.statuses(order_id))[0] == status
    items = (await amazon.old(order_id))["fulfillmentOrderItems"]
    assert [item["unfulfillableQuantity"] for item in items] == ([2, 0] if leaves else [2, 1])
    shipments = (await amazon.record(order_id))["shipments"]
    assert [[product["sku"] for product in each["products"]] for each in shipments if each["goods_left"]] == (
        [["SKU-B"]] if leaves else []
    )


async def test_a_scripted_stop_and_amazons_own_end(amazon: AmazonClient) -> None:
    """Stopped until released; and an order that Amazon ends itself is Unfulfillable, unless it left."""
    order_id, gone = new_id(), new_id()
    for each in (order_id, gone):
        await amazon.script(each, stop_at="Planning")
        await amazon.place(each)
        await amazon.advance(each, "Planning")
    assert (await amazon.record(order_id))["paused"] is True
    assert await amazon.process.post("release", match=order_id) == {"released": [order_id]}
    assert await amazon.process.post("provider-cancel", match=gone) == {"cancelled": [gone]}
    assert await amazon.statuses(gone) == ("Unfulfillable", "UNFULFILLABLE")
    await amazon.advance(order_id, "Shipped")
    assert await amazon.process.post("provider-cancel", match=order_id) == {"cancelled": []}
    assert await amazon.process.post("forget", match=order_id) == {"forgotten": [order_id]}
    answer = await amazon.call("GET", f"{OLD}/fulfillmentOrders/{order_id}")
    assert answer.status_code == 404


async def test_a_misspelled_script_is_refused(amazon: AmazonClient) -> None:
    """What Amazon does not know is a 422 of the control API."""
    for script in ({"stop_at": "Picked"}, {"cancel": "maybe"}, {"stopat": "Planning"}, {"tracking": "EATEN"}):
        answer = await amazon.process.request("POST", "/_control/scripts", json={"match": "never", **script})
        assert answer.status_code == 422


async def test_life_runs_by_itself_and_survives_a_crash(tmp_path: Path) -> None:
    """Orders live through every stage in virtual time, each once, despite a kill -9; a hold ends after 14 days."""
    async with running("amazon_mcf", tmp_path) as process:
        client = await AmazonClient.of(process)
        await client.place("lives")
        await client.place("held", fulfillmentAction="Hold")
        await client.call("POST", f"{NEW}/orders", json=new_body("newer"))
        await process.kill()
        with pytest.raises(httpx.TransportError):
            await client.old("lives")
        await process.start()
        await process.post("time-scale", scale=600_000)
        await eventually(lambda: _delivered(client, "lives", "newer"), seconds=30)
        for order_id in ("lives", "newer"):
            times = (await client.record(order_id))["stage_times"]
            assert list(times) == ["New", "Received", "Planning", "Processing", "Shipped", "InTransit", "Delivered"]
        await eventually(lambda: _ended(client, "held"), seconds=30)
        assert list((await client.record("held"))["stage_times"]) == ["New", "Received"]
        again = await client.call("POST", f"{OLD}/fulfillmentOrders", json=old_body("lives"))
        assert refused(again) == (400, "InvalidInput")


async def _delivered(client: AmazonClient, *order_ids: str) -> bool:
    return all([(await client.record(order_id))["stage"] == "Delivered" for order_id in order_ids])


async def _ended(client: AmazonClient, order_id: str) -> bool:
    return (await client.statuses(order_id))[0] == "Cancelled"


async def test_beyond_the_rate_is_a_429_and_settings_outlive_a_crash(tmp_path: Path) -> None:
    """Each operation has a bucket of its own for each seller; every other answer tells the rate."""
    process = EmulatorProcess("amazon_mcf", tmp_path)
    await process.start()
    await process.post("rate-limit", per_second=0.001, burst=3)
    await process.kill()
    await process.start()
    client, other = await AmazonClient.of(process), await AmazonClient.of(process, "other")
    answers = [await client.call("GET", f"{NEW}/orders") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refused(answers[-1]) == (429, "QuotaExceeded")
    assert answers[0].headers["x-amzn-ratelimit-limit"] == "0.001"
    assert all(answer.headers["x-amzn-requestid"] for answer in answers)
    assert (await client.call("GET", f"{OLD}/fulfillmentOrders")).status_code == 200
    assert (await other.call("GET", f"{NEW}/orders")).status_code == 200
    await process.post("reset")
    anew = await AmazonClient.of(process)
    assert [(await anew.call("GET", f"{NEW}/orders")).status_code for _ in range(4)] == [200, 200, 200, 429]
    await process.stop()


async def test_the_usual_rates(tmp_path: Path) -> None:
    """Thirty at once, two a second; of inventory summaries two at once."""
    async with running("amazon_mcf", tmp_path) as process:
        client = await AmazonClient.of(process)
        statuses = [(await client.call("GET", SUMMARIES, params=GRANULARITY)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        first = await client.call("GET", f"{NEW}/orders")
        assert (first.status_code, first.headers["x-amzn-ratelimit-limit"]) == (200, "2.0")


async def test_only_who_is_logged_in_may_enter(amazon: AmazonClient) -> None:
    """403 with the reason; a login that is none is refused in its own shape."""
    path = f"{NEW}/orders"
    denied = await amazon.call("GET", path, headers={"x-amz-access-token": "Atza|nobody"})
    assert refused(denied) == (403, "Unauthorized")
    assert denied.json()["errors"][0]["details"].endswith("revoked, malformed or invalid.")
    expired = await AmazonClient.of(amazon.process, "expired")
    await amazon.process.post("expire-tokens")
    denied = await expired.call("GET", path)
    assert denied.json()["errors"][0]["details"].endswith("has expired.")
    amazon.token = (await AmazonClient.of(amazon.process)).token
    assert (await amazon.call("GET", path)).status_code == 200
    for form, status, error in [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "Atzr|x"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token", "client_id": "i", "client_secret": "s"}, 400, "invalid_grant"),
    ]:
        answer = await amazon.process.request("POST", "/auth/o2/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
