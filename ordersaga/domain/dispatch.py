"""How a location ships: to which zones, until what time of day, for how much."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ordersaga.domain.money import MinorUnits
from ordersaga.domain.orders import AWAITED, Address
from ordersaga.domain.values import Value

NOT_SHIPPED: Final = 0
"""The zone of places that a location does not ship to."""
REGION, AREA, COUNTRY, ABROAD = 1, 2, 3, 4
"""The zones of a location that has no table of its own."""
SHIPPING: Final = (600, 800, 1000, 3000)
"""What a parcel costs about, by zone, where the location does not say."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ENTRY: Final = re.compile(r"(\*|[A-Z]{2}(?:-[A-Z0-9]{1,6}|/[A-Z0-9]{1,8})?):([0-9])")


class Weekday(StrEnum):
    """A day of the week, as `date.weekday()` counts them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEK: Final = tuple(Weekday)


def _zones(cell: str) -> str:
    if unread := [entry for entry in cell.split() if not _ENTRY.fullmatch(entry)]:
        raise ValueError(f"{unread[0]!r} is no entry; write US-CA:1, US/94:2, US:3 or *:0, with spaces between them")
    if len(_table(cell)) < len(cell.split()):
        raise ValueError("a place stands twice; keep one of its zones")
    return " ".join(cell.split())


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone; write one like America/Los_Angeles")
    return name


def _time_of_day(moment: time) -> time:
    if moment.tzinfo is not None:
        raise ValueError("a time of day has no offset; name the time_zone beside it")
    return moment


def _day(told: object) -> object:
    if not isinstance(told, date) and not _DAY.fullmatch(str(told)):
        raise ValueError(f"{told!r} is no day; write it as 2026-12-25")
    return told


Day = Annotated[date, BeforeValidator(_day)]


class Dispatch(Value):
    """How a location ships. Amounts are minor units, of one currency for all locations: compared, never charged.

    `zones`: a table of places and their zone, as `US-CA:1 US/94:2 US:3 *:0`; the closest entry counts, 0: not shipped.
    `shipping_by_zone`: what a parcel costs about, from zone 1 on. `parcel_fee`, `unit_fee`: for handling.
    `cut_off`: the time of day, in `time_zone`, until which a parcel leaves on the same working day; None: always.
    `closed_on`: holidays, on which none leaves.
    """

    zones: Annotated[str, Field(max_length=2000), AfterValidator(_zones)] = ""
    shipping_by_zone: Annotated[tuple[MinorUnits, ...], Field(min_length=ABROAD, max_length=9)] = SHIPPING
    parcel_fee: MinorUnits = 0
    unit_fee: MinorUnits = 0
    cut_off: Annotated[time, AfterValidator(_time_of_day)] | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    working_days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = _WEEK[:5]
    closed_on: Annotated[tuple[Day, ...], Field(max_length=366)] = ()

    @model_validator(mode="after")
    def _every_zone_has_a_price(self) -> Self:
        if max(_table(self.zones).values(), default=0) > len(self.shipping_by_zone):
            raise ValueError("zones: there is no price for the farthest; add it to shipping_by_zone")
        return self

    @model_validator(mode="after")
    def _holidays_mean_something(self) -> Self:
        if self.closed_on and self.cut_off is None:
            raise ValueError("closed_on: counts for a location with a cut_off only; name one, such as 14:00")
        return self

    def listed(self, to: Address) -> int | None:
        """The zone its table gives an address; None: it says nothing of it."""
        table = _table(self.zones)
        return next((table[place] for place in _places(to) if place in table), None) if table else None

    def departs(self, now: datetime) -> datetime:
        """When a parcel that is ordered now leaves at the latest, in UTC; without a cut-off, now."""
        if self.cut_off is None:
            return now
        here = ZoneInfo(self.time_zone)
        local = now.astimezone(here)
        first = local.date() + timedelta(days=local.time() > self.cut_off)
        weeks = len(self.closed_on) + 1  # each has a working day, one more than can be closed
        days = (first + timedelta(days=number) for number in range(len(_WEEK) * weeks))
        day = next(day for day in days if _WEEK[day.weekday()] in self.working_days and day not in self.closed_on)
        return datetime.combine(day, self.cut_off, here).astimezone(UTC)

    def days(self, now: datetime) -> int:
        """Days on its own calendar until a parcel that is ordered now leaves."""
        if self.cut_off is None:
            return 0
        here = ZoneInfo(self.time_zone)
        return (self.departs(now).astimezone(here).date() - now.astimezone(here).date()).days


@lru_cache(maxsize=1024)
def _table(zones: str) -> Mapping[str, int]:
    return {place: int(zone) for place, zone in _ENTRY.findall(zones)}


def _places(to: Address) -> Iterator[str]:
    """What a table may call an address, the closest first."""
    postal = re.sub(r"[^A-Z0-9]", "", to.postal_code.upper())
    for length in range(len(postal), 0, -1):
        yield f"{to.country}/{postal[:length]}"
    yield f"{to.country}-{to.region}"
    yield to.country
    yield "*"


def usual_zone(home: tuple[str, str, str], to: Address) -> int:
    """The zone of an address without a table. `home`: (country, region, postal code) of the location."""
    country, region, postal = home
    if country != to.country:
        return ABROAD
    if region == to.region:
        return REGION
    return AREA if postal[:1].upper() == to.postal_code[:1].upper() else COUNTRY


def zone_to(dispatch: Dispatch, home: tuple[str, str, str], to: Address) -> int:
    """The zone of an address; 0: not shipped. One that is not told yet is as far as can be from everywhere."""
    if to.country == AWAITED.country:
        return ABROAD
    listed = dispatch.listed(to)
    return usual_zone(home, to) if listed is None else listed
