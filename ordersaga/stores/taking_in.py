"""What becomes of new orders, one after another, over what is locked for them: shelves, limits, room and lines."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ordersaga.domain.capacity import Line, Rules, lines_of, promised, sku_line, told
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.routing_words import kept
from ordersaga.domain.stops import StopRule, avoided, stopping
from ordersaga.stores.acceptances import (
    Acceptance,
    Accepted,
    AcceptRequest,
    BuyerNeeded,
    NoCapacity,
    OverBuyerLimit,
    SoldOut,
    Stopped,
    Unstored,
    Waiting,
)
from ordersaga.stores.holds import Shelves
from ordersaga.stores.limits import Limits, Promise, limited
from ordersaga.stores.order_rows import NewOrder


@dataclass(frozen=True)
class Fitted:
    """An order whose parcels are taken off the shelves, with the terms it can be promised; `promise`: its room.

    `why`: it ships from there, as it is kept.
    """

    order: Order
    parcels: tuple[ParcelPlan, ...]
    promise: Promise | None
    why: Mapping[str, Any] | None


@dataclass(frozen=True)
class Lack:
    """Why an order cannot be had now: the lines it is short of. `missing`: SKUs sold out, none for want of room."""

    lines: frozenset[Line]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ruling:
    """The answer to one order, and what is to be written of it."""

    answer: Acceptance
    row: NewOrder | None = None
    promise: Promise | None = None
    lines: frozenset[Line] = frozenset()
    why: Mapping[str, Any] | None = None


class Desk:
    """Takes orders in, first come first served; each sees what those before it have left."""

    def __init__(
        self, shelves: Shelves, rules: Rules, limits: Limits, today: date, stops: Collection[StopRule] = ()
    ) -> None:
        self._shelves = shelves
        self._rules = rules
        self._limits = limits
        self._today = today
        self._stops = stops
        self._waited = rules.waited()

    def take(self, request: AcceptRequest) -> Ruling:
        """Judge a new order: who may buy, who waits already, what is left, when it can be shipped."""
        order = request.order
        refused = self._stopped(order) or self._over_limit(order)
        if refused is not None:
            return Ruling(refused)
        found = self._behind(order) or self.fit(order)
        if isinstance(found, Lack) and (refused := self._only_where_stopped(order, found)):
            return Ruling(refused)
        ruling = self._accepted(found) if isinstance(found, Fitted) else self._lacking(request, found)
        if isinstance(ruling.answer, (Accepted, Waiting)):
            self._count(order)
        return ruling

    def fit(self, order: Order) -> Fitted | Lack:
        """Take the order's units and its room, if both are there."""
        rooms, within = self._limits.rooms, self._rules.seller(order.seller).promise_within
        wanted = rooms.wanted(order)
        day, without = rooms.first_day(wanted, within), self._avoided(order)
        choice = self._shelves.plan(promised(order, day, self._today), without) if day is not None else None
        if day is not None and choice is not None:
            rooms.take(wanted, day)
            promise = Promise(order.order_id, day, wanted) if wanted else None
            return Fitted(promised(order, day, self._today), tuple(choice.parcels), promise, kept(choice))
        missing = self._shelves.missing(order, without)
        return Lack(frozenset(map(sku_line, missing)) or frozenset(rooms.short(wanted, within)), missing)

    def _stopped(self, order: Order) -> Stopped | None:
        rule = stopping(self._stops, order, datetime.now(UTC)) if self._stops else None
        return Stopped(order.order_id, rule) if rule else None

    def _avoided(self, order: Order) -> Collection[str]:
        return avoided(self._stops, order, datetime.now(UTC)) if self._stops else ()

    def _only_where_stopped(self, order: Order, lack: Lack) -> Stopped | None:
        """Whether the units it lacks are there, but with a provider that is stopped."""
        rules = avoided(self._stops, order, datetime.now(UTC)) if self._stops and lack.missing else {}
        if not rules or self._shelves.missing(order):
            return None
        return Stopped(order.order_id, next(iter(rules.values())))

    def _over_limit(self, order: Order) -> Unstored | None:
        skus = limited(self._rules, order)
        if skus and order.buyer is None:
            return BuyerNeeded(order.order_id, tuple(skus))
        wanted = {line.sku: line.quantity for line in order.lines}
        for sku in skus:
            limit, has = self._rules.sku(sku).max_per_buyer, self._limits.bought[order.channel, order.buyer or "", sku]
            if limit is not None and has + wanted[sku] > limit:
                return OverBuyerLimit(order.order_id, sku, limit, has)
        return None

    def _behind(self, order: Order) -> Lack | None:
        """Nobody overtakes those who wait: what they wait for is lacking, whatever lies on the shelves."""
        waited = lines_of(order) & self._waited
        if not waited:
            return None
        short = {line.sku for line in order.lines if sku_line(line.sku) in waited} | set(self._shelves.missing(order))
        missing = tuple(line.sku for line in order.lines if line.sku in short)
        return Lack(frozenset(waited | set(map(sku_line, missing))), missing)

    def _accepted(self, found: Fitted) -> Ruling:
        row = (found.order, found.parcels, "pending", None, None)
        return Ruling(Accepted(found.order, found.parcels), row, found.promise, why=found.why)

    def _lacking(self, request: AcceptRequest, lack: Lack) -> Ruling:
        order, until = request.order, request.wait_until
        if until is not None and self._may_wait(order, lack):
            self._waited |= lack.lines
            lacking = in_words(lack.lines)
            row = (order, (), "waitlisted", None, f"waits for {', '.join(lacking)}")
            return Ruling(Waiting(order, 0, lacking, until), row, lines=lack.lines)
        if not lack.missing:
            days = self._rules.seller(order.seller).promise_within
            return Ruling(NoCapacity(order.order_id, in_words(lack.lines), days))
        reason = f"sold out: {', '.join(lack.missing)}"
        return Ruling(SoldOut(order.order_id, lack.missing), (order, (), "rejected", "sold_out", reason))

    def _may_wait(self, order: Order, lack: Lack) -> bool:
        """Whether there is a line for what is lacking, and an end to it."""
        skus = lack.missing or [line.sku for line in order.lines]
        rooms = self._limits.rooms
        return all(self._rules.sku(sku).waitlist for sku in skus) and not rooms.never(rooms.wanted(order))

    def _count(self, order: Order) -> None:
        if order.buyer is not None:
            for line in order.lines:
                self._limits.bought[order.channel, order.buyer, line.sku] += line.quantity


def in_words(lines: Iterable[Line]) -> tuple[str, ...]:
    """What an order is short of, as people know it."""
    return tuple(sorted(map(told, lines)))
