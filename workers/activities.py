"""The activity objects of a process, built from ports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from activities.by_hand import ByHand
from activities.carrier_accounts import StoppedCarriers
from activities.carriers import Carriers
from activities.channels import Channels
from activities.choosing import ChoosingCarriers
from activities.effects import Effects
from activities.elsewhere import Moving
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
from activities.setting_aside import SettingAside
from activities.stops import Stopping
from ordersaga.channel_money import ChannelMoney
from ordersaga.channel_ports import Channel
from ordersaga.domain.carriers import EASYPOST, CarrierAccount
from ordersaga.domain.channels import ChannelAccount
from ordersaga.ports import (
    Carrier,
    EffectLedger,
    Exchanges,
    LabelHistory,
    LanePauses,
    OrderJournal,
    PaymentGateway,
    PaymentHistory,
    Provider,
    ProviderStock,
    QuotingCarrier,
    ReturnStore,
    StockStore,
)
from ordersaga.reconciliation_ports import Evidence, FindingStore, MessageInbox, OrderNotes, Sagas
from ordersaga.stop_ports import Queue, StandingStops, StopSagas, StopStore

Activity = Callable[..., Any]


@dataclass(frozen=True)
class ReconciliationPorts:
    """What reconciliation needs besides: what the companies have on record, and our own side of it.

    `label_histories` by account: of the carriers that list what was bought at them.
    """

    evidence: Evidence
    findings: FindingStore
    sagas: Sagas
    notes: OrderNotes
    inbox: MessageInbox
    payment_history: PaymentHistory
    label_histories: Mapping[str, LabelHistory]
    provider_stock: Mapping[str, ProviderStock]


@dataclass(frozen=True)
class StopPorts:
    """What stops need besides: their records, the sagas they speak to, and who waits in line."""

    store: StopStore
    sagas: StopSagas
    queue: Queue


@dataclass(frozen=True)
class Ports:
    """What activities need of the world. `reconciliation`, `stops`: None where nothing is reconciled or stopped.
    `channel_money`: by channel, where its platform collects the money. `channels`, `channel_accounts` by account: of
    the marketplaces that are told.

    `carriers` by account, `accounts` their rules in configured order, `quoting` those of them that name prices.
    `pauses`: None where no lane is ever paused; `moving`: None where no parcel ever moves by itself;
    `standing_stops`: None where nothing is ever stopped.
    """

    stock: StockStore
    ledger: EffectLedger
    journal: OrderJournal
    payments: PaymentGateway
    providers: Mapping[str, Provider]
    carriers: Mapping[str, Carrier]
    returns: ReturnStore
    exchanges: Exchanges
    accounts: Sequence[CarrierAccount] = (CarrierAccount(EASYPOST),)
    quoting: Mapping[str, QuotingCarrier] = field(default_factory=dict)
    pauses: LanePauses | None = None
    moving: Moving | None = None
    reconciliation: ReconciliationPorts | None = None
    stops: StopPorts | None = None
    standing_stops: StandingStops | None = None
    visible_after: timedelta = timedelta(minutes=1)
    channel_money: Mapping[str, ChannelMoney] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    channel_accounts: Mapping[str, ChannelAccount] = field(default_factory=dict)


@dataclass(frozen=True)
class ActivitySet:
    """Activities by the queue they are polled from."""

    orders: list[Activity]
    books: list[Activity]
    payments: list[Activity]
    providers: list[Activity]
    carriers: list[Activity]
    channels: list[Activity] = field(default_factory=list)


def build(ports: Ports) -> ActivitySet:
    """Wire the activities to their ports."""
    inventory = Inventory(
        ports.stock,
        ports.ledger,
        moves=ports.moving is not None,
        set_aside_at=lambda: _reserving(ports.providers),
        stops=ports.standing_stops,
    )
    journal = Journal(ports.journal, ports.ledger)
    effects = Effects(ports.ledger, ports.visible_after)
    payments = Payments(ports.payments, effects, ports.ledger, ports.channel_money)
    refunds = Refunds(ports.payments, effects, ports.ledger, ports.channel_money)
    providers = Providers(ports.providers, effects, ports.ledger, ports.accounts)
    aside = SettingAside(ports.providers, effects, ports.ledger)
    stopped = StoppedCarriers(ports.standing_stops, ports.accounts)
    choosing = ChoosingCarriers(ports.accounts, ports.quoting, ports.stock, ports.pauses, stopped)
    carriers = Carriers(ports.carriers, ports.stock, effects, ports.ledger, stopped)
    by_hand = ByHand(effects, ports.ledger)
    channels = Channels(ports.channels, ports.channel_accounts, effects)
    returns = Returns(ports.returns, ports.exchanges, effects, ports.ledger)
    labels = ReturnLabels(ports.carriers, ports.stock, effects, ports.ledger)
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
        providers.call_off,
        inventory.ship_stock,
        inventory.take_back,
        inventory.lose_goods,
        journal.record,
        journal.close,
        journal.write_off,
        by_hand.stopped_by_hand,
        by_hand.let_go_by_hand,
        by_hand.label_settled_by_hand,
        by_hand.released_by_hand,
        payments.enter_collected,
        returns.record_return,
        returns.close_return,
        returns.quote_refund,
        returns.refund_settled_by_hand,
        returns.place_exchange,
        returns.look_at_exchange,
        labels.seller_instructions,
        choosing.choose_carrier,
        choosing.stopped_carriers,
        channels.canceled_there_by_hand,
        channels.shipped_there_by_hand,
    ]
    known = ActivitySet(
        orders=[*ours, *money],
        books=ours,
        payments=money,
        providers=[
            providers.hand_off,
            providers.withdraw,
            providers.update_address,
            providers.look,
            aside.set_aside,
            aside.let_go,
        ],
        carriers=[
            carriers.book_label,
            carriers.find_label,
            carriers.void_label,
            carriers.look,
            carriers.intercept,
            labels.book_return_label,
            labels.void_return_label,
            labels.return_label_settled_by_hand,
        ],
        channels=[channels.cancel_there, channels.tell_shipped],
    )
    if ports.moving is not None:
        look = ports.moving.look_elsewhere
        known = replace(known, orders=[*known.orders, look], books=[*known.books, look])
    if ports.stops is not None:
        known = _stopping(known, ports.stops)
    return _reconciling(known, ports, ports.reconciliation, effects) if ports.reconciliation else known


def _reserving(providers: Mapping[str, Provider]) -> list[str]:
    return sorted(name for name, provider in providers.items() if provider.capabilities.reserves)


def _stopping(known: ActivitySet, more: StopPorts) -> ActivitySet:
    """The same, and what stops do: their pages take long, so they are never inside a workflow task."""
    stops = Stopping(more.store, more.sagas, more.queue)
    records: list[Activity] = [stops.read_stop, stops.stop_looked, stops.lift_stop, stops.end_stop]
    pages: list[Activity] = [stops.treat_page, stops.release_page]
    return replace(known, orders=[*known.orders, *records], books=[*known.books, *records, *pages])


def _reconciling(known: ActivitySet, ports: Ports, more: ReconciliationPorts, effects: Effects) -> ActivitySet:
    """The same, and what reconciliation does on each lane."""
    sources = Sources(
        evidence=more.evidence,
        findings=more.findings,
        sagas=more.sagas,
        payments=ports.payments,
        payment_history=more.payment_history,
        carriers=ports.carriers,
        labels=more.label_histories,
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
    return replace(
        known,
        orders=[*known.orders, *records],
        books=[*known.books, *records, reconciling.match_orders, repairs.apply_repair],
        payments=[*known.payments, reconciling.match_payments, repairs.apply_repair],
        providers=[*known.providers, reconciling.match_provider, reconciling.match_stock, repairs.apply_repair],
        carriers=[*known.carriers, reconciling.match_labels, repairs.apply_repair],
    )
