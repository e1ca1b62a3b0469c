"""Whether what a stop names is anything at all: a misspelled one would stop nobody, and say that all is well.

    errors = await unknown_names(services, body.match, key)

Each says what is nobody's name, which is meant perhaps, and which there are. A seller's key hears of its own only.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile
from typing import Final

from ordersaga.api.problems import FieldError
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.exchanges import EXCHANGE_CHANNEL
from ordersaga.domain.orders import Order
from ordersaga.domain.stops import StopMatch
from ordersaga.network import CARRIERS
from ordersaga.regions import countries, meant

LISTED: Final = 60
"""Names that an error lists; of more it gives those that are alike."""
_ALIKE: Final = 0.5
_ANYWAY: Final = "to stop it all the same, say so: unlisted, --unlisted"


async def unknown_names(services: Services, match: StopMatch, key: ApiKey) -> list[FieldError]:
    """What of a stop nobody here knows; empty: all of it is known."""
    looking = _Looking(services, match, key)
    checks: Mapping[str, Callable[[str], Awaitable[FieldError | None]]] = {
        "region": looking.region,
        "seller": looking.seller,
        "sku": looking.sku,
        "channel": looking.channel,
        "carrier": looking.carrier,
        "provider": looking.provider,
    }
    found = [await checks[field](name) for field, name in match.named().items()]
    return [error for error in found if error is not None]


def carrier_names(services: Services, seller: str | None) -> set[str]:
    """By which carriers are known: those of the accounts that take the seller's parcels, and the usual ones."""
    accounts = [one for one in services.carrier_accounts if seller is None or not one.sellers or seller in one.sellers]
    return {name for one in accounts for name in (one.code, *one.carriers)} | CARRIERS


class _Looking:
    """One look at what there is, for whoever's key it is."""

    def __init__(self, services: Services, match: StopMatch, key: ApiKey) -> None:
        self._services, self._names = services, services.known_names
        self._match, self._of = match, key.seller

    async def region(self, region: str) -> FieldError | None:
        country, _, part = region.partition("-")
        there = countries()
        if country not in there:
            other = meant(country)
            alike = [other] if other else near(country, there)
            return _error("region", f"ISO 3166 has no country {country}", alike, ())
        if not part or part in there[country]:
            return None
        codes = [f"{country}-{code}" for code in sorted(there[country])]
        return _error("region", f"ISO 3166 has no {part} in {country}", near(region, codes), codes)

    async def seller(self, seller: str) -> FieldError | None:
        return _strange("seller", seller, await self._names.sellers())

    async def sku(self, sku: str) -> FieldError | None:
        seller = self._match.seller
        if await self._names.sells(sku, seller):
            return None
        whose = f"the catalog of {seller}" if seller else "any catalog"
        alike = near(sku, await self._names.skus_alike(sku, seller))
        return _error("sku", f"{sku} is no SKU in {whose}", alike, ())

    async def channel(self, channel: str) -> FieldError | None:
        told = {account.channel for account in self._services.channel_accounts.values()}
        usual = {Order.model_fields["channel"].default, EXCHANGE_CHANNEL}
        return _strange("channel", channel, {*usual, *told, *await self._names.channels()})

    async def carrier(self, carrier: str) -> FieldError | None:
        return _strange("carrier", carrier, carrier_names(self._services, self._of))

    async def provider(self, provider: str) -> FieldError | None:
        owners = self._services.account_owners
        configured = [code for code in self._services.providers if self._of in (None, owners.get(code, self._of))]
        return _strange("provider", provider, {*configured, *await self._names.providers()})


def _strange(field: str, name: str, known: Collection[str]) -> FieldError | None:
    """None where it is known, in whatever letters."""
    if name.casefold() in {each.casefold() for each in known}:
        return None
    return _error(field, f"no {field} is called {name}", near(name, known), sorted(known))


def _error(field: str, message: str, near: Sequence[str], known: Collection[str]) -> FieldError:
    said = [f"did you mean {' or '.join(near)}?"] if near else []
    if 0 < len(known) <= LISTED:
        said.append(f"use one of {', '.join(known)}")
    elif not said:
        said.append("correct it")
    return FieldError(field=f"match.{field}", message=message, remedy="; ".join([*said, _ANYWAY]))


def near(name: str, known: Iterable[str]) -> list[str]:
    """Those that are spelled nearly so, the nearest first; of equals those that begin alike."""
    spelled, given = {each.casefold(): each for each in known}, name.casefold()
    alike = get_close_matches(given, spelled, len(spelled) or 1, _ALIKE)

    def far(each: str) -> tuple[float, int, str]:
        begin = takewhile(lambda pair: pair[0] == pair[1], zip(each, given, strict=False))
        return -SequenceMatcher(a=each, b=given).ratio(), -len(list(begin)), each

    return [spelled[each] for each in sorted(alike, key=far)[:3]]
