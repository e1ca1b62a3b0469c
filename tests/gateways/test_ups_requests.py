"""What UPS is asked, built from what we know."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.shipping import LabelRequest
from ordersaga.gateways.ups.requests import (
    SERVICES,
    Account,
    Requester,
    recovery_request,
    reference_number,
    return_to_sender_request,
    ship_request,
    weight_of,
)
from tests.gateways.support import address, label

ACCOUNT = Account("A1B2C3", SERVICES)
references = st.from_regex(r"[A-Za-z0-9_]{1,64}-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True)


def shipment(request: LabelRequest) -> dict[str, Any]:
    """The part of the request that says what is shipped."""
    found: dict[str, Any] = ship_request(request, ACCOUNT)["ShipmentRequest"]["Shipment"]
    return found


@given(references)
def test_a_reference_number_fits_and_stays_the_same(reference: str) -> None:
    """At most 35 characters; short ones are what they are, long ones begin as they do."""
    number = reference_number(reference)
    assert len(number) <= 35
    assert number == reference_number(reference)
    assert number == reference if len(reference) <= 35 else number.startswith(reference[:18])


def test_long_references_that_begin_alike_are_told_apart() -> None:
    """A thousand parcels of one order whose id is as long as ids may be."""
    long = [f"{'o' * 64}-{parcel}-{generation}" for parcel in range(1, 101) for generation in range(1, 11)]
    assert len({reference_number(each) for each in long}) == len(long)


@pytest.mark.parametrize(
    ("grams", "country", "expected"),
    [
        (1, "US", ("LBS", "0.1")),
        (453, "US", ("LBS", "1.0")),
        (454, "US", ("LBS", "1.1")),
        (500, "PR", ("LBS", "1.2")),
        (68_038, "US", ("LBS", "150.0")),
        (1, "DE", ("KGS", "0.1")),
        (1_000, "CA", ("KGS", "1.0")),
        (1_001, "CA", ("KGS", "1.1")),
    ],
)
def test_weights_are_rounded_up(grams: int, country: str, expected: tuple[str, str]) -> None:
    """To a tenth of what the country of departure weighs in, and never to nothing."""
    weight = weight_of(grams, country)
    assert (weight["UnitOfMeasurement"]["Code"], weight["Weight"]) == expected


def test_where_the_reference_stands() -> None:
    """On the package within the United States, on the shipment anywhere else."""
    domestic, abroad = shipment(label("o1")), shipment(label("o1", ship_to=address(country="CA", region="ON")))
    assert domestic["Package"][0]["ReferenceNumber"] == [{"Value": "o1-1-1"}]
    assert "ReferenceNumber" not in domestic
    assert abroad["ReferenceNumber"] == [{"Value": "o1-1-1"}]
    assert "ReferenceNumber" not in abroad["Package"][0]


def test_a_long_address_is_spread_over_the_label() -> None:
    """By words, over names and lines; nothing is cut off."""
    to = address(name="The Honorable Augusta Ada King-Noel Countess of Lovelace", line1="12 " + "Long Street " * 4)
    party = shipment(label("o1", ship_to=to))["ShipTo"]
    assert f"{party['Name']} {party['AttentionName']}" == to.name
    lines = party["Address"]["AddressLine"]
    assert " ".join(lines) == to.line1
    assert all(len(line) <= 35 for line in (party["Name"], *lines))
    assert party["Address"]["PostalCode"] == "60601"


@pytest.mark.parametrize("field", ["name", "line1"])
def test_an_address_that_does_not_fit_is_refused(field: str) -> None:
    """The shopper's is hers to mend, the warehouse's an operator's, whichever way the parcel goes; it is not quoted."""
    long = address(**{field: "Llanfair " * 20})
    for theirs, ours in (({"ship_to": long}, {"ship_from": long}), ({"ship_from": long}, {"ship_to": long})):
        returning = "ship_from" in theirs
        with pytest.raises(CustomerError) as refused:
            shipment(label("o1", returning=returning, **theirs))
        assert refused.value.code == "label_refused"
        assert "Llanfair" not in str(refused.value)
        with pytest.raises(OperatorError):
            shipment(label("o1", returning=returning, **ours))


def test_a_postal_code_is_written_without_its_hyphen() -> None:
    """UPS takes nine characters."""
    assert (
        shipment(label("o1", ship_to=address(postal_code="60601-1234")))["ShipTo"]["Address"]["PostalCode"]
        == "606011234"
    )


def test_recovery_by_number_or_by_reference() -> None:
    """One of the two is named."""
    by_number = recovery_request(number="1Z1")["LabelRecoveryRequest"]
    by_reference = recovery_request(reference="o1-1-1", account="A1B2C3")["LabelRecoveryRequest"]
    assert by_number["TrackingNumber"] == "1Z1"
    assert "ReferenceValues" not in by_number
    named = {"ReferenceNumber": {"Value": "o1-1-1"}, "ShipperNumber": "A1B2C3"}
    assert by_reference["ReferenceValues"] == named
    assert "TrackingNumber" not in by_reference


def test_a_return_to_the_sender_names_who_asks() -> None:
    """As the account is known to UPS; each request has a number of its own."""
    who = Requester("Acme", "3125550111", "desk@acme.example", source="41", client_ip="192.0.2.7")
    first, second = (return_to_sender_request("1Z1", who) for _ in range(2))
    assert (first["trackingNumber"], first["source"], first["clientIP"]) == ("1Z1", "41", "192.0.2.7")
    assert first["requesterContactInfo"]["name"] == "Acme"
    assert first["transactionId"] != second["transactionId"]
    assert len(first["transactionId"]) == 14
