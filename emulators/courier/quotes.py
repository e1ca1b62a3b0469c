"""Prices: by zone, weight and service, in the one currency the courier takes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from emulators.common import Clock
from emulators.courier.problems import RefusedError
from emulators.courier.zones import Zone, delivery_date, vans_return, zone_of

Record = dict[str, Any]
CURRENCY: Final = "USD"
HEAVIEST_GRAMS: Final = 30_000
_WITHIN, _BETWEEN = 599, 899
_STEP_GRAMS, _STEP = 500, 45


@dataclass(frozen=True)
class Quote:
    """What a parcel would cost, and when it would be there."""

    amount: int
    pickup_zone: Zone
    zone: Zone
    cut_off: datetime
    delivery_date: date

    @property
    def price(self) -> Record:
        """As the API prints it."""
        return {"amount": self.amount, "currency": CURRENCY}

    def view(self) -> Record:
        """As the API prints it."""
        return {
            "price": self.price,
            "pickup_zone": self.pickup_zone.code,
            "zone": self.zone.code,
            "cut_off": {"at": self.cut_off.isoformat(), "time_zone": self.pickup_zone.time_zone},
            "delivery_date": self.delivery_date.isoformat(),
            "deliver_by": vans_return(self.delivery_date, self.zone).isoformat(),
        }


def quoted(asked: Record, clock: Clock) -> Quote:
    """The quote, or the refusal, for a request whose fields have been checked."""
    pickup, zone = zone_of(asked["from"]), zone_of(asked["to"])
    if pickup is None or zone is None:
        raise RefusedError("out_of_zone", f"We do not go {'to' if pickup else 'from'} there.")
    if asked["weight_grams"] > HEAVIEST_GRAMS:
        raise RefusedError("too_heavy", f"At most {HEAVIEST_GRAMS} grams.")
    if asked["currency"] != CURRENCY:
        raise RefusedError("currency_not_supported", f"Prices are in {CURRENCY}.")
    cut_off = pickup.next_cut_off(datetime.fromtimestamp(clock.now(), UTC))
    amount = _amount(asked, same_zone=pickup is zone)
    return Quote(amount, pickup, zone, cut_off, delivery_date(cut_off, asked["service"]))


def _amount(asked: Record, *, same_zone: bool) -> int:
    steps = (int(asked["weight_grams"]) - 1) // _STEP_GRAMS
    amount = (_WITHIN if same_zone else _BETWEEN) + steps * _STEP
    return amount * 3 // 2 if asked["service"] == "expedited" else amount
