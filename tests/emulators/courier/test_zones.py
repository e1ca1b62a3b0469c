"""Zones, cut-offs and promised days."""

from datetime import UTC, datetime

import pytest

from emulators.courier.zones import ZONES, delivery_date, zone_of


@pytest.mark.parametrize(
    ("postal_code", "country", "code"),
    [
        ("07001", "US", "east"),
        ("08999", "US", "east"),
        ("06999", "US", None),
        ("09000", "US", None),
        ("10013", "US", "east"),
        ("60601-1234", "US", "lakes"),
        ("07001-1", "US", None),
        ("60601", "CA", None),
        ("99501", "US", None),
    ],
)
def test_a_postal_code_lies_in_one_zone_or_none(postal_code: str, country: str, code: str | None) -> None:
    """By prefix, or within a range whose ends belong to it."""
    found = zone_of({"postal_code": postal_code, "country": country})
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("now", "cut_off"),
    [
        ("2026-11-23T20:59:00", "2026-11-23T21:00:00"),  # Monday, one minute before 16:00 in New York
        ("2026-11-23T21:00:00", "2026-11-24T21:00:00"),  # exactly then it is too late
        ("2026-11-27T23:00:00", "2026-11-28T16:00:00"),  # Friday evening: Saturday at 11:00
        ("2026-11-28T17:00:00", "2026-11-30T21:00:00"),  # no pick-up on Sundays
        ("2026-10-31T20:00:00", "2026-11-02T21:00:00"),  # clocks go back in between
    ],
)
def test_the_next_cut_off(now: str, cut_off: str) -> None:
    """In the zone's own time, whatever the season."""
    found = ZONES[0].next_cut_off(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found.astimezone(UTC) == datetime.fromisoformat(cut_off).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("picked_up", "service", "day"),
    [
        ("2026-11-23", "expedited", "2026-11-24"),
        ("2026-11-23", "standard", "2026-11-25"),
        ("2026-11-27", "standard", "2026-11-30"),
        ("2026-11-28", "expedited", "2026-11-30"),
    ],
)
def test_the_promised_day(picked_up: str, service: str, day: str) -> None:
    """One day for expedited, two for standard; nobody delivers on Sundays."""
    assert delivery_date(datetime.fromisoformat(picked_up), service).isoformat() == day
