"""What a package costs, and the number it gets."""

from decimal import ROUND_CEILING, Decimal
from typing import Final

from emulators.ups.books import Record

SERVICES: Final = {
    "01": ("UPS Next Day Air", Decimal("31.50"), Decimal("1.90")),
    "02": ("UPS 2nd Day Air", Decimal("18.40"), Decimal("1.10")),
    "03": ("UPS Ground", Decimal("9.10"), Decimal("0.42")),
    "11": ("UPS Standard", Decimal("14.20"), Decimal("0.80")),
    "12": ("UPS 3 Day Select", Decimal("14.80"), Decimal("0.85")),
}
"""Name, price, and price of a pound, by UPS's service code."""
NEGOTIATED: Final = Decimal("0.82")
POUNDS_OF_A_KILOGRAM: Final = Decimal("2.20462")


def pounds(package: Record) -> Decimal:
    """Billing weight: whole pounds, rounded up."""
    weight = package["PackageWeight"]
    factor = POUNDS_OF_A_KILOGRAM if weight["UnitOfMeasurement"]["Code"] == "KGS" else 1
    return (Decimal(weight["Weight"]) * factor).quantize(Decimal(1), ROUND_CEILING)


def charges(service: str, package: Record) -> tuple[Decimal, Decimal]:
    """The published price and the account's own."""
    _, base, per_pound = SERVICES[service]
    published = base + per_pound * pounds(package)
    return published, (published * NEGOTIATED).quantize(Decimal("0.01"))


def tracking_number(shipper: str, service: str, number: int) -> str:
    """A 1Z number: account, service, seven digits, and the check digit."""
    body = f"{shipper}{service}{number:07d}"
    values = [int(sign) if sign.isdigit() else (ord(sign) - 63) % 10 for sign in body]
    total = sum(values[0::2]) + 2 * sum(values[1::2])
    return f"1Z{body}{-total % 10}"
