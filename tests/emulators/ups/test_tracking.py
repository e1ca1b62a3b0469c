"""A parcel's way, what tracking tells of it, and intercepts."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.emulators.ups.support import ACCOUNT, UPSClient, code_of, new_reference, return_body
from tests.support.emulators import eventually

INTERCEPT = "/api/deliveryintercept/v2/return"


async def test_a_parcel_lives_by_itself(ups: UPSClient) -> None:
    """From the label to the door, in virtual time."""
    number = await ups.bought(new_reference())
    await ups.process.post("time-scale", scale=1_000_000)

    async def arrived() -> bool:
        return (await ups.happened(number))[0] == "011"

    await eventually(arrived)
    await ups.process.post("time-scale", scale=1)
    assert await ups.happened(number) == ["011", "021", "005", "003"]


@pytest.mark.parametrize(
    ("end", "codes"), [("delivered", ["011"]), ("returned", ["034", "035"]), ("lost", ["068"]), ("exception", ["029"])]
)
async def test_how_a_parcel_ends(ups: UPSClient, end: str, codes: list[str]) -> None:
    """As its script says, or whoever moves it; from an end it goes nowhere."""
    await ups.process.post("scripts", match=(scripted := new_reference()), end=end)
    told = new_reference()
    for reference, to in ((scripted, "delivered"), (told, end)):
        number = await ups.bought(reference)
        assert (await ups.process.post("advance", match=reference, to=to))["advanced"] == [number]
        assert await ups.happened(number) == [*codes, "021", "005", "003"]
        assert (await ups.process.post("advance", match=reference, to="delivered"))["advanced"] == []


async def test_a_stop_holds_until_it_is_released(ups: UPSClient) -> None:
    """Whether the script came before the label or after it; a delay is no step."""
    before, after = new_reference(), new_reference()
    await ups.process.post("scripts", match=before, stop_at="label")
    numbers = [await ups.bought(before), await ups.bought(after)]
    await ups.process.post("scripts", match=after, stop_at="label")
    await ups.process.post("delay", match=before)
    held = (await ups.process.get("records", match="parcel"))["shipments"]
    assert all(each["paused"] for each in held if each["id"] in numbers)
    assert [(await ups.happened(number))[0] for number in numbers] == ["051", "003"]
    for reference, number in zip((before, after), numbers, strict=True):
        assert (await ups.process.post("release", match=reference))["released"] == [number]
        assert (await ups.process.post("release", match=reference))["released"] == []


async def test_tracking_by_reference(ups: UPSClient) -> None:
    """Of any account, or of one; within the last two weeks unless told; a 404 when there is nothing."""
    number = await ups.bought(reference := new_reference())
    (found,) = (await ups.track(reference, shipperNum=ACCOUNT)).json()["trackResponse"]["shipment"]
    assert found["package"][0]["trackingNumber"] == number
    assert found["package"][0]["referenceNumber"] == [{"type": "PACKAGE", "number": reference}]
    yesterday = datetime.now(UTC) - timedelta(days=2)
    assert code_of(await ups.track(reference, shipperNum="Z9Y8X7")) == (404, "TW0001")
    assert code_of(await ups.track(reference, toPickUpDate=f"{yesterday:%Y%m%d}")) == (404, "TW0001")
    assert code_of(await ups.track(new_reference())) == (404, "TW0001")
    assert code_of(await ups.track(reference, fromPickUpDate="soon")) == (400, "TV1008")
    assert (await ups.call("GET", "/api/track/v1/details/1Z", headers={"transId": ""})).status_code == 400


async def test_tracking_by_number_warns_of_nothing(ups: UPSClient) -> None:
    """With a 200, as UPS does."""
    answer = await ups.call("GET", "/api/track/v1/details/1ZNOBODY0000000000")
    (shipment,) = answer.json()["trackResponse"]["shipment"]
    assert (answer.status_code, shipment["warnings"][0]["code"]) == (200, "TW0001")


async def test_tracking_learns_later(ups: UPSClient) -> None:
    """Label recovery knows the label meanwhile."""
    await ups.process.post("tracking-delay", seconds=3600)
    await ups.bought(reference := new_reference())
    assert (await ups.track(reference)).status_code == 404
    assert (await ups.recover_reference(reference)).status_code == 200
    await ups.process.post("tracking-delay", seconds=0)
    assert (await ups.track(reference)).status_code == 200


async def test_an_intercept(ups: UPSClient) -> None:
    """On the way, once; at its end the parcel is back, unless the intercept was missed."""
    for intercept, codes in (("turned", ["034", "035", "021", "033"]), ("missed", ["011", "021", "033"])):
        await ups.process.post("scripts", match=(reference := new_reference()), intercept=intercept)
        number = await ups.bought(reference)
        assert code_of(await ups.call("POST", f"{INTERCEPT}/{number}", json=return_body(number))) == (400, "1203")
        await ups.process.post("advance", match=reference, to="in_transit")
        answer = await ups.call("POST", f"{INTERCEPT}/{number}", json=return_body(number))
        assert answer.json()["success"] is True
        assert code_of(await ups.call("POST", f"{INTERCEPT}/{number}", json=return_body(number))) == (400, "1203")
        await ups.process.post("advance", match=reference, to="delivered")
        assert await ups.happened(number) == [*codes, "005", "003"]


async def test_an_intercept_wants_all_its_fields(ups: UPSClient) -> None:
    """One that lacks any is not looked at."""
    number = await ups.bought(reference := new_reference())
    await ups.process.post("advance", match=reference, to="in_transit")
    for changes in ({"clientIP": ""}, {"reasonForReturn": "ZZ"}, {"trackingNumber": "1Z"}):
        answer = await ups.call("POST", f"{INTERCEPT}/{number}", json=return_body(number, **changes))
        assert code_of(answer) == (400, "710")
    assert await ups.happened(number) == ["005", "003"]


async def test_a_fault_finds_a_label_by_its_reference(ups: UPSClient) -> None:
    """Though the path names its number only."""
    number = await ups.bought(reference := new_reference())
    await ups.process.post("faults", kind="refuse", code="190101", match=reference, times=1)
    assert code_of(await ups.void(number)) == (400, "190101")
    assert (await ups.void(number)).status_code == 200
