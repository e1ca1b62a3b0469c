"""Sellers as they are onboarded: one profile says everything that is a seller's own.

A profile is a document: of what it does not say, the defaults hold. Every change of it is a version.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, field_validator

from ordersaga.domain.catalog import PROMISE_WITHIN, PerDay
from ordersaga.domain.dispatch import Dispatch
from ordersaga.domain.identifiers import Code
from ordersaga.domain.orders import Address, SellerTerms, Text
from ordersaga.domain.values import Message, Value

LONGEST: Final = timedelta(days=365)
_DURATIONS: Final = (
    "ship_within",
    "deliver_within",
    "slow_payment_window",
    "hand_off_delay",
    "lost_after",
    "delay_extension",
    "return_window",
)
OrderPrefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{2,16}_$")]
"""With what order ids begin: its only underscore ends it, so no prefix begins another."""
_EVERYBODYS: Final = ("ord_", "tiktok_")
"""Ids that are made up begin so, and those of marketplaces' orders."""
_NOT_ITS_OWN: Final = ("payment_window", "promised_later")
"""Terms that a setting, or the promise of an order, decides."""


class PresetTerms(SellerTerms):
    """The terms a seller's orders get. Durations are ISO 8601 texts, such as `P2D` or `PT36H`: never bare numbers."""

    @field_validator(*_DURATIONS, mode="before")
    @classmethod
    def _says_its_unit(cls, value: object) -> object:
        if not isinstance(value, str | timedelta):
            raise ValueError("has no unit; write an ISO 8601 duration such as P2D or PT36H")
        return value

    @field_validator(*_DURATIONS)
    @classmethod
    def _is_possible(cls, value: timedelta) -> timedelta:
        if not timedelta(0) <= value <= LONGEST:
            raise ValueError("is out of range; write a duration from PT0S to P365D")
        return value

    @field_validator("ship_within", "deliver_within")
    @classmethod
    def _takes_time(cls, value: timedelta) -> timedelta:
        if not value:
            raise ValueError("takes no time at all; write a duration such as P2D")
        return value

    @field_validator(*_NOT_ITS_OWN, mode="before")
    @classmethod
    def _is_decided_elsewhere(cls, value: object) -> object:
        raise ValueError("is not the seller's to set; remove it")


class SellerLocation(Value):
    """A place that ships this seller's goods only. `provider`: the account that works there; `dispatch`: how it ships.

    `capacity`: the units, of all SKUs together, that catalog files may bring there; None: any number.
    """

    provider: Code
    address: Address
    dispatch: Dispatch = Dispatch()
    capacity: Annotated[int, Field(ge=1, le=1_000_000_000, description="units")] | None = None


class SellerProfile(Value):
    """Everything that is a seller's own.

    `channels`: where its orders may come from, empty for anywhere. `order_prefix`: with what ids of its orders begin,
    and nobody else's; None: with anything that is no seller's. `accounts`: at providers, carriers and channels, as in
    the network file, secrets by reference only. `payment_account`: where its orders are paid.
    """

    name: Text
    channels: tuple[Code, ...] = ()
    order_prefix: OrderPrefix | None = None
    payment_account: Literal["stripe"] = "stripe"
    daily_orders: PerDay | None = None
    promise_within: Annotated[int, Field(ge=0, le=365, description="days")] = PROMISE_WITHIN
    terms: PresetTerms = PresetTerms()
    accounts: Mapping[Code, Mapping[str, Any]] = Field(default_factory=dict)
    locations: Mapping[Code, SellerLocation] = Field(default_factory=dict)

    @field_validator("order_prefix")
    @classmethod
    def _is_not_everybodys(cls, prefix: str | None) -> str | None:
        if prefix in _EVERYBODYS:
            raise ValueError(f"{prefix} begins ids that any seller's orders may have; choose another prefix")
        return prefix

    def said(self) -> dict[str, Any]:
        """What was said, as JSON: without the defaults of what was not."""
        return self.model_dump(mode="json", exclude_unset=True)


class SellerRecord(Message):
    """A seller's profile as it holds now, and who said so. `version` counts its changes from 1."""

    seller: Code
    version: int
    profile: SellerProfile
    changed_by: str
    changed_at: AwareDatetime


class SellerChange(Message):
    """One change of a seller's profile; `before` is None for the first."""

    version: int
    changed_by: str
    changed_at: AwareDatetime
    before: dict[str, Any] | None
    after: dict[str, Any]


class Difference(Message):
    """One value of a profile that changes, by its path (`terms.ship_within`); None: it is not said."""

    field: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.field} = {self.after!r}"
        if self.after is None:
            return f"- {self.field} = {self.before!r}"
        return f"~ {self.field} = {self.before!r} -> {self.after!r}"


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What differs between two profiles as JSON, by path."""
    old, new = dict(_leaves(before or {})), dict(_leaves(after))
    changed = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return tuple(Difference(field=path, before=old.get(path), after=new.get(path)) for path in changed)


def _leaves(part: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


class OwnAccount(Message):
    """A seller's account as its profile tells it: secrets by reference."""

    account: Code
    seller: Code
    told: dict[str, Any]


class StandingLocation(Message):
    """A location as it is, with the units that lie there.

    `seller`: whose it is, None for everybody's; `strange`: goods of others than the seller that is looked at lie there;
    `removed`: its seller's profile names it no more.
    """

    location: Code
    provider: Code
    seller: Code | None
    units: int
    strange: bool
    removed: bool = False


class Surroundings(Message):
    """What a seller's profile must fit into.

    `owners`: whose an account is, or was, of all sellers' own; `locations`: those that a profile names or the seller
    has; `busy`: the seller's accounts that orders under way need; `prefixes`: whose order ids begin so, of all sellers;
    `begun`: prefixes with which ids of others' orders begin, of those that were asked about.
    """

    owners: Mapping[str, str]
    locations: Mapping[str, StandingLocation]
    busy: frozenset[str]
    prefixes: Mapping[str, str] = Field(default_factory=dict)
    begun: frozenset[str] = frozenset()


class Goods(Message):
    """Whose the SKUs and places of a catalog file are.

    `skus`: the seller of each that is known; `onboarded`: those of the sellers it names that were onboarded;
    `capacities`: of sellers' locations that have one; `accounts`: all that are sellers' own.
    """

    skus: Mapping[str, str]
    onboarded: frozenset[str]
    locations: Mapping[str, StandingLocation]
    capacities: Mapping[str, int]
    accounts: frozenset[str]


class Selling(Value):
    """What must be known of a seller to take its orders. `channels`: empty for any. `onboarded`: it has a profile."""

    onboarded: bool = False
    channels: tuple[Code, ...] = ()
    order_prefix: str | None = None


class NotSold(Value):
    """Why an order is not taken for its seller: the field, what is wrong with it, and what to do."""

    field: Literal["seller", "channel", "order_id"]
    message: str
    remedy: str


def not_sold(seller: str, selling: Selling, channel: str, *, known_only: bool) -> NotSold | None:
    """Whether the seller's orders are not taken at all, or not from this channel; None: they are.

    `known_only`: only sellers that were onboarded sell.
    """
    if known_only and not selling.onboarded:
        advice = "use a seller that is, or onboard it: ordersaga seller apply FILE --apply"
        return NotSold(field="seller", message=f"{seller} is not onboarded", remedy=advice)
    if selling.channels and channel not in selling.channels:
        advice = f"use {' or '.join(selling.channels)}, or add it to channels in the seller's file"
        return NotSold(field="channel", message=f"{seller} does not sell on {channel}", remedy=advice)
    return None


def not_its_id(seller: str, order_id: str, own: str | None, prefixes: Mapping[str, str]) -> NotSold | None:
    """Whether the seller's orders may not have this id; None: they may. `prefixes`: whose they are, of all sellers."""
    begins = order_id[: order_id.find("_") + 1]
    if own is not None and begins != own:
        advice = f"begin it with {own}, or leave it out: one is made up"
        return NotSold(field="order_id", message=f"ids of {seller}'s orders begin with {own}", remedy=advice)
    if prefixes.get(begins, seller) != seller:
        told = f"ids that begin with {begins} are kept for another seller"
        return NotSold(field="order_id", message=told, remedy="begin it otherwise, or leave it out: one is made up")
    return None
