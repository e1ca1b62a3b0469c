"""A private courier's words, translated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ordersaga.domain.lattices import LATTICES
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.private_delivery.states import (
    SOURCE,
    STATUS,
    Event,
    Proof,
    Shipment,
    label_record,
    parcel_event,
)

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def event(**changes: Any) -> Event:
    """Something that happened to parcel 1 of order o1."""
    fields: dict[str, Any] = {
        "id": "e1",
        "shipment_id": "s1",
        "reference": "o1-1-2",
        "tracking_number": "T1",
        "sequence": 1,
        "type": "created",
        "occurred_at": AT,
    }
    return Event(**{**fields, **changes})


def shipment(**changes: Any) -> Shipment:
    """A label of order o1."""
    fields: dict[str, Any] = {
        "id": "s1",
        "reference": "o1-1-2",
        "idempotency_key": "o1-1-2",
        "status": "created",
        "price": {"amount": 599, "currency": "USD"},
        "tracking_number": "T1",
        "label_url": None,
        "can_return": True,
        "return_requested": False,
        "created_at": AT,
        "last_event": event(),
    }
    return Shipment(**{**fields, **changes})


@pytest.mark.parametrize("status", STATUS)
def test_every_status_can_be_said(status: str) -> None:
    """The lattice of this source lets each translated status pass, and says nothing else."""
    told = parcel_event(event(type=status), "metro")
    assert told is not None
    assert told.status in LATTICES[SOURCE].says
    assert set(STATUS.values()) == LATTICES[SOURCE].says
    assert (told.source, told.source_id, told.parcel, told.generation) == (SOURCE, "metro:e1", 1, 2)
    assert (told.carrier, told.tracking_number, told.occurred_at) == ("metro", "T1", AT)


@pytest.mark.parametrize("changes", [{"type": "x_rayed"}, {"reference": ""}, {"reference": "PO 4711/7"}])
def test_no_news(changes: dict[str, Any]) -> None:
    """A type of a later version, and labels of others, say nothing to us."""
    assert parcel_event(event(**changes), "metro") is None


def test_reasons_we_do_not_know_stay_out() -> None:
    """Nobody knows what a courier writes there."""
    told = [
        parcel_event(event(type="attempt_failed", reason=reason), "metro")
        for reason in ("weather", "ada_was_out", None)
    ]
    said = "delivery was tried in vain"
    assert [each.detail for each in told if each] == [f"{said}: weather", said, said]


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (Proof(name_initials="A. L."), "handed over"),
        (Proof(left_at="locker", photo_url="https://c.example/1"), "left at: locker; the courier keeps photo"),
        (Proof(left_at="with Ada Lovelace"), "left at: another place"),
        (
            Proof(name_initials="A", position={"latitude": 41.8, "longitude": -87.6}),
            "handed over; the courier keeps position",
        ),
        (None, "delivered"),
    ],
)
def test_a_proof_in_words(proof: Proof | None, said: str) -> None:
    """Neither initials nor where a photo or a door is to be found."""
    told = parcel_event(event(type="delivered", proof=proof), "metro")
    assert told is not None
    assert told.detail == said


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ("created", (False, False, ParcelStatus.LABELED)),
        ("voided", (True, False, None)),
        ("returning", (False, True, ParcelStatus.IN_TRANSIT)),
        ("x_rayed", (False, True, None)),
    ],
)
def test_a_listed_label(status: str, flags: tuple[bool, bool, ParcelStatus | None]) -> None:
    """Given back, scanned, and where it is; a status of a later version comes after the scan."""
    record = label_record(shipment(status=status), "metro")
    assert (record.voided, record.scanned, record.tracking) == flags
