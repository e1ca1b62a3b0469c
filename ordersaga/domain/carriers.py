"""Which carrier account a parcel's label is bought at: rules over what is known before anything is bought.

| rule | an account that does not meet it |
|---|---|
| it is in the seller's terms; the seller and the country are its own; it has not refused this parcel | is left out |
| it ships with the carrier that was asked for | is left out |
| no stop keeps its carriers from it | is left out |
| it serves this parcel (an account that names prices says so) | is left out |
| its lane is not paused for long | comes after the others |
| it still picks up in time, and delivers when it was promised | comes after the others |
| it is the cheapest; one that names no price comes after those that do; then as configured | comes later |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import Field

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.identifiers import Code
from ordersaga.domain.lanes import LanePause, carrier_lane
from ordersaga.domain.orders import not_given
from ordersaga.domain.shipping import Quote
from ordersaga.domain.values import Message

CARRIER_STOPPED: Final = "carrier_stopped"
"""The code of a label that is not bought because of a stop: it may be when the stop is undone."""
EASYPOST: Final = "easypost"
"""The account of every label that says none: there was no other."""
SHORT_PAUSE: Final = timedelta(minutes=1)
"""A label waits so long for its lane rather than go to an account that comes later."""


@dataclass(frozen=True)
class CarrierAccount:
    """An account where labels can be bought, and for whom. Empty: no restriction.

    `carriers`: who moves its parcels, in lower case; empty: an aggregator, which finds any by name. `sellers` and
    `countries` (ISO 3166-1 alpha-2 of the address): whose parcels it takes. `returns`: it sells labels for the way
    back too.
    """

    code: str
    carriers: tuple[str, ...] = ()
    sellers: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    returns: bool = True

    def names(self, wanted: str) -> bool:
        """Whether it is this account, or moves parcels by this carrier, in so many words."""
        return wanted == self.code or wanted in self.carriers

    def carrier(self, wanted: str | None) -> str | None:
        """Which of its carriers a label is asked for; None: any."""
        return None if wanted == self.code and wanted not in self.carriers else wanted

    def stopped(self, wanted: str | None, stops: Mapping[str, str]) -> str | None:
        """Why it may sell no label; None where one of its carriers still may, or it finds any. `stops` by carrier."""
        carrier = self.carrier(wanted)
        movers = self.carriers if carrier is None else (carrier,)
        reasons = [stops.get(mover) for mover in movers]
        return stops.get(self.code) or (reasons[0] if reasons and all(reasons) else None)


@dataclass(frozen=True)
class Wish:
    """What a parcel's label must meet. `arrive_by`: when its delivery was promised for.

    `allowed`: the accounts of the seller's terms, empty for any; `refused`: those that refused this parcel, and why.
    `stopped`: carriers that a stop keeps from it, in lower case, and why.
    """

    seller: str
    country: str
    arrive_by: datetime
    carrier: str | None = None
    allowed: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Offers:
    """What the accounts say at this moment, by account.

    `quotes`: None where it does not serve the parcel; an account that is missing named no price. `unpriced`: why.
    """

    quotes: Mapping[str, Quote | None] = field(default_factory=dict)
    unpriced: Mapping[str, str] = field(default_factory=dict)
    pauses: Sequence[LanePause] = ()

    def pause(self, account: str, now: datetime) -> LanePause | None:
        """The pause of its lane, where that is worth not waiting for."""
        lane = carrier_lane(account)
        return next((one for one in self.pauses if one.lane == lane and one.paused_until > now + SHORT_PAUSE), None)


class CarrierChoice(Message):
    """Where a label is bought, and why in words. `account` None: nowhere. `others`: who could take it as well.

    `carrier`: only this one of the account's, in lower case; None: any. `stopped`: nowhere, but for a stop.
    """

    account: Code | None
    why: str
    others: tuple[Code, ...] = ()
    carrier: str | None = None
    stopped: bool = Field(default=False, exclude_if=not_given)


def candidates(accounts: Sequence[CarrierAccount], wish: Wish) -> tuple[CarrierAccount, ...]:
    """The accounts that the rules leave, before anybody is asked for a price."""
    return tuple(account for account in accounts if _left_out(account, accounts, wish) is None)


def choose(accounts: Sequence[CarrierAccount], wish: Wish, offers: Offers, now: datetime) -> CarrierChoice:
    """The account a label is bought at. `accounts` in the order that decides between equals."""
    out = {account.code: _left_out(account, accounts, wish) or _not_served(account, offers) for account in accounts}
    able = [code for code, why in out.items() if why is None]
    left_out = [f"{code}: {why}" for code, why in out.items() if why is not None]
    if not able:
        why = "; ".join(left_out) or "no carrier account is configured"
        return CarrierChoice(account=None, why=why, stopped=_waits_for_stop(accounts, wish))
    field = _Field(able, wish, offers, now)
    best, *others = sorted(able, key=field.rank)
    first = field.standing(best) if others else "the only one that can take it"
    why = "; ".join([first, *(f"{code}: {field.standing(code)}" for code in others), *left_out])
    carrier = next(account.carrier(wish.carrier) for account in accounts if account.code == best)
    return CarrierChoice(account=best, why=why, others=tuple(others), carrier=carrier)


def way_back(accounts: Sequence[CarrierAccount], out: str | None) -> str | None:
    """Where a return's label is bought: at the account that sold the way out, or the first that sells ways back.

    Both `out` and the answer as our records name accounts: None is the first there was.
    """
    selling = [account.code for account in accounts if account.returns]
    wanted = out or EASYPOST
    return on_record(wanted if wanted in selling or not selling else selling[0])


def on_record(account: str | None) -> str | None:
    """How our ledgers and running orders name an account: the first there was is never named."""
    return None if account in (None, EASYPOST) else account


def _left_out(account: CarrierAccount, accounts: Sequence[CarrierAccount], wish: Wish) -> str | None:
    if account.code in wish.refused:
        return wish.refused[account.code]
    return _excluded(account, accounts, wish) or account.stopped(wish.carrier, wish.stopped)


def _waits_for_stop(accounts: Sequence[CarrierAccount], wish: Wish) -> bool:
    """Whether one could take the parcel, were it not for a stop."""
    could = [account for account in accounts if _excluded(account, accounts, wish) is None]
    return any(account.stopped(wish.carrier, wish.stopped) for account in could)


def _excluded(account: CarrierAccount, accounts: Sequence[CarrierAccount], wish: Wish) -> str | None:
    if wish.allowed and account.code not in wish.allowed:
        return "not in the seller's terms"
    if account.sellers and wish.seller not in account.sellers:
        return f"not for {wish.seller}"
    if account.countries and wish.country not in account.countries:
        return f"does not ship to {wish.country}"
    its_own = [other for other in accounts if not other.sellers or wish.seller in other.sellers]
    return None if _has_wanted(account, its_own, wish.carrier) else f"does not ship with {wish.carrier}"


def _has_wanted(account: CarrierAccount, accounts: Sequence[CarrierAccount], wanted: str | None) -> bool:
    """Who names the carrier wins over an aggregator that might find it."""
    if wanted is None or account.names(wanted):
        return True
    return not account.carriers and not any(other.names(wanted) for other in accounts)


def _not_served(account: CarrierAccount, offers: Offers) -> str | None:
    asked = account.code in offers.quotes
    return "does not serve this address" if asked and offers.quotes[account.code] is None else None


@dataclass(frozen=True)
class _Field:
    """The accounts that could take a parcel, side by side."""

    able: Sequence[str]
    wish: Wish
    offers: Offers
    now: datetime

    def rank(self, code: str) -> tuple[float, bool, bool, int, int]:
        """The lowest is the best."""
        pause, price = self.offers.pause(code, self.now), self._price(code)
        waits = pause.paused_until.timestamp() if pause is not None else 0.0
        return waits, self._late(code) is not None, price is None, price or 0, self.able.index(code)

    def standing(self, code: str) -> str:
        """What speaks for an account and against it, in words."""
        quote, pause = self.offers.quotes.get(code), self.offers.pause(code, self.now)
        unpriced = self.offers.unpriced.get(code, "names no price")
        said = [format_amount(quote.cost, quote.currency) if quote is not None else unpriced]
        if pause is not None:
            said.append(f"paused until {pause.paused_until:%H:%M} UTC ({pause.reason})")
        late = self._late(code)
        return ", ".join([*said, late] if late is not None else said)

    def _price(self, code: str) -> int | None:
        """Prices are compared in the currency of the first account that names one."""
        quotes = [quote for one in self.able if (quote := self.offers.quotes.get(one)) is not None]
        quote = self.offers.quotes.get(code)
        return quote.cost if quote is not None and quote.currency == quotes[0].currency else None

    def _late(self, code: str) -> str | None:
        quote, promised = self.offers.quotes.get(code), self.wish.arrive_by
        if quote is None:
            return None
        if quote.cut_off is not None and quote.cut_off <= self.now:
            return f"its pick-up was at {quote.cut_off:%H:%M} UTC"
        if quote.deliver_by is not None and quote.deliver_by > promised:
            return f"delivers by {quote.deliver_by:%Y-%m-%d}, promised was {promised:%Y-%m-%d}"
        return None
