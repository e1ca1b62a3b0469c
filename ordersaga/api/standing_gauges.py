"""Gauges of what stands open: time left to ship, money at risk, effects without an outcome, notifications.

| metric | labels |
|---|---|
| `ordersaga_ship_by_orders` | `within`: `overdue`, `1h`, `4h`, `1d`, `later`; each order counts once |
| `ordersaga_money_at_risk_minor_units` | `currency`, `why`: `late` (ship-by passed), `question`, `unknown` |
| `ordersaga_effects_open`, `ordersaga_effects_oldest_age_seconds` | `step`, `status`: `intended` or `unknown` |
| `ordersaga_notifications_waiting`, `ordersaga_notifications_oldest_age_seconds` | none |
| `ordersaga_seller_orders` | `seller`, `status`; only with `ORDERSAGA_METRICS_SELLERS`; the others as `(others)` |
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.journal import AttentionAge
from ordersaga.domain.live import Slack
from ordersaga.domain.standing import OpenEffects, ToShip, Undelivered

OTHERS: Final = "(others)"
"""The name of the sellers that are not named: no seller can have it."""
WITHIN: Final[Mapping[str, str]] = {
    "overdue": "overdue",
    "within_1h": "1h",
    "within_4h": "4h",
    "within_1d": "1d",
    "later": "later",
}

_Values = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Standing:
    """One look at the database."""

    to_ship: Sequence[ToShip]
    effects: Sequence[OpenEffects]
    undelivered: Undelivered
    questions: Sequence[AttentionAge]


class StandingGauges(Collector):
    """What one look has found. `sellers`: how many of them are named."""

    def __init__(self, standing: Standing, now: datetime, sellers: int = 0) -> None:
        self._standing, self._now, self._sellers = standing, now, sellers

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges; what there is none of has no sample, but for the time left to ship."""
        slack: Counter[tuple[str, ...]] = Counter({(name,): 0 for name in WITHIN.values()})
        for each in self._standing.to_ship:
            slack.update({(WITHIN[field],): getattr(each.slack, field) for field in Slack.model_fields})
        yield _gauge("ordersaga_ship_by_orders", "Orders to ship, by the time left until ship-by.", ("within",), slack)
        help_text = "Money that may be lost or owed, by why: ship-by has passed, a person is asked, nobody knows."
        yield _gauge("ordersaga_money_at_risk_minor_units", help_text, ("currency", "why"), self._money())
        yield from self._effects()
        yield from self._undelivered()
        if self._sellers:
            help_text = "Orders to ship of the sellers that have most of them."
            yield _gauge("ordersaga_seller_orders", help_text, ("seller", "status"), self._of_sellers())

    def _money(self) -> _Values:
        money: Counter[tuple[str, ...]] = Counter()
        for late in self._standing.to_ship:
            money[late.currency, "late"] += late.late
        for asked in self._standing.questions:
            money[asked.currency, "question"] += asked.money
        for effect in self._standing.effects:
            if effect.status == EffectStatus.UNKNOWN:
                money[effect.currency, "unknown"] += effect.money
        return {name: amount for name, amount in money.items() if name[0]}

    def _effects(self) -> Iterable[GaugeMetricFamily]:
        count: Counter[tuple[str, ...]] = Counter()
        oldest: dict[tuple[str, ...], float] = {}
        for each in self._standing.effects:
            name = each.step, each.status
            count[name] += each.effects
            oldest[name] = max(self._age(each.oldest_at), oldest.get(name, 0.0))
        labels = ("step", "status")
        yield _gauge("ordersaga_effects_open", "Effects under way, or whose outcome nobody knows.", labels, count)
        help_text = "Since the oldest of them was intended."
        yield _gauge("ordersaga_effects_oldest_age_seconds", help_text, labels, oldest)

    def _undelivered(self) -> Iterable[GaugeMetricFamily]:
        waiting = self._standing.undelivered
        help_text = "Notifications that wait for their delivery."
        yield _gauge("ordersaga_notifications_waiting", help_text, (), {(): waiting.notifications})
        age = self._age(waiting.oldest_at) if waiting.oldest_at else 0.0
        help_text = "How long the oldest of them has waited."
        yield _gauge("ordersaga_notifications_oldest_age_seconds", help_text, (), {(): age})

    def _of_sellers(self) -> _Values:
        rows = self._standing.to_ship
        orders = Counter[str]()
        for row in rows:
            orders[row.seller] += row.orders
        named = {seller for seller, _ in orders.most_common(self._sellers)}
        counts: Counter[tuple[str, ...]] = Counter()
        for row in rows:
            counts[row.seller if row.seller in named else OTHERS, row.status] += row.orders
        return counts

    def _age(self, since: datetime) -> float:
        return max(0.0, (self._now - since).total_seconds())


def _gauge(name: str, help_text: str, labels: Sequence[str], values: _Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for label_values, value in sorted(values.items()):
        family.add_metric(label_values, value)
    return family
