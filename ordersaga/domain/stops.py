"""Stops: an operator's order to hold, let go on, or cancel everything that matches. The rules, without I/O.

The words of a result (`Answer`):

| answer | meaning |
|---|---|
| `foreseen` | a dry run: nothing was done |
| `held`, `released` | its hand-off waits; or waits no longer for this stop |
| `in_line` | it waits in line, keeps its place and is given nothing |
| `drained` | let go on, as the policy says |
| `canceled`, `partly_canceled`, `pending`, `intercepting`, `too_late` | what its saga answered to the cancellation |
| `too_late` | of a hold: the hand-off had begun |
| `could_not` | nobody answered, or it was refused; tried again at every look |
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from ordersaga.domain.identifiers import Code, Sku
from ordersaga.domain.orders import Address, Order
from ordersaga.domain.values import Message, Value

LOOK_EVERY: Final = timedelta(minutes=5)
"""How often a stop in force looks for orders that have come to match, unless it says otherwise."""

STOP_FAILED: Final = "stop_failed"
"""The kind of the question about an order that a stop could not treat."""

Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,6})?$")]
"""A country (`US`), or a country and its region (`US-CA`)."""
Answer = Literal[
    "foreseen",
    "held",
    "released",
    "in_line",
    "drained",
    "canceled",
    "partly_canceled",
    "pending",
    "intercepting",
    "too_late",
    "could_not",
]
StopState = Literal["dry_run", "planned", "in_force", "paused", "lifting", "ended"]


class Stage(StrEnum):
    """How far an order is, in the words of a policy; the first one is the least far."""

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    AT_PROVIDER = "at_provider"
    PICKED = "picked"
    IN_TRANSIT = "in_transit"


class Treatment(StrEnum):
    """What a stop does with an order: keeps it back, lets it go on, or asks its saga to cancel it."""

    HOLD = "hold"
    DRAIN = "drain"
    CANCEL = "cancel"


class StopPolicy(Value):
    """What is done with orders at each stage. A hold is possible until the hand-off has begun.

    `accepted`: accepted or waiting in line, outcome unknown. `confirmed`: not handed off. `at_provider`: not picked.
    `picked`: picked or later, not scanned. `in_transit`: scanned by its carrier.
    """

    accepted: Treatment = Treatment.HOLD
    confirmed: Treatment = Treatment.HOLD
    at_provider: Treatment = Treatment.DRAIN
    picked: Treatment = Treatment.DRAIN
    in_transit: Treatment = Treatment.DRAIN

    def at(self, stage: Stage) -> Treatment:
        """What is done at a stage."""
        treatment: Treatment = getattr(self, stage.value)
        return treatment


class StopMatch(Value):
    """What is stopped; all that is given must match, and something must be given.

    `region`: of the address that one of its parcels ships to. `provider` and `carrier`: of one of its parcels. Only
    such parcels are canceled.
    """

    region: Region | None = None
    seller: Code | None = None
    sku: Sku | None = None
    channel: Code | None = None
    carrier: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)] | None = None
    provider: Code | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.named():
            raise ValueError("give at least one of region, seller, sku, channel, carrier, provider")
        return self

    def named(self) -> dict[str, str]:
        """What is given, by name."""
        return {name: value for name, value in self.model_dump().items() if value is not None}

    def words(self) -> str:
        """What is stopped, for people."""
        return ", ".join(f"{name} {value}" for name, value in self.named().items())

    @property
    def of_parcels(self) -> bool:
        """Whether it depends on who ships or carries."""
        return self.provider is not None or self.carrier is not None

    def order(self, order: Order) -> bool:
        """Whether the order matches, as far as it is known without its parcels; or as it concerns one of them."""
        return (
            self.seller in (None, order.seller)
            and self.channel in (None, order.channel)
            and (self.sku is None or any(line.sku == self.sku for line in order.lines))
            and (self.region is None or _within(self.region, order.ship_to))
        )

    def parcel(self, provider: str, carrier: str | None) -> bool:
        """Whether a parcel of a matching order matches."""
        if self.carrier is not None and (carrier or "").casefold() != self.carrier.casefold():
            return False
        return self.provider in (None, provider)


def _within(region: str, address: Address) -> bool:
    country, _, part = region.partition("-")
    return address.country == country and part in ("", address.region)


class StopRule(Value):
    """A stop as the door knows it: new orders that match are refused from `effective_at` on, before `until`."""

    stop_id: str
    match: StopMatch
    policy: StopPolicy = StopPolicy()
    effective_at: AwareDatetime
    until: AwareDatetime | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.effective_at <= now and (self.until is None or now < self.until)

    def told(self) -> str:
        """What is stopped and until when, for whoever is refused."""
        end = f"until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else "until further notice"
        return f"orders of {self.match.words()} are stopped {end}"


def stopping(rules: Iterable[StopRule], order: Order, now: datetime) -> StopRule | None:
    """The rule that refuses a new order whoever ships it, if any."""
    return next((rule for rule in _matching(rules, order, now) if not rule.match.of_parcels), None)


def avoided(rules: Iterable[StopRule], order: Order, now: datetime) -> Mapping[str, StopRule]:
    """Providers that may not ship a new order, by name. Its carrier is not known before it has a label."""
    found = _matching(rules, order, now)
    return {rule.match.provider: rule for rule in found if rule.match.provider and rule.match.carrier is None}


def carriers_stopped(rules: Iterable[StopRule], order: Order, provider: str, now: datetime) -> Mapping[str, str]:
    """Carriers that sell no label for a parcel of the order at this provider, in lower case, and why in words.

    Whatever is done with the parcels they have: no other is given to them.
    """
    found = [rule for rule in _matching(rules, order, now) if rule.match.provider in (None, provider)]
    return {rule.match.carrier.lower(): f"stopped by {rule.stop_id}" for rule in found if rule.match.carrier}


def passed_over(rules: Iterable[StopRule], order: Order, now: datetime) -> bool:
    """Whether an order that waits in line is given nothing."""
    waits = (rule for rule in _matching(rules, order, now) if not rule.match.of_parcels)
    return any(rule.policy.accepted is not Treatment.DRAIN for rule in waits)


def _matching(rules: Iterable[StopRule], order: Order, now: datetime) -> list[StopRule]:
    return [rule for rule in rules if rule.in_force(now) and rule.match.order(order)]


class NewStop(Value):
    """A stop as it was asked for. `legal_reference`: the text it rests on, such as the number of a decree.

    `unlisted`: what it names though nobody here knows it.
    """

    rule: StopRule
    look_every: Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = LOOK_EVERY
    legal_reference: str = ""
    reason: str
    asked_by: str
    dry_run: bool = False
    unlisted: tuple[str, ...] = ()


class StopCount(Message):
    """Orders of one stage, seller and currency that were treated alike; `money` in minor units."""

    stage: Stage
    treatment: Treatment
    answer: Answer
    seller: str
    currency: str
    orders: int
    money: int


class StopRecord(Message):
    """A stop as it stands, with what became of the orders. `looks`: how often all matching orders were gone through."""

    stop_id: str
    match: StopMatch
    policy: StopPolicy
    effective_at: AwareDatetime
    until: AwareDatetime | None = None
    look_every: timedelta
    legal_reference: str
    reason: str
    asked_by: str
    asked_at: AwareDatetime
    dry_run: bool
    started: bool
    paused: bool
    looks: int
    looked_at: AwareDatetime | None = None
    lifted_at: AwareDatetime | None = None
    lifted_by: str | None = None
    ended_at: AwareDatetime | None = None
    counts: tuple[StopCount, ...] = ()

    @property
    def rule(self) -> StopRule:
        """What the door knows of it."""
        return StopRule(
            stop_id=self.stop_id,
            match=self.match,
            policy=self.policy,
            effective_at=self.effective_at,
            until=self.until,
        )

    def state(self, now: datetime) -> StopState:
        """One word for people."""
        if self.ended_at is not None:
            return "ended"
        if self.dry_run:
            return "dry_run"
        if self.lifted_at is not None or (self.until is not None and now >= self.until):
            return "lifting"
        if self.paused:
            return "paused"
        return "planned" if now < self.effective_at else "in_force"


class StopResult(Message):
    """What became of one order."""

    order_id: str
    seller: str
    currency: str
    money: int
    stage: Stage
    treatment: Treatment
    answer: Answer
    detail: str = ""
    attempts: int = 1
    at: AwareDatetime | None = None


class Told(Value):
    """What an order's saga answered, in the words of a result."""

    answer: Answer
    detail: str = ""


def stop_workflow_id(stop_id: str) -> str:
    """Workflow id of a stop, and the name its story has in the audit trail; no order can be called so."""
    return f"stop-{stop_id}"


def question_id(order_id: str, stop_id: str) -> str:
    """What a stop's question about an order is known by."""
    return f"{order_id}-stop-{stop_id}"


def hold_kind(stop_id: str) -> str:
    """The kind of the holds that a stop places."""
    return f"stop_{stop_id}"
