"""Where an order goes, as TikTok Shop words it: a street in lines, and the districts around it by level."""

from collections.abc import Mapping
from typing import Any, Final

from ordersaga.domain.channels import Recipient
from ordersaga.gateways.tiktok_shop.reading import objects
from ordersaga.gateways.webhook_parts import text

_NAMES: Final = """
    Alabama=AL, Alaska=AK, American Samoa=AS, Arizona=AZ, Arkansas=AR, California=CA, Colorado=CO,
    Connecticut=CT, Delaware=DE, District of Columbia=DC, Florida=FL, Georgia=GA, Guam=GU, Hawaii=HI, Idaho=ID,
    Illinois=IL, Indiana=IN, Iowa=IA, Kansas=KS, Kentucky=KY, Louisiana=LA, Maine=ME, Maryland=MD,
    Massachusetts=MA, Michigan=MI, Minnesota=MN, Mississippi=MS, Missouri=MO, Montana=MT, Nebraska=NE, Nevada=NV,
    New Hampshire=NH, New Jersey=NJ, New Mexico=NM, New York=NY, North Carolina=NC, North Dakota=ND,
    Northern Mariana Islands=MP, Ohio=OH, Oklahoma=OK, Oregon=OR, Pennsylvania=PA, Puerto Rico=PR,
    Rhode Island=RI, South Carolina=SC, South Dakota=SD, Tennessee=TN, Texas=TX, U.S. Virgin Islands=VI, Utah=UT,
    Vermont=VT, Virginia=VA, Washington=WA, West Virginia=WV, Wisconsin=WI, Wyoming=WY
"""
STATES: Final[Mapping[str, str]] = {
    name.strip().casefold(): code for name, _, code in (each.strip().partition("=") for each in _NAMES.split(","))
}
"""The USPS code of each state and territory by its name, in lower case."""


def recipient(raw: Mapping[str, Any]) -> Recipient | None:
    """None while TikTok keeps it back: no address, or one without a street."""
    street = [found for number in range(1, 5) if (found := text(raw.get(f"address_line{number}")))]
    if not street:
        return None
    country, places = text(raw.get("region_code")), list(objects(raw, "district_info"))
    return Recipient(
        name=text(raw.get("name")),
        phone=text(raw.get("phone_number")),
        lines=tuple(street),
        city=_city(places) or text(raw.get("post_town")),
        region=_region(places, country),
        postal_code=text(raw.get("postal_code")),
        country=country,
    )


def _city(places: list[dict[str, Any]]) -> str | None:
    """The place called a city; else the smallest one below the state."""
    named = [each for each in places if str(each.get("address_level_name")).lower() == "city"]
    below = [each for each in places if str(each.get("address_level")) not in ("L0", "L1")]
    found = named or sorted(below, key=lambda each: str(each.get("address_level")))
    return text(found[-1].get("address_name")) if found else None


def _region(places: list[dict[str, Any]], country: str | None) -> str | None:
    """The state's or province's code: told by itself, as `US-CA`, or as a name."""
    state = next((each for each in places if each.get("address_level") == "L1"), {})
    code = (text(state.get("iso_code")) or "").removeprefix(f"{country}-")
    name = text(state.get("address_name"))
    return (STATES.get(name.casefold()) if country == "US" and name else None) or code or name
