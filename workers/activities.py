"""The activity objects of a process, built from ports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from activities.by_hand import ByHand
from activities.carriers import Carriers
from activities.effects import Effects
from activities.inventory import Inventory
from activities.journal import Journal
from activities.payments import Payments
from activities.providers import Providers
from activities.refunds import Refunds
from activities.return_labels import ReturnLabels
from activities.returns import Returns
from ordersaga.ports import (
    Carrier,
    EffectLedger,
    Exchanges,
    OrderJournal,
    PaymentGateway,
    Provider,
    ReturnStore,
    StockStore,
)

Activity = Callable[..., Any]


@dataclass(frozen=True)
class Ports:
    """What activities need of the world."""

    stock: StockStore
    ledger: EffectLedger
    journal: OrderJournal
    payments: PaymentGateway
    providers: Mapping[str, Provider]
    carrier: Carrier
    returns: ReturnStore
    exchanges: Exchanges
    visible_after: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class ActivitySet:
    """Activities by the queue they are polled from."""

    orders: list[Activity]
    books: list[Activity]
    payments: list[Activity]
    providers: list[Activity]
    carriers: list[Activity]


def build(ports: Ports) -> ActivitySet:
    """Wire the activities to their ports."""
    inventory = Inventory(ports.stock, ports.ledger)
    journal = Journal(ports.journal, ports.ledger)
    effects = Effects(ports.ledger, ports.visible_after)
    payments = Payments(ports.payments, effects, ports.ledger)
    refunds = Refunds(ports.payments, effects, ports.ledger)
    providers = Providers(ports.providers, effects, ports.ledger)
    carriers = Carriers(ports.carrier, ports.stock, effects, ports.ledger)
    by_hand = ByHand(effects, ports.ledger)
    returns = Returns(ports.returns, ports.exchanges, effects, ports.ledger)
    labels = ReturnLabels(ports.carrier, ports.stock, effects, ports.ledger)
    money: list[Activity] = [
        payments.authorize,
        payments.refresh_authorization,
        payments.capture,
        payments.release,
        refunds.refund_part,
        refunds.look_at_refund,
    ]
    ours: list[Activity] = [
        inventory.hold_stock,
        inventory.release_stock,
        inventory.replan,
        inventory.ship_stock,
        inventory.take_back,
        inventory.lose_goods,
        journal.record,
        journal.close,
        journal.write_off,
        by_hand.stopped_by_hand,
        by_hand.label_settled_by_hand,
        by_hand.released_by_hand,
        returns.record_return,
        returns.close_return,
        returns.quote_refund,
        returns.refund_settled_by_hand,
        returns.place_exchange,
        returns.look_at_exchange,
        labels.seller_instructions,
    ]
    return ActivitySet(
        orders=[*ours, *money],
        books=ours,
        payments=money,
        providers=[providers.hand_off, providers.withdraw, providers.update_address, providers.look],
        carriers=[
            carriers.book_label,
            carriers.void_label,
            carriers.look,
            carriers.intercept,
            labels.book_return_label,
            labels.void_return_label,
            labels.return_label_settled_by_hand,
        ],
    )
