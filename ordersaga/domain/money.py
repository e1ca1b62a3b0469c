"""Money is an integer of minor units with its ISO 4217 currency; nothing here ever sees a float."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

MinorUnits = Annotated[int, Field(ge=0, le=10**12, description="integer minor units, e.g. cents")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

_LIST_ONE: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_LIST_ONE.split())
"""What people pay with: list one of ISO 4217 (its maintenance agency, SIX), without funds, metals and test codes."""


def _listed(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"ISO 4217 has no currency {code}; use the code of one that is paid with, such as USD")
    return code


OrderCurrency = Annotated[Currency, AfterValidator(_listed)]
"""The currency of an order that is yet to be accepted."""


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` minor units over `weights` so that the parts add up exactly (largest remainder, ties to the first).

    With all weights zero, everything goes to the first part.
    """
    whole = sum(weights)
    if whole == 0:
        return [total if index == 0 else 0 for index in range(len(weights))]
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
