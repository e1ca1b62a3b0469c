"""The one module that names vendors and stores: settings in, working services out.

    async with open_services(Settings()) as services:
        await services.journal.get("ord_1")

The names of the stores' answers (`Accepted`, `Replay`, ...) are passed on here, so that nobody else imports the stores.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from ordersaga.client import OrderClient
from ordersaga.domain.lanes import CARRIERS, PAYMENTS, Lane, provider_lane
from ordersaga.domain.ledgers import Ledgers
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, ShippingService
from ordersaga.gateways import easypost_webhooks, shipbob_webhooks, stripe_webhooks
from ordersaga.gateways.easypost import EasyPost
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.gateways.shipbob import ShipBob
from ordersaga.gateways.smtp import SmtpNotifier, SmtpServer
from ordersaga.gateways.stripe import StripePayments
from ordersaga.gateways.webhooks_out import WebhookSender
from ordersaga.ports import Carrier, LabelHistory, Notifier, PaymentGateway, PaymentHistory, Provider, ProviderStock
from ordersaga.settings import Settings, require_credentials
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.acceptances import (
    Acceptance,
    Accepted,
    BuyerNeeded,
    IdempotencyKey,
    KeyMismatch,
    NoCapacity,
    OverBuyerLimit,
    Refused,
    Replay,
    SoldOut,
    Waiting,
)
from ordersaga.stores.api_keys import ApiKey, ApiKeys
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.evidence import PostgresEvidence
from ordersaga.stores.exchanges import PostgresExchanges
from ordersaga.stores.findings import PostgresFindings
from ordersaga.stores.heard import Heard
from ordersaga.stores.inbox import InboxMessage, WebhookInbox
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.lanes import PostgresLanes
from ordersaga.stores.ledgers import PostgresLedgers
from ordersaga.stores.migrate import migrate
from ordersaga.stores.notifications import Claimed, Delivery, Outbox
from ordersaga.stores.pick_tickets import PickTicket, SellerWarehouse
from ordersaga.stores.poll_cursors import PollCursors
from ordersaga.stores.pools import Pool, close_pool, create_pool
from ordersaga.stores.repeats import Asked, Repeats
from ordersaga.stores.returns import PostgresReturns
from ordersaga.stores.sold_out import EmptyShelves
from ordersaga.stores.starting import Claim, PostgresStarting
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.waitlist import PostgresWaitlist, Stand
from ordersaga.stores.webhook_endpoints import Endpoint, WebhookEndpoints

POOL_SIZE: Final = 20

WebhookReader = Callable[[Mapping[str, str], bytes], Incoming]


class WatchedCarrier(Carrier, Protocol):
    """A carrier that can be asked what webhooks missed, and what a webhook meant."""

    async def changes(self, references: Sequence[str]) -> Sequence[ParcelEvent]:
        """What it says now about the labels with these references."""
        ...

    async def void_news(self, reference: str) -> ParcelEvent | None:
        """What became of a void it took, as a notice; None while it is undecided."""
        ...

    async def resolve(self, incoming: Incoming) -> Incoming:
        """Complete a message that names only the carrier's own object."""
        ...


@dataclass(frozen=True)
class Services:
    """Everything the API, the workers and the relay are built from.

    `providers` by the code of their locations; `webhooks` by source: verifies and reads one message, or raises
    OperatorError `bad_signature`. `notifier`: None without an SMTP server. `provider_stock`: of those providers that
    keep a count of their own; a seller's own warehouse has ours. `lanes` by name.
    """

    settings: Settings
    pool: Pool
    heard: Heard
    empty_shelves: EmptyShelves
    repeats: Repeats
    intake: PostgresIntake
    waitlist: PostgresWaitlist
    starting: PostgresStarting
    journal: PostgresJournal
    audit_trail: PostgresAuditTrail
    inbox: WebhookInbox
    poll_cursors: PollCursors
    stock: PostgresStock
    effects: PostgresEffects
    catalog: PostgresCatalog
    api_keys: ApiKeys
    seller_warehouse: SellerWarehouse
    returns: PostgresReturns
    exchanges: PostgresExchanges
    evidence: PostgresEvidence
    findings: PostgresFindings
    lanes: Mapping[str, Lane]
    lane_pauses: PostgresLanes
    lane_gates: LaneGates
    payments: PaymentGateway
    providers: Mapping[str, Provider]
    carrier: WatchedCarrier
    payment_history: PaymentHistory
    provider_stock: Mapping[str, ProviderStock]
    label_history: LabelHistory
    webhooks: Mapping[str, WebhookReader]
    endpoints: WebhookEndpoints
    outbox: Outbox
    webhook_sender: WebhookSender
    notifier: Notifier | None
    orders: OrderClient


@asynccontextmanager
async def open_services(
    settings: Settings, *, name: str = "ordersaga", orders: OrderClient | None = None
) -> AsyncIterator[Services]:
    """Open the database pool and the companies' clients; close them when the block ends.

    Temporal need not be up: it is connected to at the first call.

    Args:
        settings: of this deployment.
        name: of this process, as PostgreSQL shows it.
        orders: another client of running orders than the one `settings` describe.

    Raises:
        SettingsError: naming the credentials that are missing.
        RetryError: `database_lost`, when PostgreSQL cannot be reached.
    """
    require_credentials(settings)
    async with AsyncExitStack() as stack:
        pool = await create_pool(settings.database_url.get_secret_value(), application_name=name, max_size=POOL_SIZE)
        stack.push_async_callback(close_pool, pool)
        lane_pauses = PostgresLanes(pool)
        gates = LaneGates(lane_pauses)
        payments, shipbob, carrier = _payments(settings, gates), _shipbob(settings, gates), _carrier(settings, gates)
        sender = WebhookSender(allow_loopback=settings.notify_loopback)
        for company in (payments, shipbob, carrier, sender):
            stack.push_async_callback(company.aclose)
        heard = Heard(pool)
        shelves = EmptyShelves(heard)
        warehouse, intake = SellerWarehouse(pool), PostgresIntake(pool, shelves)
        yield Services(
            settings=settings,
            pool=pool,
            heard=heard,
            empty_shelves=shelves,
            repeats=Repeats(pool),
            intake=intake,
            waitlist=PostgresWaitlist(pool, settings.hold_ttl),
            starting=PostgresStarting(pool),
            journal=PostgresJournal(pool),
            audit_trail=PostgresAuditTrail(pool),
            inbox=WebhookInbox(pool),
            poll_cursors=PollCursors(pool),
            stock=PostgresStock(pool),
            effects=PostgresEffects(pool),
            catalog=PostgresCatalog(pool, heard),
            api_keys=ApiKeys(pool, heard),
            seller_warehouse=warehouse,
            returns=PostgresReturns(pool),
            exchanges=PostgresExchanges(pool, intake, settings.hold_ttl),
            evidence=PostgresEvidence(pool),
            findings=PostgresFindings(pool),
            lanes={lane.name: lane for lane in lanes_of(settings)},
            lane_pauses=lane_pauses,
            lane_gates=gates,
            payments=payments,
            providers={"shipbob": shipbob, "seller_warehouse": warehouse},
            carrier=carrier,
            payment_history=payments,
            provider_stock={"shipbob": shipbob},
            label_history=carrier,
            webhooks=_webhooks(settings),
            endpoints=WebhookEndpoints(pool),
            outbox=Outbox(pool),
            webhook_sender=sender,
            notifier=_notifier(settings),
            orders=orders or await _orders(settings),
        )


async def prepare_database(settings: Settings) -> list[str]:
    """Bring the database to this version; returns the migrations applied now."""
    return await migrate(settings.database_url.get_secret_value())


async def issue_api_key(settings: Settings, role: str, name: str, seller: str | None = None) -> str:
    """Make an API key with one of the roles checkout, support, operator; its plain text is shown only here."""
    async with open_api_keys(settings.database_url.get_secret_value()) as keys:
        return await keys.issue(role, name, seller)


@asynccontextmanager
async def open_api_keys(database_url: str) -> AsyncIterator[ApiKeys]:
    """The API keys of a database."""
    pool = await create_pool(database_url, application_name="ordersaga-keys", max_size=1)
    try:
        yield ApiKeys(pool)
    finally:
        await close_pool(pool)


@asynccontextmanager
async def open_audit_trail(database_url: str) -> AsyncIterator[PostgresAuditTrail]:
    """The audit trail of a database. Statements take what time they need: nobody waits for them."""
    patience = timedelta(hours=1)
    pool = await create_pool(database_url, application_name="ordersaga-audit", max_size=1, statement_timeout=patience)
    try:
        yield PostgresAuditTrail(pool)
    finally:
        await close_pool(pool)


async def read_ledgers(settings: Settings) -> Ledgers:
    """Everything our ledgers hold at this moment, for an audit."""
    pool = await create_pool(settings.database_url.get_secret_value(), application_name="ordersaga-audit", max_size=1)
    try:
        return await PostgresLedgers(pool).read()
    finally:
        await close_pool(pool)


def lanes_of(settings: Settings) -> tuple[Lane, ...]:
    """The lanes of this deployment's accounts. Nobody limits a seller's own warehouse: it is our database."""
    return (
        Lane(PAYMENTS, settings.stripe_calls_per_minute),
        Lane(CARRIERS, settings.easypost_calls_per_minute, calls_each=3),
        Lane(provider_lane("shipbob"), settings.shipbob_calls_per_minute),
        Lane(provider_lane("seller_warehouse")),
    )


def _payments(settings: Settings, gates: LaneGates) -> StripePayments:
    return StripePayments(
        settings.stripe_api_key.get_secret_value(),
        base_url=settings.stripe_base_url,
        timeout=settings.gateway_timeout,
        gate=gates.of(PAYMENTS),
    )


def _shipbob(settings: Settings, gates: LaneGates) -> ShipBob:
    return ShipBob(
        settings.shipbob_token.get_secret_value(),
        base_url=settings.shipbob_base_url,
        channel_id=settings.shipbob_channel_id,
        timeout=settings.gateway_timeout,
        shipping_methods={
            ShippingService.STANDARD: settings.shipbob_standard_method,
            ShippingService.EXPEDITED: settings.shipbob_expedited_method,
        },
        gate=gates.of(provider_lane("shipbob")),
    )


def _carrier(settings: Settings, gates: LaneGates) -> EasyPost:
    return EasyPost(
        settings.easypost_api_key.get_secret_value(),
        base_url=settings.easypost_base_url,
        timeout=settings.gateway_timeout,
        gate=gates.of(CARRIERS),
    )


def _notifier(settings: Settings) -> Notifier | None:
    if not settings.smtp_host:
        return None
    server = SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        starttls=settings.smtp_starttls,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.smtp_from,
        ca_file=settings.smtp_ca_file or None,
    )
    return SmtpNotifier(server)


async def _orders(settings: Settings) -> OrderClient:
    return await OrderClient.connect(settings.temporal_address, settings.temporal_namespace, lazy=True)


def _webhooks(settings: Settings) -> dict[str, WebhookReader]:
    return {
        "stripe": partial(_read, stripe_webhooks.verify_and_read, settings.stripe_webhook_secret.get_secret_value()),
        "shipbob": partial(_read, shipbob_webhooks.verify_and_read, settings.shipbob_webhook_secret.get_secret_value()),
        "easypost": partial(
            _read, easypost_webhooks.verify_and_read, settings.easypost_webhook_secret.get_secret_value()
        ),
    }


def _read(
    verify_and_read: Callable[[Mapping[str, str], bytes, str], Incoming],
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Incoming:
    return verify_and_read(headers, body, secret)


__all__ = [
    "Acceptance",
    "Accepted",
    "ApiKey",
    "ApiKeys",
    "Asked",
    "BuyerNeeded",
    "Claim",
    "Claimed",
    "Delivery",
    "Endpoint",
    "IdempotencyKey",
    "InboxMessage",
    "KeyMismatch",
    "NoCapacity",
    "OverBuyerLimit",
    "PickTicket",
    "Pool",
    "PostgresAuditTrail",
    "Refused",
    "Replay",
    "Services",
    "SoldOut",
    "Stand",
    "Waiting",
    "WatchedCarrier",
    "WebhookReader",
    "issue_api_key",
    "open_api_keys",
    "open_audit_trail",
    "open_services",
    "prepare_database",
    "read_ledgers",
]
