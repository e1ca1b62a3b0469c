"""Trackers, their events, and a parcel's life."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from easypost.errors.api.http_error import HttpError
from easypost.errors.general.signature_verification_error import SignatureVerificationError
from easypost.util import validate_webhook

from tests.emulators.easypost.conftest import SECRET
from tests.emulators.easypost.support import EasyPost, new_reference
from tests.support.emulators import Delivery, eventually, receiving, running

WAY = ["pre_transit", "in_transit", "out_for_delivery", "delivered"]


async def test_every_scan_is_an_event(easypost: EasyPost) -> None:
    """Buying creates the tracker, each scan updates it, and each event says what it was before."""
    reference = new_reference()
    bought = await easypost.bought(reference)
    await easypost.process.post("advance", match=reference, to="delivered")
    expected = [("tracker.created", WAY[0]), *(("tracker.updated", status) for status in WAY[1:])]
    await eventually(lambda: easypost.events(bought.tracker.id) == expected)
    bodies = [json.loads(each.body) for each in easypost.heard(bought.tracker.id)]
    assert [body["previous_attributes"].get("status") for body in bodies] == [None, *WAY[:-1]]
    tracker = await easypost.tracker(bought.tracker.id)
    assert [detail.status for detail in tracker.tracking_details] == WAY
    assert (await easypost.shipment(reference)).status == "delivered"


async def test_events_validate_with_the_sdk(easypost: EasyPost) -> None:
    """The SDK accepts the delivery as it came and rejects a changed body and another secret."""
    bought = await easypost.bought(new_reference())
    await eventually(lambda: len(easypost.heard(bought.tracker.id)) == 1)
    delivery = easypost.heard(bought.tracker.id)[0]
    event = _validated(delivery, SECRET)
    assert (event["object"], event["result"]["id"]) == ("Event", bought.tracker.id)
    with pytest.raises(SignatureVerificationError):
        _validated(delivery, "another")
    with pytest.raises(SignatureVerificationError):
        validate_webhook(delivery.body.encode() + b" ", _headers(delivery), SECRET)


async def test_events_can_be_duplicated_and_out_of_order(easypost: EasyPost) -> None:
    """A duplicate has the same event id; a reordered pair arrives the wrong way round."""
    reference = new_reference()
    bought = await easypost.bought(reference)
    await eventually(lambda: len(easypost.heard(bought.tracker.id)) == 1)
    await easypost.process.post("webhooks", reorder=True, match=bought.tracker.id, times=1)
    await easypost.process.post("advance", match=reference, to="out_for_delivery")
    wrong_way = [("tracker.created", WAY[0]), ("tracker.updated", WAY[2]), ("tracker.updated", WAY[1])]
    await eventually(lambda: easypost.events(bought.tracker.id) == wrong_way)
    await easypost.process.post("webhooks", duplicate=1, match=bought.tracker.id, times=1)
    await easypost.process.post("advance", match=reference, to="delivered")
    await eventually(lambda: len(easypost.heard(bought.tracker.id)) == 5)
    last = [json.loads(each.body)["id"] for each in easypost.heard(bought.tracker.id)[-2:]]
    assert last[0] == last[1]


@pytest.mark.parametrize("end", ["return_to_sender", "failure"])
async def test_a_parcel_can_end_badly(easypost: EasyPost, end: str) -> None:
    """A script registered before the purchase decides the end."""
    reference = new_reference()
    await easypost.process.post("scripts", match=reference, end=end)
    bought = await easypost.bought(reference)
    await easypost.process.post("advance", match=reference, to="delivered")
    tracker = await easypost.tracker(bought.tracker.id)
    assert [detail.status for detail in tracker.tracking_details] == [*WAY[:-1], end]


async def test_an_operator_may_end_a_parcel_badly_at_once(easypost: EasyPost) -> None:
    """Advancing to another end than delivery takes that end, and there is nothing beyond it."""
    reference = new_reference()
    bought = await easypost.bought(reference)
    await easypost.process.post("advance", match=reference, to="failure")
    assert await easypost.process.post("advance", match=reference, to="delivered") == {"advanced": []}
    tracker = await easypost.tracker(bought.tracker.id)
    assert [detail.status for detail in tracker.tracking_details] == [*WAY[:-1], "failure"]


async def test_trackers_are_found_by_code(easypost: EasyPost) -> None:
    """Listing by tracking code gives the one tracker, and creating one for a known code gives the same."""
    bought = await easypost.bought(new_reference())
    service = easypost.client.tracker
    found = await asyncio.to_thread(service.all, tracking_code=bought.tracking_code)
    assert ([each.id for each in found["trackers"]], found["has_more"]) == ([bought.tracker.id], False)
    created = await asyncio.to_thread(service.create, tracking_code=bought.tracking_code, carrier="USPS")
    assert created.id == bought.tracker.id
    test_code = await asyncio.to_thread(service.create, tracking_code="EZ4000000004", carrier="USPS")
    assert test_code.status == "delivered"


async def test_life_runs_stops_and_ends_with_the_label(tmp_path: Path) -> None:
    """While one parcel is delivered, one stops at its first scan until released and a voided one is never scanned."""
    async with running("easypost", tmp_path) as process:
        with receiving() as receiver:
            company = EasyPost(process, receiver)
            await process.post("scripts", match="stays", stop_at="in_transit")
            free, held, voided = [await company.bought(name) for name in ("goes", "stays", "void")]
            await company.refund(voided)
            await process.post("time-scale", scale=100_000)
            await eventually(lambda: _has_status(company, free, "delivered"), seconds=30)
            assert (await company.tracker(held.tracker.id)).status == "in_transit"
            assert (await company.tracker(voided.tracker.id)).status == "pre_transit"
            assert (await company.shipment("void")).refund_status == "refunded"
            assert await process.post("release", match="stays") == {"released": [held.tracker.id]}
            await eventually(lambda: _has_status(company, held, "delivered"), seconds=30)


async def test_a_killed_company_goes_on_where_it_was(tmp_path: Path) -> None:
    """After kill -9 the label is still bought, the parcel moves on, and every scan happens once."""
    async with running("easypost", tmp_path, time_scale=20_000) as process:
        with receiving() as receiver:
            company = EasyPost(process, receiver)
            bought = await company.bought("crash")
            await eventually(lambda: _has_status(company, bought, "in_transit"))
            await process.kill()
            with pytest.raises(HttpError):
                await company.shipment("crash")
            await process.start()
            assert (await company.shipment("crash")).postage_label.id == bought.postage_label.id
            await eventually(lambda: _has_status(company, bought, "delivered"), seconds=30)
            details = (await company.tracker(bought.tracker.id)).tracking_details
            assert [detail.status for detail in details] == WAY


async def _has_status(company: EasyPost, shipment: Any, status: str) -> bool:
    return bool((await company.tracker(shipment.tracker.id)).status == status)


def _headers(delivery: Delivery) -> dict[str, str]:
    """Header names as HTTP servers with case-insensitive mappings hand them to the SDK."""
    return {"X-Hmac-Signature": delivery.headers["x-hmac-signature"]}


def _validated(delivery: Delivery, secret: str) -> dict[str, Any]:
    event: dict[str, Any] = validate_webhook(delivery.body.encode(), _headers(delivery), secret)
    return event
