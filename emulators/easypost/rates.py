"""What three carriers ask for a parcel."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from emulators.easypost.books import Books, Record


@dataclass(frozen=True, slots=True)
class Service:
    """A carrier's service: a base price, a price per ounce, and days on the way."""

    carrier: str
    name: str
    base: Decimal
    per_ounce: Decimal
    days: int


SERVICES: Final = (
    Service("USPS", "GroundAdvantage", Decimal("4.10"), Decimal("0.09"), 4),
    Service("USPS", "Priority", Decimal("7.60"), Decimal("0.12"), 2),
    Service("UPS", "Ground", Decimal("8.20"), Decimal("0.07"), 4),
    Service("UPS", "NextDayAir", Decimal("31.50"), Decimal("0.22"), 1),
    Service("FedEx", "FEDEX_GROUND", Decimal("8.45"), Decimal("0.07"), 3),
    Service("FedEx", "FEDEX_2_DAY", Decimal("17.30"), Decimal("0.15"), 2),
)


def rates_for(books: Books, shipment: Record) -> list[Record]:
    """One rate per service; a shipment without a parcel gets none."""
    if not shipment["parcel"]:
        return []
    weight = Decimal(str(shipment["parcel"]["weight"]))
    return [_rate(books, shipment["id"], service, weight) for service in SERVICES]


def _rate(books: Books, shipment_id: str, service: Service, weight: Decimal) -> Record:
    price = str((service.base + service.per_ounce * weight).quantize(Decimal("0.01")))
    return {
        **books.new("rate", "Rate"),
        "shipment_id": shipment_id,
        "carrier": service.carrier,
        "service": service.name,
        "carrier_account_id": f"ca_{service.carrier.lower()}",
        "rate": price,
        "list_rate": price,
        "retail_rate": price,
        "currency": "USD",
        "list_currency": "USD",
        "retail_currency": "USD",
        "billing_type": "easypost",
        "delivery_days": service.days,
        "est_delivery_days": service.days,
        "delivery_date": None,
        "delivery_date_guaranteed": False,
    }


def tracking_code(carrier: str, number: int) -> str:
    """A tracking code in the style of the carrier."""
    if carrier == "UPS":
        return f"1Z{number:016d}"
    return f"{780000000000 + number}" if carrier == "FedEx" else f"9400{number:018d}"
