"""The reference courier beyond what its API promises: scripts, pace, memory, limits. Its API is judged by
`tests/courier_check`."""

from pathlib import Path
from typing import Any

import pytest

from tests.emulators.courier.support import TO, Courier, booking, new_reference
from tests.support.emulators import eventually, receiving, running


async def test_a_life_by_its_own_clock(hasty: Courier) -> None:
    """From the label to the proof without a hand, days in seconds; each step is told once, in order."""
    shipment = await hasty.book(reference := new_reference())
    expected = ["created", "picked_up", "in_transit", "out_for_delivery", "delivered"]
    await eventually(lambda: len(hasty.heard(reference)) == len(expected), seconds=60)
    assert hasty.heard(reference) == [f"shipment.{each}" for each in expected]
    assert await hasty.types(shipment) == expected
    proof = (await hasty.shipment(shipment["id"]))["last_event"]["proof"]
    assert (proof["name_initials"], proof["left_at"]) == ("A. B. K.", None)


@pytest.mark.parametrize(
    ("end", "types"),
    [
        ("delivered_later", ["attempt_failed", "delivered"]),
        ("refused", ["refused", "returning", "returned"]),
        ("returned", ["attempt_failed", "returning", "returned"]),
    ],
)
async def test_scripts_decide_how_a_parcel_fares(courier: Courier, end: str, types: list[str]) -> None:
    """From the van on, told before the label is bought."""
    reference = new_reference()
    await courier.process.post("scripts", match=reference, end=end)
    shipment = await courier.book(reference)
    await courier.process.post("advance", match=reference, to=types[-1])
    assert await courier.types(shipment) == ["created", "picked_up", "in_transit", "out_for_delivery", *types]


@pytest.mark.parametrize("end", ["lost", "damaged"])
async def test_some_never_reach_the_van(courier: Courier, end: str) -> None:
    """And nothing follows."""
    shipment = await courier.book(reference := new_reference())
    await courier.process.post("advance", match=reference, to=end)
    assert await courier.types(shipment) == ["created", "picked_up", "in_transit", end]
    assert await courier.process.post("advance", match=reference, to="delivered") == {"advanced": []}


async def test_a_stop_holds_until_it_is_released(hasty: Courier) -> None:
    """However fast time runs; whoever is released goes on."""
    await hasty.process.post("scripts", match=(reference := new_reference()), stop_at="picked_up", left_at="porch")
    shipment = await hasty.book(reference)
    await eventually(lambda: "shipment.picked_up" in hasty.heard(reference), seconds=60)
    assert (await hasty.process.post("release", match=reference))["released"] == [shipment["id"]]
    await eventually(lambda: "shipment.delivered" in hasty.heard(reference), seconds=60)
    assert (await hasty.shipment(shipment["id"]))["last_event"]["proof"]["left_at"] == "porch"


async def test_a_kill_forgets_nothing(tmp_path: Path) -> None:
    """Shipments, keys and events are there after a restart, and a repeat is still the first answer."""
    with receiving() as receiver:
        async with running("courier", tmp_path) as process:
            courier = Courier(process, receiver)
            shipment = await courier.book(reference := new_reference())
            await process.post("advance", match=reference, to="in_transit")
            await process.kill()
            await process.start()
            assert await courier.book(reference) == shipment
            assert await courier.types(shipment) == ["created", "picked_up", "in_transit"]


async def test_the_limit(courier: Courier) -> None:
    """Beyond it 429 with the seconds to wait; another key has its own."""
    try:
        await courier.process.post("rate-limit", per_minute=2)
        answers = [await courier.ask("GET", "zones", key="sandbox_impatient") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["code"] == "rate_limited"
        assert (await courier.ask("GET", "zones", key="sandbox_patient_")).status_code == 200
    finally:
        await courier.process.post("rate-limit", per_minute=100_000)


@pytest.mark.parametrize("key", ["", "sandbox_", "production_12345678", "live_short"])
async def test_only_its_own_keys_enter(courier: Courier, key: str) -> None:
    """Anything else is 401, before any work."""
    answer = await courier.ask("POST", "shipments", key=key, json=booking(reference := new_reference()))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert await courier.process.get("records", match=reference) == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weight_grams": 0}, "weight_grams"),
        ({"weight_grams": True}, "weight_grams"),
        ({"kind": "gift"}, "kind"),
        ({"currency": "dollars"}, "currency"),
        ({"service": None}, "service"),
        ({"to": "Chicago"}, "to"),
        ({"to": {**TO, "country": "US", "name": " "}}, "to.name"),
        ({"reference": "x" * 101}, "reference"),
    ],
)
async def test_wrong_fields_are_named(courier: Courier, changes: dict[str, Any], field: str) -> None:
    """422 with the field, and its key stays free for a better body."""
    key = {"idempotency-key": (reference := new_reference())}
    answer = await courier.ask("POST", "shipments", json={**booking(reference), **changes}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert (await courier.book(reference))["status"] == "created"


@pytest.mark.parametrize(
    "path", ["shipments?limit=0", "shipments?cursor=x", "shipments?created_from=now", "events?after=-1"]
)
async def test_parameters_that_cannot_be_read(courier: Courier, path: str) -> None:
    """Are malformed."""
    answer = await courier.ask("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_audits_see_every_label(courier: Courier) -> None:
    """Bought or voided, with the reference it was bought under and the requests that led there."""
    first, second = await courier.book(reference := new_reference()), await courier.book(other := new_reference())
    await courier.ask("POST", f"shipments/{second['id']}/void")
    found = {
        each["id"]: each["label"] for each in (await courier.process.get("records", kind="shipments"))["shipments"]
    }
    assert (found[first["id"]], found[second["id"]]) == ("bought", "voided")
    asked = await courier.process.get("requests", match=other)
    assert [each["path"].rpartition("/")[2] for each in asked] == ["shipments", "void"]
    assert len(await courier.process.get("requests", match=reference)) == 1
