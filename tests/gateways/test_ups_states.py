"""UPS's words, translated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.ups.states import (
    bought_at,
    bought_label,
    is_scanned,
    is_turned,
    is_voided,
    packages_of,
    parcel_events,
    standing,
    status_of,
    void_event,
)

P = ParcelStatus
PICKED_UP = ("P", "038")


def package(*told: tuple[str, str], current: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A package to which this happened, the latest first, an hour apart."""
    activity = [
        {
            "status": {"type": kind, "statusCode": code, "description": f"{kind}{code} "},
            "gmtDate": "20260302",
            "gmtTime": f"{23 - hour:02}:00:00",
        }
        for hour, (kind, code) in enumerate(told)
    ]
    found: dict[str, Any] = {"trackingNumber": "1Z1", "activity": activity, **more}
    return {**found, "currentStatus": current} if current else found


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("M", "003")], P.LABELED),
        ([("M", "")], P.LABELED),
        ([PICKED_UP], P.IN_TRANSIT),
        ([("I", "005")], P.IN_TRANSIT),
        ([("O", "")], P.IN_TRANSIT),
        ([("I", "021")], P.IN_TRANSIT),
        ([("D", "040")], P.IN_TRANSIT),  # at an access point: its recipient has not got it
        ([("D", "011")], P.DELIVERED),
        ([("D", "026")], P.DELIVERED),
        ([("RS", "")], P.RETURNED_TO_SENDER),
        ([("I", "034")], P.RETURNED_TO_SENDER),
        ([("X", "067")], P.RETURNED_TO_SENDER),
        ([("X", "068"), PICKED_UP], P.LOST),
        ([("X", "059"), PICKED_UP], P.EXCEPTION),
        ([("X", "051"), PICKED_UP], P.IN_TRANSIT),  # a delay on the way
        ([("X", "051"), ("M", "003")], P.EXCEPTION),  # before the first scan
        ([("X", "033"), PICKED_UP], P.IN_TRANSIT),  # a return was asked for
        ([("X", "035"), PICKED_UP], P.IN_TRANSIT),  # it is on its way back
        ([("D", "011"), ("X", "035"), PICKED_UP], P.RETURNED_TO_SENDER),  # delivered to whom it came from
        ([("D", "011"), ("X", "033"), PICKED_UP], P.DELIVERED),  # asked for, and not done
        ([("U", "099"), PICKED_UP], P.IN_TRANSIT),  # an estimate: what was before it counts
        ([("P", "043"), ("M", "003")], P.LABELED),  # a pick-up that was taken back
        ([("NA", "")], None),
        ([("MV", "007"), ("M", "003")], None),
        ([], None),
    ],
)
def test_one_table(told: list[tuple[str, str]], expected: ParcelStatus | None) -> None:
    """A code says more than its type; what neither names says nothing."""
    assert status_of(package(*told)) is expected


def test_the_current_status_comes_before_all_activities() -> None:
    """Also where UPS writes its digits into `code`, and leaves the type out."""
    assert status_of(package(PICKED_UP, current={"code": "011", "description": "Delivered"})) is P.DELIVERED
    assert status_of(package(PICKED_UP, current={"code": "ZZ", "description": "?"})) is P.IN_TRANSIT


@pytest.mark.parametrize(
    ("told", "scanned", "voided", "turned"),
    [
        ([("M", "003")], False, False, False),
        ([("X", "051"), ("M", "003")], False, False, False),
        ([("P", "043"), ("M", "003")], False, False, False),  # a pick-up that was taken back
        ([PICKED_UP], True, False, False),
        ([("X", "068"), PICKED_UP], True, False, False),
        ([("X", "033"), PICKED_UP], True, False, True),
        ([("D", "011"), ("I", "036")], True, False, True),
        ([("MV", "")], False, True, False),
        ([("M", "007"), ("M", "003")], False, True, False),
        ([PICKED_UP, ("MV", "007")], True, False, False),  # voided, and shipped all the same
    ],
)
def test_what_forbids_and_what_was_asked(
    told: list[tuple[str, str]], scanned: bool, voided: bool, turned: bool
) -> None:
    """Whether UPS has it, whether its label is worth nothing, whether it was turned around."""
    found = package(*told)
    assert (is_scanned(found), is_voided(found), is_turned(found)) == (scanned, voided, turned)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"gmtDate": "20260301", "gmtTime": "20:04:35"}, datetime(2026, 3, 1, 20, 4, 35, tzinfo=UTC)),
        ({"gmtDate": "20260301", "gmtTime": "74700"}, datetime(2026, 3, 1, 7, 47, tzinfo=UTC)),
        ({"date": "20260301", "time": "230000", "gmtOffset": "-05:00"}, datetime(2026, 3, 2, 4, tzinfo=UTC)),
        ({"date": "20260301", "time": "230000", "gmtOffset": "+05:30"}, datetime(2026, 3, 1, 17, 30, tzinfo=UTC)),
        ({"date": "20260301", "time": "230000"}, datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ({"date": "soon", "time": "later"}, None),
    ],
)
def test_when_it_happened(when: dict[str, str], expected: datetime | None) -> None:
    """In Greenwich time, local time with its offset, or not at all."""
    told = {"trackingNumber": "1Z1", "activity": [{"status": {"type": "M"}, **when}]}
    assert bought_at(told) == expected
    (event,) = parcel_events(told, "o1-1-1")
    assert expected is None or event.occurred_at == expected


def test_an_event_is_the_same_however_often_it_is_read() -> None:
    """Made of number, status and code; whose it is stands in our reference, and a stranger's says nothing."""
    (event,) = parcel_events(package(("D", "011"), PICKED_UP), "o1-2-3")
    assert (event.source_id, event.parcel, event.generation) == ("1Z1:delivered:011", 2, 3)
    assert event.detail == "D011"
    assert parcel_events(package(("D", "011")), "PO 4711") == ()


def test_which_packages_bear_our_reference() -> None:
    """By their own word; one that says nothing was asked for by it. Anything else is no answer."""
    ours, silent = package(number := ("M", "003"), referenceNumber=[{"number": "o1-1-1"}]), package(number)
    other = package(number, referenceNumber=[{"number": "O1-1-1"}])
    odd: dict[str, Any] = {"activity": []}
    answer = {"trackResponse": {"shipment": [{"package": [ours, other]}, {"package": [silent, odd]}, {"warnings": []}]}}
    assert packages_of(answer, "o1-1-1") == [ours, silent]
    malformed: tuple[Any, ...] = (None, [], {}, {"trackResponse": {}})
    for body in malformed:
        with pytest.raises(ValueError, match="no tracking response"):
            packages_of(body, "o1-1-1")


def test_of_several_labels_the_oldest_stands() -> None:
    """One that was given back only when all were."""
    old, new = package(("M", "003"), ("M", "")), package(("M", "003"))
    voided = package(("MV", "007"), ("M", "003"), ("M", ""))
    assert standing([new, old]) is old
    assert standing([voided, new]) is new
    assert standing([voided]) is voided
    assert standing([]) is None


def test_a_void_is_a_notice() -> None:
    """It names the label and moves no parcel."""
    told = void_event(package(("MV", "007")), "o1-1-1")
    assert told is not None
    assert (told.notice, told.status, told.detail) == ("void_settled", P.PLANNED, "label 1Z1 of UPS costs nothing")
    assert void_event(package(PICKED_UP), "o1-1-1") is None
    assert void_event(package(("MV", "007")), "PO 4711") is None


@pytest.mark.parametrize(
    ("own", "published", "expected"),
    [
        (("USD", "8.15"), ("USD", "9.94"), (815, "USD")),
        (None, ("USD", "9.94"), (994, "USD")),
        (None, ("CAD", "19.995"), (2000, "CAD")),
        (None, ("JPY", "1200"), (1200, "JPY")),
        (None, ("KWD", "3.125"), (3125, "KWD")),
        (None, ("USD", "free"), (None, "USD")),
        (None, None, (None, "USD")),
    ],
)
def test_a_price_is_exact(
    own: tuple[str, str] | None, published: tuple[str, str] | None, expected: tuple[int | None, str]
) -> None:
    """The account's own before the published one, in the minor units of its currency, or none."""

    def money(named: tuple[str, str]) -> dict[str, str]:
        return {"CurrencyCode": named[0], "MonetaryValue": named[1]}

    results: dict[str, Any] = {"ShipmentIdentificationNumber": "1Z1"}
    if own:
        results["NegotiatedRateCharges"] = {"TotalCharge": money(own)}
    if published:
        results["ShipmentCharges"] = {"TotalCharges": money(published)}
    bought = bought_label({"ShipmentResponse": {"ShipmentResults": results}}, "o1-1-1", can_intercept=False)
    assert (bought.cost, bought.currency) == expected
