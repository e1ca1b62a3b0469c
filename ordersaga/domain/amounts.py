"""Money as people write it: `USD 45.00`. Nothing computes with these texts."""

from typing import Final

_WITHOUT_MINOR_UNITS: Final = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def format_amount(minor_units: int, currency: str) -> str:
    """`minor_units` of an ISO 4217 currency: `format_amount(4500, "USD")` is `USD 45.00`."""
    digits = minor_digits(currency)
    sign, units = ("-", -minor_units) if minor_units < 0 else ("", minor_units)
    if digits == 0:
        return f"{currency} {sign}{units}"
    return f"{currency} {sign}{units // 10**digits}.{units % 10**digits:0{digits}d}"


def minor_digits(currency: str) -> int:
    """Decimal places of an ISO 4217 currency."""
    return 0 if currency in _WITHOUT_MINOR_UNITS else 3 if currency in _THOUSANDTHS else 2
