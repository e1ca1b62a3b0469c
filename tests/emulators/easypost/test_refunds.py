"""Voiding labels at EasyPost: asked for now, decided later."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from easypost.errors.api.invalid_request_error import InvalidRequestError

from tests.emulators.easypost.conftest import SECRET
from tests.emulators.easypost.support import EasyPost, new_reference
from tests.support.emulators import eventually, receiving, running


@pytest.fixture(scope="module")
async def quick(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EasyPost]:
    """A company where a carrier decides on a refund within a second, and a first scan takes six."""
    data = tmp_path_factory.mktemp("easypost-quick")
    with receiving() as receiver:
        options = {"time_scale": 3600, "webhook_url": receiver.url, "webhook_secret": SECRET}
        async with running("easypost", data, **options) as process:
            yield EasyPost(process, receiver)


async def test_an_unscanned_label_is_refunded(quick: EasyPost) -> None:
    """The refund is submitted, later refunded and announced; the voided parcel is never scanned."""
    reference = new_reference()
    bought = await quick.bought(reference)
    assert (await quick.refund(bought)).refund_status == "submitted"
    await eventually(lambda: _has_refund(quick, bought, "refunded"))
    await eventually(lambda: ("refund.successful", "refunded") in quick.events(bought.id))
    records = await quick.records(bought.id)
    assert [shipment["label"] for shipment in records["shipments"]] == ["voided"]
    assert [refund["status"] for refund in records["refunds"]] == ["refunded"]
    assert await quick.process.post("advance", match=reference, to="delivered") == {"advanced": []}
    assert (await quick.tracker(bought.tracker.id)).status == "pre_transit"


@pytest.mark.parametrize("decision", ["rejected", "not_applicable"])
async def test_a_carrier_may_refuse_later(quick: EasyPost, decision: str) -> None:
    """A submitted refund can end rejected or not applicable: the label stays bought and no event is sent."""
    reference = new_reference()
    await quick.process.post("scripts", match=reference, refund=decision, stop_at="pre_transit")
    bought = await quick.bought(reference)
    await quick.refund(bought)
    await eventually(lambda: _has_refund(quick, bought, decision))
    assert (await quick.records(bought.id))["shipments"][0]["label"] == "bought"
    assert "refund.successful" not in [description for description, _ in quick.events(bought.id)]


async def test_a_rejected_refund_may_be_asked_for_again(quick: EasyPost) -> None:
    """After a rejection a second request is taken, and can succeed."""
    reference = new_reference()
    await quick.process.post("scripts", match=reference, refund="rejected", stop_at="pre_transit")
    bought = await quick.bought(reference)
    await quick.refund(bought)
    await eventually(lambda: _has_refund(quick, bought, "rejected"))
    await quick.process.post("scripts", match=reference, refund="refunded", stop_at="pre_transit")
    assert (await quick.refund(bought)).refund_status == "submitted"
    await eventually(lambda: _has_refund(quick, bought, "refunded"))


async def test_a_parcel_under_way_is_not_refunded(easypost: EasyPost) -> None:
    """After the first scan the request is refused at once and nothing is recorded."""
    reference = new_reference()
    bought = await easypost.bought(reference)
    await easypost.process.post("advance", match=reference, to="in_transit")
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.refund(bought)
    assert (refused.value.http_status, refused.value.code) == (422, "SHIPMENT.REFUND.UNAVAILABLE")
    assert (await easypost.shipment(bought.id)).refund_status is None
    assert "refunds" not in await easypost.records(bought.id)


async def test_a_scan_after_the_request_rejects_it(quick: EasyPost) -> None:
    """A parcel handed over although its label was to be voided is scanned, and the refund rejected."""
    reference = new_reference()
    await quick.process.post("scripts", match=reference, stop_at="in_transit")
    bought = await quick.bought(reference)
    await quick.refund(bought)
    moved = await quick.process.post("advance", match=reference, to="in_transit")
    assert moved == {"advanced": [bought.tracker.id]}
    await eventually(lambda: _has_refund(quick, bought, "rejected"))
    assert (await quick.records(bought.id))["shipments"][0]["label"] == "bought"


async def test_a_label_is_refunded_once(easypost: EasyPost) -> None:
    """A second request while the first is submitted is refused; there is one refund."""
    bought = await easypost.bought(new_reference())
    await easypost.refund(bought)
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.refund(bought)
    assert refused.value.code == "SHIPMENT.REFUND.UNAVAILABLE"
    assert (await easypost.shipment(bought.id)).refund_status == "submitted"
    assert len((await easypost.records(bought.id))["refunds"]) == 1
    newest = await asyncio.to_thread(easypost.client.refund.all, page_size=1)
    assert [refund.shipment_id for refund in newest["refunds"]] == [bought.id]


async def test_nothing_bought_is_nothing_to_refund(easypost: EasyPost) -> None:
    """A shipment without postage cannot be refunded."""
    shipment = await easypost.create(new_reference())
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.refund(shipment)
    assert refused.value.code == "SHIPMENT.POSTAGE.REQUIRED"


async def _has_refund(company: EasyPost, shipment: Any, status: str) -> bool:
    return bool((await company.shipment(shipment.id)).refund_status == status)
