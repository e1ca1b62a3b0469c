"""Where the courier goes, when it picks up, and by which day a parcel is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SUNDAY: Final = 6
_CUT_OFFS: Final = {**dict.fromkeys(range(5), time(16)), 5: time(11)}


@dataclass(frozen=True)
class Zone:
    """A part of the country. `ranges` of postal codes include both ends; `cut_offs` by weekday, Monday is 0."""

    code: str
    name: str
    prefixes: tuple[str, ...]
    ranges: tuple[tuple[str, str], ...]
    time_zone: str
    depot: tuple[str, str, str, str]
    cut_offs: Mapping[int, time]
    country: str = "US"

    def has(self, place: Mapping[str, Any]) -> bool:
        """Whether a place with postal code and country lies in it."""
        code = str(place.get("postal_code"))
        in_range = any(len(code) == len(first) and first <= code <= last for first, last in self.ranges)
        return place.get("country") == self.country and (in_range or code.startswith(self.prefixes))

    def next_cut_off(self, now: datetime) -> datetime:
        """The first cut-off after `now`, in the zone's own time."""
        here = now.astimezone(ZoneInfo(self.time_zone))
        days = (here.date() + timedelta(days=number) for number in range(8))
        moments = [
            datetime.combine(day, self.cut_offs[day.weekday()], here.tzinfo)
            for day in days
            if day.weekday() in self.cut_offs
        ]
        return next(moment for moment in moments if moment > here)

    def view(self) -> dict[str, Any]:
        """As the API prints it."""
        line, city, region, postal_code = self.depot
        return {
            "code": self.code,
            "name": self.name,
            "country": self.country,
            "postal_codes": [
                *({"prefix": prefix} for prefix in self.prefixes),
                *({"first": first, "last": last} for first, last in self.ranges),
            ],
            "services": ["standard", "expedited"],
            "time_zone": self.time_zone,
            "cut_offs": [
                {"weekday": WEEKDAYS[day], "time": at.strftime("%H:%M")} for day, at in sorted(self.cut_offs.items())
            ],
            "sample_address": {
                "name": f"{self.name} depot",
                "line1": line,
                "city": city,
                "region": region,
                "postal_code": postal_code,
                "country": self.country,
            },
        }


ZONES: Final = (
    Zone(
        code="east",
        name="East",
        prefixes=("10", "11"),
        ranges=(("07001", "08999"),),
        time_zone="America/New_York",
        depot=("5 Dock Street", "Newark", "NJ", "07102"),
        cut_offs=_CUT_OFFS,
    ),
    Zone(
        code="lakes",
        name="Lakes",
        prefixes=("46", "53", "60", "61"),
        ranges=(),
        time_zone="America/Chicago",
        depot=("40 Canal Street", "Chicago", "IL", "60606"),
        cut_offs=_CUT_OFFS,
    ),
    Zone(
        code="desert",
        name="Desert",
        prefixes=("85", "89"),
        ranges=(),
        time_zone="America/Phoenix",
        depot=("7 Mill Avenue", "Phoenix", "AZ", "85004"),
        cut_offs={**_CUT_OFFS, 5: time(9, 30)},
    ),
)


def zone_of(place: Mapping[str, Any]) -> Zone | None:
    """The zone a place lies in, or None."""
    return next((zone for zone in ZONES if zone.has(place)), None)


def delivery_date(cut_off: datetime, service: str) -> date:
    """The promised day: one or two days after the pick-up, no Sunday counts."""
    day, left = cut_off.date(), 1 if service == "expedited" else 2
    while left:
        day += timedelta(days=1)
        left -= day.weekday() != SUNDAY
    return day


def vans_leave(day: date, zone: Zone) -> datetime:
    """When deliveries of a day begin."""
    return datetime.combine(day, time(8), ZoneInfo(zone.time_zone))


def vans_return(day: date, zone: Zone) -> datetime:
    """When deliveries of a day end."""
    return datetime.combine(day, time(20), ZoneInfo(zone.time_zone))
