"""What a stop does with one order, decided by how far each of its parcels is. The rules, without I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity, ParcelPlan
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus, ParcelStatus
from ordersaga.domain.stops import Stage, StopMatch, StopPolicy, StopRule, Treatment
from ordersaga.domain.values import Value

_STAGES: Final = list(Stage)
_OF_PARCEL: Final[Mapping[ParcelStatus, Stage]] = {
    ParcelStatus.ACCEPTED: Stage.AT_PROVIDER,
    ParcelStatus.EXCEPTION: Stage.AT_PROVIDER,
    ParcelStatus.PICKED: Stage.PICKED,
    ParcelStatus.PACKED: Stage.PICKED,
    ParcelStatus.LABELED: Stage.PICKED,
    ParcelStatus.LEFT_WAREHOUSE: Stage.PICKED,
    ParcelStatus.IN_TRANSIT: Stage.IN_TRANSIT,
}
_HELD_BACK: Final = frozenset({OrderStatus.CONFIRMED, OrderStatus.ON_HOLD})


class SeenParcel(Value):
    """A parcel as its saga sees it now."""

    plan: ParcelPlan
    status: ParcelStatus
    carrier: str | None = None


class SeenOrder(Value):
    """An order as its saga sees it now; without a saga, `confirmed` is False and there are no parcels."""

    status: OrderStatus
    confirmed: bool = False
    parcels: tuple[SeenParcel, ...] = ()

    @property
    def departed(self) -> bool:
        """Whether its hand-off has begun: a hold is refused then. An open question may hide it."""
        return self.confirmed and self.status not in (_HELD_BACK | {OrderStatus.NEEDS_ATTENTION})


class Decision(Value):
    """What a stop does with one order. `lines`: of these units only, out of these `parcels`, empty for all of it.
    `money`: what they are worth.

    With several parcels, `stage` is that of the one least far.
    """

    stage: Stage
    treatment: Treatment
    lines: tuple[LineQuantity, ...] = ()
    parcels: tuple[int, ...] = ()
    money: int


def decide(rule: StopRule, record: OrderRecord, seen: SeenOrder) -> Decision | None:
    """What is to be done with an order; None: it does not match, or nothing of it is left to be stopped."""
    if record.status in FINAL_STATUSES:
        return None
    if not seen.confirmed:
        return _before_confirmation(rule, record)
    parcels = [each for each in seen.parcels if _stage(each, seen) is not None]
    wanted = [each for each in parcels if _matches(rule.match, record, each)]
    return _of_parcels(rule.policy, seen, parcels, wanted) if wanted else None


def _matches(match: StopMatch, record: OrderRecord, parcel: SeenParcel) -> bool:
    """Each parcel by where it goes itself."""
    return match.order(record.order_of(parcel.plan.parcel)) and match.parcel(parcel.plan.provider, parcel.carrier)


def _before_confirmation(rule: StopRule, record: OrderRecord) -> Decision | None:
    if not rule.match.order(record.order):
        return None
    if rule.match.of_parcels and not any(rule.match.parcel(plan.provider, None) for plan in record.parcels):
        return None
    treatment = rule.policy.accepted
    return Decision(stage=Stage.ACCEPTED, treatment=treatment, money=record.order.total)


def _stage(parcel: SeenParcel, seen: SeenOrder) -> Stage | None:
    if parcel.status is ParcelStatus.PLANNED:
        return Stage.AT_PROVIDER if seen.departed else Stage.CONFIRMED
    return _OF_PARCEL.get(parcel.status)


def _of_parcels(
    policy: StopPolicy, seen: SeenOrder, parcels: Sequence[SeenParcel], wanted: Sequence[SeenParcel]
) -> Decision:
    """Cancel those parcels whose stage says so; else hold, if any says so; else let it go on."""
    stages = {each.plan.parcel: _stage(each, seen) or Stage.IN_TRANSIT for each in wanted}
    least = min(stages.values(), key=_STAGES.index)
    canceled = [each for each in wanted if policy.at(stages[each.plan.parcel]) is Treatment.CANCEL]
    if canceled:
        some = canceled if len(canceled) < len(parcels) else []
        numbers = tuple(each.plan.parcel for each in some)
        what = {"lines": _units(some), "parcels": numbers, "money": _worth(canceled)}
        return Decision(stage=least, treatment=Treatment.CANCEL, **what)
    held = any(policy.at(stage) is Treatment.HOLD for stage in stages.values())
    treatment = Treatment.HOLD if held else Treatment.DRAIN
    return Decision(stage=least, treatment=treatment, money=_worth(wanted))


def _worth(parcels: Iterable[SeenParcel]) -> int:
    return sum(each.plan.amount for each in parcels)


def _units(parcels: Iterable[SeenParcel]) -> tuple[LineQuantity, ...]:
    units = Counter[str]()
    for each in parcels:
        units.update({line.sku: line.quantity for line in each.plan.lines})
    return tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in sorted(units.items()))
