"""Creating, finding and buying EasyPost shipments."""

import asyncio
import base64
from datetime import datetime, timedelta

import httpx
import pytest
from easypost.easypost_client import EasyPostClient
from easypost.errors.api.http_error import HttpError
from easypost.errors.api.invalid_request_error import InvalidRequestError
from easypost.errors.api.not_found_error import NotFoundError
from easypost.errors.api.unauthorized_error import UnauthorizedError

from tests.emulators.easypost.support import TO, EasyPost, new_reference


async def test_a_new_shipment_has_rates_and_no_label(easypost: EasyPost) -> None:
    """Creating rates three carriers and buys nothing."""
    shipment = await easypost.create(new_reference())
    assert {rate.carrier for rate in shipment.rates} == {"FedEx", "UPS", "USPS"}
    assert all(rate.id.startswith("rate_") and float(rate.rate) > 0 for rate in shipment.rates)
    assert shipment.id.startswith("shp_")
    assert (shipment.mode, shipment.status, shipment.postage_label, shipment.tracker) == ("test", "unknown", None, None)
    assert shipment.lowest_rate(carriers=["UPS"]).service == "Ground"


async def test_a_return_goes_the_other_way(easypost: EasyPost) -> None:
    """Told the addresses of the way there, EasyPost switches them; its own return and buyer addresses follow."""
    there = await easypost.create(new_reference())
    back = await easypost.create(new_reference(), is_return=True)
    assert (there.is_return, there.from_address.city, there.to_address.city) == (False, "Reno", "Chicago")
    assert (back.is_return, back.from_address.city, back.to_address.city) == (True, "Chicago", "Reno")
    assert (back.return_address.city, back.buyer_address.city) == ("Chicago", "Reno")
    assert (await easypost.buy(back)).postage_label is not None


async def test_buying_gives_a_label_and_a_tracker(easypost: EasyPost) -> None:
    """A bought shipment has label, tracking code and a tracker in pre_transit, found again by its id."""
    shipment = await easypost.create(new_reference())
    rate = shipment.lowest_rate(carriers=["FedEx"])
    bought = await easypost.buy(shipment, rate)
    assert (bought.selected_rate.id, bought.postage_label.object) == (rate.id, "PostageLabel")
    assert bought.postage_label.id.startswith("pl_")
    assert (bought.tracker.id[:4], bought.tracker.status, bought.status) == ("trk_", "pre_transit", "pre_transit")
    assert bought.tracker.tracking_code == bought.tracking_code
    tracker = await easypost.tracker(bought.tracker.id)
    assert (tracker.carrier, tracker.shipment_id) == ("FedEx", bought.id)


async def test_buying_twice_is_refused_and_keeps_the_label(easypost: EasyPost) -> None:
    """The second purchase is SHIPMENT.POSTAGE.EXISTS; the first label stays the only one."""
    bought = await easypost.bought(new_reference())
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.buy(bought, bought.rates[0])
    assert (refused.value.http_status, refused.value.code) == (422, "SHIPMENT.POSTAGE.EXISTS")
    assert (await easypost.shipment(bought.id)).postage_label.id == bought.postage_label.id


async def test_racing_purchases_buy_one_label(easypost: EasyPost) -> None:
    """Of five simultaneous purchases one succeeds."""
    shipment = await easypost.create(new_reference())
    results = await asyncio.gather(*(easypost.buy(shipment) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, InvalidRequestError) for result in results) == 4
    codes = {record["tracking_code"] for record in (await easypost.records(shipment.id))["trackers"]}
    assert len(codes) == 1


async def test_a_resent_creation_makes_a_second_shipment(easypost: EasyPost) -> None:
    """There are no idempotency keys: the reference gives the latest, and both exist."""
    reference = new_reference()
    first, second = await easypost.create(reference), await easypost.create(reference)
    assert first.id != second.id
    assert (await easypost.shipment(reference)).id == second.id
    assert (await easypost.shipment(first.id)).id == first.id
    assert len((await easypost.records(reference))["shipments"]) == 2


async def test_a_lost_purchase_is_found_by_reference(easypost: EasyPost) -> None:
    """After a lost answer the label exists: retrieving by reference shows it, buying again is refused."""
    reference = new_reference()
    shipment = await easypost.create(reference)
    await easypost.process.post("faults", method="POST", path=f"/{shipment.id}/buy$", kind="lose_answer", times=1)
    with pytest.raises(HttpError):
        await easypost.buy(shipment)
    assert (await easypost.shipment(reference)).postage_label is not None
    with pytest.raises(InvalidRequestError):
        await easypost.buy(shipment)
    assert len((await easypost.records(shipment.id))["trackers"]) == 1


async def test_a_purchase_reset_before_the_work_bought_nothing(easypost: EasyPost) -> None:
    """A connection reset before the work looks the same to the caller, and there is no label."""
    reference = new_reference()
    shipment = await easypost.create(reference)
    await easypost.process.post("faults", method="POST", path=f"/{shipment.id}/buy$", kind="reset_before", times=1)
    with pytest.raises(HttpError):
        await easypost.buy(shipment)
    assert (await easypost.shipment(reference)).postage_label is None


async def test_a_refused_label_buys_nothing(easypost: EasyPost) -> None:
    """The fault label_refused is a carrier's error; nothing is bought and buying later works."""
    shipment = await easypost.create(new_reference())
    await easypost.process.post("faults", path=f"/{shipment.id}/buy$", kind="refuse", code="label_refused", times=1)
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.buy(shipment)
    assert (refused.value.http_status, refused.value.code) == (422, "SHIPMENT.POSTAGE.FAILURE")
    assert (await easypost.shipment(shipment.id)).postage_label is None
    assert (await easypost.buy(shipment)).postage_label is not None


async def test_a_rate_of_another_shipment_buys_nothing(easypost: EasyPost) -> None:
    """Only a rate of the shipment itself can be bought."""
    shipment, other = await easypost.create(new_reference()), await easypost.create(new_reference())
    with pytest.raises(InvalidRequestError):
        await easypost.buy(shipment, other.rates[0])
    assert (await easypost.shipment(shipment.id)).postage_label is None


@pytest.mark.parametrize("change", [{"zip": "00000"}, {"street1": "1 UNDELIVERABLE Way"}])
async def test_an_unverifiable_address_is_refused(easypost: EasyPost, change: dict[str, str]) -> None:
    """Such an address is ADDRESS.VERIFY.FAILURE and no shipment exists."""
    reference = new_reference()
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.create(reference, to_address={**TO, **change})
    assert (refused.value.http_status, refused.value.code) == (422, "ADDRESS.VERIFY.FAILURE")
    assert await easypost.records(reference) == {}


@pytest.mark.parametrize("missing", ["to_address", "from_address"])
async def test_a_shipment_needs_both_addresses(easypost: EasyPost, missing: str) -> None:
    """A missing address is named in the error."""
    with pytest.raises(InvalidRequestError) as refused:
        await easypost.create(new_reference(), **{missing: None})
    assert refused.value.code == "PARAMETER.REQUIRED"
    assert [error["field"] for error in refused.value.json_body["error"]["errors"]] == [missing]


async def test_an_unknown_shipment_is_not_found(easypost: EasyPost) -> None:
    """Neither an id nor a reference of nothing is found."""
    for name in ("shp_0", new_reference()):
        with pytest.raises(NotFoundError) as missing:
            await easypost.shipment(name)
        assert missing.value.code == "NOT_FOUND"


async def test_shipments_are_listed_in_pages(easypost: EasyPost) -> None:
    """The list is newest first, tells whether there is more, and leaves out the unpurchased unless they are wanted."""
    first, second = await easypost.bought(new_reference()), await easypost.create(new_reference())
    service = easypost.client.shipment
    page = await asyncio.to_thread(service.all, page_size=1, purchased=False)
    assert ([each.id for each in page["shipments"]], page["has_more"]) == ([second.id], True)
    following = await asyncio.to_thread(service.get_next_page, page, page_size=1)
    assert [each.id for each in following["shipments"]] == [first.id]
    for purchased in ({"purchased": True}, {}):
        page = await asyncio.to_thread(service.all, page_size=1, **purchased)
        assert [each.id for each in page["shipments"]] == [first.id]


async def test_a_list_looks_between_two_moments(easypost: EasyPost) -> None:
    """Both ends are excluded; one that is not named lies a month from the other; nonsense is refused."""
    shipment = await easypost.bought(new_reference())
    made = datetime.fromisoformat(str(shipment.created_at).replace("Z", "+00:00"))
    second, month = timedelta(seconds=1), timedelta(days=30)

    async def listed(**window: datetime) -> bool:
        named = {name: at.isoformat() for name, at in window.items()}
        page = await asyncio.to_thread(easypost.client.shipment.all, page_size=1, **named)
        return shipment.id in [each.id for each in page["shipments"]]

    assert await listed(start_datetime=made - second)
    assert not await listed(start_datetime=made)
    assert await listed(end_datetime=made + second)
    assert not await listed(end_datetime=made)
    assert await listed(start_datetime=made - month + second)
    assert not await listed(start_datetime=made - month - second)
    assert not await listed(end_datetime=made + month + second)
    with pytest.raises(InvalidRequestError):
        await asyncio.to_thread(easypost.client.shipment.all, start_datetime="yesterday")


async def test_an_api_key_is_needed(easypost: EasyPost) -> None:
    """Without a key every call is a 401; the key may come as Bearer or as Basic user name."""
    keyless = EasyPostClient(" ", api_base=f"{easypost.process.url}/v2", timeout=5)
    with pytest.raises(UnauthorizedError):
        await asyncio.to_thread(keyless.shipment.retrieve, "shp_0")
    statuses = [await _status(easypost, header) for header in (None, "Basic " + base64.b64encode(b"EZTK_x:").decode())]
    assert statuses == [401, 200]


async def _status(easypost: EasyPost, authorization: str | None) -> int:
    headers = {"authorization": authorization} if authorization else {}
    answer: httpx.Response = await easypost.process.request("GET", "/v2/shipments", headers=headers)
    return answer.status_code


async def test_fault_is_matched_by_the_reference_of_the_shipment_in_the_path(easypost: EasyPost) -> None:
    """Buying names only the shipment; a fault for one reference leaves the others alone."""
    meant, spared = new_reference(), new_reference()
    await easypost.process.post("faults", path="/buy$", match=meant, kind="refuse", code="label_refused", times=1)
    with pytest.raises(InvalidRequestError):
        await easypost.bought(meant)
    assert (await easypost.bought(spared)).postage_label is not None
