"""An address of ours as Amazon takes it, and the comparison of two of Amazon's."""

from collections.abc import Mapping
from typing import Any, Final

from ordersaga.domain.orders import Address

_WHERE: Final = ("name", "addressLine1", "addressLine2", "city", "stateOrRegion", "postalCode", "countryCode")


def amazon_address(to: Address) -> dict[str, Any]:
    """The Address model of both versions; what the shopper did not give is left out."""
    fields = {
        "name": to.name,
        "addressLine1": to.line1,
        "addressLine2": to.line2,
        "city": to.city,
        "stateOrRegion": to.region,
        "postalCode": to.postal_code,
        "countryCode": to.country,
        "phone": to.phone,
    }
    return {name: value for name, value in fields.items() if value}


def folded(address: Mapping[str, Any]) -> tuple[str, ...]:
    """Where an address is, comparable; a phone number does not decide that."""
    return tuple(str(address.get(field) or "").strip().casefold() for field in _WHERE)
