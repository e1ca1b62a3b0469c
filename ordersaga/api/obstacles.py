"""What outside an order keeps it where it is, and what can be done: open breakers, paused lanes, and stops.

A key of one seller hears what is shut, since when and until when; why, by whom, and what only the whole house may do
about it, it does not: lanes, and most stops, are not its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ordersaga.api.shapes import Obstacle
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.breakers import GOOD_PROBES, Breaker, BreakerState
from ordersaga.domain.carriers import Wish, candidates
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.lanes import PAYMENTS, LanePause, carrier_lane, channel_lane, provider_lane
from ordersaga.domain.lattices import goods_left
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus, ParcelStatus
from ordersaga.domain.stop_decisions import SeenParcel
from ordersaga.domain.stops import Answer, StopRecord, StopRule, hold_kind
from workflows.messages import OrderView

_PROVIDERS: Final = provider_lane("")


async def obstacles(services: Services, record: OrderRecord, key: ApiKey) -> tuple[Obstacle, ...]:
    """Everything that keeps an order which has not ended: stops first, then lanes."""
    if record.status in FINAL_STATUSES:
        return ()
    now = datetime.now(UTC)
    stops = await services.stops.keeping(record.order.order_id)
    labels = [rule for rule in await services.stop_rules.standing() if _stops_labels(rule, record.order, now)]
    breakers = {one.lane: one for one in await services.breakers.breakers() if one.state is not BreakerState.CLOSED}
    pauses = {one.lane: one for one in await services.lane_pauses.pauses()}
    if not (stops or labels or breakers or pauses):
        return ()
    case = _Case(services, record, await _view(services, record), now, whole=key.seller is None)
    held = (case.held(*one) for one in stops)
    carriers = (case.without_labels(rule) for rule in labels)
    found = [one for one in (*held, *carriers) if one is not None]
    return (*found, *case.shut(breakers, pauses))


def _stops_labels(rule: StopRule, order: Order, now: datetime) -> bool:
    return rule.match.carrier is not None and rule.in_force(now) and rule.match.order(order)


async def _view(services: Services, record: OrderRecord) -> OrderView | None:
    """What its saga says; None where there is none, or it cannot be asked."""
    try:
        return await services.orders.state(record.order.order_id)
    except OrdersagaError:
        return None


@dataclass(frozen=True)
class _Case:
    """One order, and who asks: `whole` is the house, else a seller."""

    services: Services
    record: OrderRecord
    view: OrderView | None
    now: datetime
    whole: bool

    @property
    def parcels(self) -> tuple[SeenParcel, ...]:
        """Those that have not left; as the saga sees them, else as they were planned."""
        if self.view is not None and self.view.parcels:
            seen = [SeenParcel(plan=one.plan, status=one.status, carrier=one.carrier) for one in self.view.parcels]
        else:
            seen = [SeenParcel(plan=plan, status=ParcelStatus.PLANNED) for plan in self.record.parcels]
        return tuple(one for one in seen if not goods_left(one.status) and one.status is not ParcelStatus.CANCELED)

    def held(self, stop: StopRecord, answer: Answer, since: datetime) -> Obstacle | None:
        """What a stop does with the order; None where it holds it no longer."""
        kind, in_line = hold_kind(stop.stop_id), answer == "in_line"
        if in_line:
            does, still = "passes it over in its line", self.record.status is OrderStatus.WAITLISTED
        else:
            does, still = "holds it back", answer == "held" if self.view is None else kind in self.view.holds
        if not still:
            return None
        asked = f" {stop.asked_by} asked for it: {_sentence(stop.reason)}" if self.whole else ""
        return Obstacle(
            kind="stop",
            name=stop.stop_id,
            since=since,
            until=stop.until,
            text=f"Stop {stop.stop_id} ({stop.match.words()}) {does}, since {_at(since)}, {_end(stop.rule)}.{asked}",
            remedy=self._lifted(stop, None if in_line else kind),
        )

    def _lifted(self, stop: StopRecord, kind: str | None) -> str:
        """Who may end it, and how; `kind`: of its hold on the order."""
        if not self.whole and stop.match.seller is None:
            return "It is a stop of the whole house, whose operators undo it."
        undo = f"An operator can undo the stop: ordersaga stop undo {stop.stop_id} --reason WHY"
        if kind is None:
            return f"{undo}."
        order_id = self.record.order.order_id
        return f"{undo}; or let this order alone go on: ordersaga order release {order_id} {kind} --reason WHY."

    def without_labels(self, rule: StopRule) -> Obstacle | None:
        """A stop of a carrier, for those parcels whose label is still to be bought, by us."""
        wanted = [one for one in self.parcels if rule.match.provider in (None, one.plan.provider)]
        parcels = tuple(one.plan.parcel for one in wanted if self._accounts(one))
        if not parcels:
            return None
        since, label = _at(rule.effective_at), f"no label of {rule.match.carrier} is bought for {_named(parcels)}"
        return Obstacle(
            kind="stop",
            name=rule.stop_id,
            parcels=parcels,
            since=rule.effective_at,
            until=rule.until,
            text=f"Stop {rule.stop_id} ({rule.match.words()}): {label}, since {since}, {_end(rule)}.",
            remedy="Another carrier's is bought where one sells it; else a person is asked.",
        )

    def shut(self, breakers: Mapping[str, Breaker], pauses: Mapping[str, LanePause]) -> Iterator[Obstacle]:
        """The lanes where the order may wait, that let no call pass or only one."""
        for lane, parcels in self._lanes().items():
            if lane in breakers:
                yield self._breaker(breakers[lane], parcels)
            elif lane in pauses:
                yield self._pause(pauses[lane], parcels)

    def _lanes(self) -> Mapping[str, tuple[int, ...]]:
        """By lane, the parcels that need something there; none: the whole order does."""
        lanes: dict[str, tuple[int, ...]] = {}
        for each in self.parcels:
            accounts = map(carrier_lane, self._accounts(each))
            for lane in (provider_lane(each.plan.provider), *accounts):
                lanes[lane] = (*lanes.get(lane, ()), each.plan.parcel)
        order = self.record.order
        if order.payment.collected_by is None:
            lanes[PAYMENTS] = ()
        if order.sold_at is not None:
            lanes[channel_lane(order.sold_at.account)] = ()
        return lanes

    def _accounts(self, parcel: SeenParcel) -> tuple[str, ...]:
        """Where its label may be bought; nowhere once it has one, or where its provider buys it."""
        provider = self.services.providers.get(parcel.plan.provider)
        if provider is None or provider.capabilities.books_carrier or parcel.carrier is not None:
            return ()
        order = self.record.order
        wish = Wish(
            seller=order.seller,
            country=order.ship_to.country,
            arrive_by=order.ship_by + order.terms.deliver_within,
            allowed=order.terms.carriers,
        )
        return tuple(account.code for account in candidates(self.services.carrier_accounts, wish))

    def _breaker(self, breaker: Breaker, parcels: tuple[int, ...]) -> Obstacle:
        lane, forced = breaker.lane, breaker.forced(self.now)
        word = "auto" if forced else "close"
        return Obstacle(
            kind="breaker",
            name=lane,
            parcels=parcels,
            since=breaker.since,
            until=breaker.next_probe,
            text=f"{self._state(breaker, forced)} What {_named(parcels)} {_needs(breaker, self.now)}",
            remedy=self._remedy(
                lane, parcels, f"An operator can let calls pass before: ordersaga lanes {word} {lane} --reason WHY."
            ),
        )

    def _state(self, breaker: Breaker, forced: bool) -> str:
        since = _at(breaker.since) + (f" ({breaker.reason})" if self.whole else "")
        if forced:
            by = f" by {breaker.by}" if self.whole else " by hand"
            end = f"No call passes before {_at(breaker.forced_until)}."
            return f"The breaker of {breaker.lane} is kept open{by} since {since}. {end}"
        if _tried(breaker, self.now):
            once = f"The breaker of {breaker.lane}, open since {_at(breaker.since)}, is half-open"
            return f"{once}: one call at a time tries it now; {GOOD_PROBES} answers in a row close it."
        state = f"{breaker.lane} gives no answers: its breaker is open since {since}."
        probe = f"No call passes before the next probe, at {_at(breaker.next_probe)}"
        return f"{state} {probe}; {GOOD_PROBES} answers in a row close it."

    def _pause(self, pause: LanePause, parcels: tuple[int, ...]) -> Obstacle:
        lane, by = pause.lane, f" by {pause.by} ({pause.reason})" if self.whole else ""
        since, until = _at(pause.paused_at), _at(pause.paused_until)
        return Obstacle(
            kind="pause",
            name=lane,
            parcels=parcels,
            since=pause.paused_at,
            until=pause.paused_until,
            text=f"{lane} is paused{by} since {since}. What {_named(parcels)} needs there waits until {until}.",
            remedy=self._remedy(
                lane, parcels, f"An operator can end that before: ordersaga lanes resume {lane} --reason WHY."
            ),
        )

    def _remedy(self, lane: str, parcels: tuple[int, ...], of_the_lane: str) -> str:
        """What can be done: with the lane, by the whole house alone; with the parcel, by whoever works with orders."""
        said = of_the_lane if self.whole else "It goes on by itself."
        if not parcels:
            return said
        parcel = f"{self.record.order.order_id} {parcels[0]}"
        if lane.startswith(_PROVIDERS):
            return f"{said} Where its units lie elsewhere too: ordersaga order move {parcel} LOCATION."
        return f"{said} For another carrier: ordersaga order carrier {parcel} CARRIER."


def _tried(breaker: Breaker, now: datetime) -> bool:
    """Whether a call may pass: its reason is then that of the last change, and not why it opened."""
    due = breaker.next_probe is not None and breaker.next_probe <= now
    return breaker.state is BreakerState.HALF_OPEN or (due and not breaker.forced(now))


def _needs(breaker: Breaker, now: datetime) -> str:
    return "still needs there may wait." if _tried(breaker, now) else "needs there waits."


def _end(rule: StopRule) -> str:
    return f"until {_at(rule.until)}" if rule.until else "until further notice"


def _named(parcels: tuple[int, ...]) -> str:
    if not parcels:
        return "the order"
    *most, last = map(str, parcels)
    return f"parcels {', '.join(most)} and {last}" if most else f"parcel {last}"


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "a time nobody has said"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
