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
from activities.looking import Sources
from activities.payments import Payments
from activities.providers import Providers
from activities.reconciliation import Reconciling
from activities.refunds import Refunds
from activities.repairs import Means, Repairs
from activities.return_labels import ReturnLabels
from activities.returns import Returns
from ordersaga.ports import (
    Carrier,
    EffectLedger,
    Exchanges,
    LabelHistory,
    OrderJournal,
    PaymentGateway,
    PaymentHistory,
    Provider,
    ProviderStock,
    ReturnStore,
    StockStore,
)
from ordersaga.reconciliation_ports import Evidence, FindingStore, MessageInbox, OrderNotes, Sagas

Activity = Callable[..., Any]


@dataclass(frozen=True)
class ReconciliationPorts:
    """What reconciliation needs besides: what the companies have on record, and our own side of it."""

    evidence: Evidence
    findings: FindingStore
    sagas: Sagas
    notes: OrderNotes
    inbox: MessageInbox
    payment_history: PaymentHistory
    label_history: LabelHistory
    provider_stock: Mapping[str, ProviderStock]


@dataclass(frozen=True)
class Ports:
    """What activities need of the world. `reconciliation`: None where nothing is reconciled."""

    stock: StockStore
    ledger: EffectLedger
    journal: OrderJournal
    payments: PaymentGateway
    providers: Mapping[str, Provider]
    carrier: Carrier
    returns: ReturnStore
    exchanges: Exchanges
    reconciliation: ReconciliationPorts | None = None
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
    known = ActivitySet(
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
    return _reconciling(known, ports, ports.reconciliation, effects) if ports.reconciliation else known


def _reconciling(known: ActivitySet, ports: Ports, more: ReconciliationPorts, effects: Effects) -> ActivitySet:
    """The same, and what reconciliation does on each lane."""
    sources = Sources(
        evidence=more.evidence,
        findings=more.findings,
        sagas=more.sagas,
        payments=ports.payments,
        payment_history=more.payment_history,
        carrier=ports.carrier,
        labels=more.label_history,
        providers=ports.providers,
        stock=more.provider_stock,
    )
    means = Means(
        effects=effects,
        ledger=ports.ledger,
        stock=ports.stock,
        journal=ports.journal,
        notes=more.notes,
        inbox=more.inbox,
    )
    reconciling, repairs = Reconciling(sources), Repairs(sources, means)
    records: list[Activity] = [reconciling.open_run, reconciling.close_run, repairs.repair_given_up]
    return ActivitySet(
        orders=[*known.orders, *records],
        books=[*known.books, *records, reconciling.match_orders, repairs.apply_repair],
        payments=[*known.payments, reconciling.match_payments, repairs.apply_repair],
        providers=[*known.providers, reconciling.match_provider, reconciling.match_stock, repairs.apply_repair],
        carriers=[*known.carriers, reconciling.match_labels, repairs.apply_repair],
    )
