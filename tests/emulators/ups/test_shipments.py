"""Tokens, labels, voids, recovery, and what survives a kill."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.ups.support import BASIC, UPSClient, code_of, new_reference, party, ship_body
from tests.support.emulators import running

TOKEN = "/security/v1/oauth/token"


async def test_a_token_is_had_for_credentials(ups: UPSClient) -> None:
    """Every value is text; without credentials, or with another grant, there is none."""
    granted = await ups.process.request("POST", TOKEN, data={"grant_type": "client_credentials"}, auth=BASIC)
    assert granted.status_code == 200
    assert granted.json()["expires_in"] == "14399"
    assert all(isinstance(value, str) for value in granted.json().values())
    assert (await ups.process.request("POST", TOKEN, data={"grant_type": "client_credentials"})).status_code == 401
    assert code_of(await ups.process.request("POST", TOKEN, auth=BASIC)) == (400, "10400")


async def test_calls_want_a_token_that_lives(ups: UPSClient) -> None:
    """None, a wrong one, one that was revoked."""
    reference = new_reference()
    for authorization in ("", "Bearer nobody", ups.token):
        answer = await ups.call("GET", f"/api/track/v1/details/{reference}", headers={"authorization": authorization})
        assert code_of(answer) == (401, "250002")
    await ups.process.post("revoke-tokens")
    assert code_of(await ups.ship(reference)) == (401, "250002")
    await ups.sign_in()
    await ups.process.post("token-life", seconds=1)
    short = UPSClient(ups.process)
    assert (await short.sign_in()).json()["expires_in"] == "1"
    await ups.process.post("token-life", seconds=14399)
    assert await ups.bought(reference)


async def test_the_same_request_buys_a_second_label(ups: UPSClient) -> None:
    """There is no idempotency key, and reference numbers are not unique."""
    reference = new_reference()
    numbers = [await ups.bought(reference), await ups.bought(reference)]
    assert numbers[0] != numbers[1]
    assert all(number.startswith("1ZA1B2C303") and len(number) == 18 for number in numbers)
    held = (await ups.process.get("records", match=reference))["shipments"]
    assert [(each["id"], each["label"], each["scanned"]) for each in held] == [
        (each, "bought", False) for each in numbers
    ]


async def test_the_account_has_a_price_of_its_own(ups: UPSClient) -> None:
    """Named beside the published one when it is asked for."""
    plain = (await ups.ship(new_reference())).json()["ShipmentResponse"]["ShipmentResults"]
    assert "NegotiatedRateCharges" not in plain
    assert "LabelURL" not in plain
    asked: dict[str, Any] = {
        "ShipmentRatingOptions": {"NegotiatedRatesIndicator": ""},
        "ShipmentServiceOptions": {"LabelDelivery": {"LabelLinksIndicator": ""}},
    }
    rated = (await ups.ship(new_reference(), **asked)).json()["ShipmentResponse"]["ShipmentResults"]
    published = Decimal(rated["ShipmentCharges"]["TotalCharges"]["MonetaryValue"])
    own = Decimal(rated["NegotiatedRateCharges"]["TotalCharge"]["MonetaryValue"])
    assert (published, own) == (Decimal("9.94"), Decimal("8.15"))
    assert rated["LabelURL"].endswith(rated["ShipmentIdentificationNumber"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ShipTo": party(PostalCode="00000")}, "120802"),
        ({"ShipTo": party(AddressLine=["UNDELIVERABLE"])}, "120802"),
        ({"ShipTo": party(PostalCode="ABC")}, "120207"),
        ({"ShipTo": party(AddressLine=["x" * 36])}, "120202"),
        ({"ShipTo": {**party(), "Name": "x" * 36}}, "120200"),
        ({"ShipFrom": party(PostalCode="00000")}, "120803"),
        ({"ShipFrom": party(City="")}, "120305"),
        ({"Service": {"Code": "99"}}, "120500"),
        ({"Shipper": {"ShipperNumber": "?"}}, "120100"),
        ({"PaymentInformation": {}}, "120410"),
        ({"PaymentInformation": {"ShipmentCharge": [{"Type": "01", "BillShipper": {"AccountNumber": "X"}}]}}, "120415"),
        ({"Package": []}, "120600"),
        ({"ReferenceNumber": [{"Value": "on the shipment"}]}, "120541"),
        ({"ReturnService": {"Code": "9"}}, "120503"),
    ],
)
async def test_requests_that_are_refused(ups: UPSClient, changes: dict[str, Any], code: str) -> None:
    """With UPS's own codes, and nothing is sold."""
    reference = new_reference()
    assert code_of(await ups.ship(reference, **changes)) == (400, code)
    assert "shipments" not in await ups.process.get("records", match=reference)


async def test_what_is_wrong_with_a_package(ups: UPSClient) -> None:
    """Too heavy, in no unit, with too long a reference."""
    for weight in ("151", "0", "1.25", "much"):
        package = ship_body(new_reference())["ShipmentRequest"]["Shipment"]["Package"][0]
        package["PackageWeight"] = {**package["PackageWeight"], "Weight": weight}
        assert code_of(await ups.ship(new_reference(), Package=[package])) == (400, "120601")
    assert code_of(await ups.ship("r" * 36)) == (400, "120501")


async def test_abroad_the_reference_stands_on_the_shipment(ups: UPSClient) -> None:
    """And is refused on the package."""
    abroad = party(CountryCode="CA", StateProvinceCode="ON", PostalCode="M5V2T6")
    assert code_of(await ups.ship(new_reference(), ShipTo=abroad)) == (400, "120542")
    reference, package = new_reference(), ship_body("x")["ShipmentRequest"]["Shipment"]["Package"][0]
    del package["ReferenceNumber"]
    changes = {"ShipTo": abroad, "Package": [package], "ReferenceNumber": [{"Value": reference}]}
    assert (await ups.ship(reference, **changes)).status_code == 200
    assert len((await ups.process.get("records", match=reference))["shipments"]) == 1


async def test_a_label_is_voided_once(ups: UPSClient) -> None:
    """And never once it is scanned; a script refuses; an unknown one was never there."""
    number = await ups.bought(new_reference())
    answer = await ups.void(number)
    assert answer.json()["VoidShipmentResponse"]["SummaryResult"]["Status"]["Code"] == "1"
    assert code_of(await ups.void(number)) == (400, "190117")
    assert (await ups.happened(number))[0] == "007"
    scanned = await ups.bought(reference := new_reference())
    await ups.process.post("advance", match=reference, to="in_transit")
    assert code_of(await ups.void(scanned)) == (400, "190102")
    assert code_of(await ups.void("1ZNOBODY0000000000")) == (400, "190102")
    for told, code in (("expired", "190101"), ("refused", "190121")):
        await ups.process.post("scripts", match=(reference := new_reference()), void=told)
        assert code_of(await ups.void(await ups.bought(reference))) == (400, code)


async def test_after_28_days_no_label_is_voided(ups: UPSClient) -> None:
    """By UPS's own clock, though the parcel never left."""
    await ups.process.post("scripts", match=(reference := new_reference()), stop_at="label")
    number = await ups.bought(reference)
    await ups.process.post("time-scale", scale=10_000_000_000)
    answer = await ups.void(number)
    await ups.process.post("time-scale", scale=1)
    assert code_of(answer) == (400, "190101")


async def test_a_label_is_recovered_until_it_is_scanned(ups: UPSClient) -> None:
    """By number or by the account's reference; voided, scanned and unknown ones have codes of their own."""
    number = await ups.bought(reference := new_reference())
    by_number, by_reference = await ups.recover(TrackingNumber=number), await ups.recover_reference(reference)
    for answer in (by_number, by_reference):
        found = answer.json()["LabelRecoveryResponse"]
        assert (found["ShipmentIdentificationNumber"], found["LabelResults"][0]["TrackingNumber"]) == (number, number)
    linked = (await ups.recover(TrackingNumber=number, LabelDelivery={"LabelLinkIndicator": ""})).json()
    assert linked["LabelRecoveryResponse"]["LabelResults"][0]["LabelImage"]["URL"].endswith(number)
    assert code_of(await ups.recover_reference(reference, "Z9Y8X7")) == (400, "300007")
    assert code_of(await ups.recover_reference(new_reference())) == (400, "300007")
    assert code_of(await ups.recover()) == (400, "300005")
    await ups.process.post("advance", match=reference, to="in_transit")
    assert code_of(await ups.recover(TrackingNumber=number)) == (400, "300002")
    await ups.void(voided := await ups.bought(other := new_reference()))
    assert code_of(await ups.recover(TrackingNumber=voided)) == (400, "300033")
    assert code_of(await ups.recover_reference(other)) == (400, "300033")


async def test_of_several_labels_recovery_names_candidates(ups: UPSClient) -> None:
    """And prints none."""
    reference = new_reference()
    numbers = [await ups.bought(reference), await ups.bought(reference)]
    found = (await ups.recover_reference(reference)).json()["LabelRecoveryResponse"]
    assert found["LabelResults"] == []
    assert [each["TrackingNumber"] for each in found["TrackingCandidate"]] == numbers


async def test_a_kill_forgets_nothing(tmp_path: Path) -> None:
    """Labels, tokens, scripts and the limit are as they were."""
    async with running("ups", tmp_path) as process:
        client = UPSClient(process)
        await client.sign_in()
        await process.post("rate-limit", per_minute=50)
        number = await client.bought(reference := new_reference())
        before = await process.get("records")
        await process.kill()
        await process.start()
        assert await process.get("records") == before
        assert (await client.track(reference)).status_code == 200
        assert (await client.void(number)).status_code == 200


async def test_too_many_calls_are_refused_before_anything_is_done(ups: UPSClient) -> None:
    """For each token by itself; tokens are not counted."""
    client, other, references = UPSClient(ups.process), UPSClient(ups.process), [new_reference() for _ in range(3)]
    await client.sign_in()
    await other.sign_in()
    await ups.process.post("rate-limit", per_minute=2)
    answers = [await client.ship(reference) for reference in references]
    assert (await other.ship(new_reference())).status_code == 200
    await ups.process.post("rate-limit", per_minute=600)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert code_of(answers[2]) == (429, "10429")
    assert "shipments" not in await ups.process.get("records", match=references[2])
