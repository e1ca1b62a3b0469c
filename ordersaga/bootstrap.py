"""The one module that names stores, and with `accounts` the vendors: settings in, working services out.

    async with open_services(Settings()) as services:
        await services.journal.get("ord_1")

The names of the stores' answers (`Accepted`, `Replay`, ...) are passed on here, so that nobody else imports the stores.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from temporalio.converter import DataConverter

from ordersaga.accounts import Vaults, WatchedCarrier, WebhookReader, notifier_of, open_accounts
from ordersaga.channel_ports import Channel
from ordersaga.client import OrderClient
from ordersaga.domain.carriers import EASYPOST, CarrierAccount, way_back
from ordersaga.domain.channels import ChannelAccount
from ordersaga.domain.lanes import Lane, provider_lane
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.gateways.webhooks_out import WebhookSender
from ordersaga.meters import watch_connections
from ordersaga.network import Network, key_bytes
from ordersaga.openings import (
    POOL_SIZE,
    issue_api_key,
    open_api_keys,
    open_audit_trail,
    open_encryption,
    open_key_rotation,
    open_retention,
    prepare_database,
    read_ledgers,
)
from ordersaga.ports import (
    LabelHistory,
    Notifier,
    PaymentGateway,
    PaymentHistory,
    Provider,
    ProviderStock,
    QuotingCarrier,
)
from ordersaga.privacy.codec import data_converter
from ordersaga.privacy.key_ring import KeyRing
from ordersaga.seller_accounts import SellerAccounts, network_of
from ordersaga.settings import CREDENTIALS, Settings, require_credentials
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
    Stopped,
    Waiting,
)
from ordersaga.stores.account_tokens import AccountTokens
from ordersaga.stores.api_keys import ApiKey, ApiKeys
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.breakers import PostgresBreakers
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.checkup import DatabaseState, PostgresCheckup, require_migrations
from ordersaga.stores.codec_reads import CodecReads
from ordersaga.stores.deeds import PostgresDeeds
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.elsewhere import PostgresPlaces
from ordersaga.stores.encryption import REFUSALS as ENCRYPTION_REFUSALS
from ordersaga.stores.encryption import PostgresEncryption
from ordersaga.stores.erasures import Erasure, PostgresErasures
from ordersaga.stores.evidence import PostgresEvidence
from ordersaga.stores.exchanges import PostgresExchanges
from ordersaga.stores.findings import PostgresFindings
from ordersaga.stores.heard import Heard
from ordersaga.stores.inbox import InboxMessage, WebhookInbox
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.key_copies import Agreement, ErasedOrder, KeyCopies, opened_keys
from ordersaga.stores.known_names import PostgresKnownNames
from ordersaga.stores.lane_health import Backlogs, LaneHealth
from ordersaga.stores.lanes import PostgresLanes
from ordersaga.stores.live import PostgresLive
from ordersaga.stores.notifications import Claimed, Delivery, Outbox
from ordersaga.stores.order_books import PostgresOrderBooks
from ordersaga.stores.order_keys import OrderKeys, listening_ring
from ordersaga.stores.people import TOKEN_PREFIX, People
from ordersaga.stores.pick_tickets import PickTicket, SellerWarehouse
from ordersaga.stores.poll_cursors import PollCursors
from ordersaga.stores.pools import Pool, answers, close_pool, create_pool
from ordersaga.stores.recovery import Answered, Begun, MadeEffect, PostgresRecovery, ToldStock
from ordersaga.stores.repeats import Asked, Repeats
from ordersaga.stores.retention import PostgresRetention
from ordersaga.stores.returns import PostgresReturns
from ordersaga.stores.roles import LOGINS, making_login, making_roles
from ordersaga.stores.sellers import PostgresSellers
from ordersaga.stores.sold_out import EmptyShelves
from ordersaga.stores.starting import Claim, PostgresStarting
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.stops import PostgresStops, StopRules
from ordersaga.stores.vault import Vault
from ordersaga.stores.waitlist import PostgresWaitlist, Stand
from ordersaga.stores.webhook_endpoints import Endpoint, WebhookEndpoints
from ordersaga.temporal_connection import connect_orders

SELLER_WAREHOUSE: Final = "seller_warehouse"
_OURS: Final = Lane(provider_lane(SELLER_WAREHOUSE))
"""Nobody limits a seller's own warehouse: it is our database."""


@dataclass(frozen=True)
class Services:
    """Everything the API, the workers and the relay are built from.

    `providers` by the code of their locations; `webhooks` by source: verifies and reads one message, or raises
    OperatorError `bad_signature`. `notifier`: None without an SMTP server. `provider_stock`: of those providers that
    keep a count of their own; a seller's own warehouse has ours. `lanes` by name.
    `carriers` by account, `carrier_accounts` their rules in the order that decides between equals; `quoting` and
    `label_histories`: of those that name prices, and of those that list their labels. `channels` by account, and whose
    shop each is (`channel_sellers`). `account_owners`: whose an account is that is a seller's own.
    `seller_accounts` opens those of sellers that were onboarded since: all these mappings then have them.
    `key_ring`: None where nothing is encrypted; `converter`: how Temporal is written to and read.
    """

    settings: Settings
    pool: Pool
    heard: Heard
    empty_shelves: EmptyShelves
    repeats: Repeats
    intake: PostgresIntake
    waitlist: PostgresWaitlist
    starting: PostgresStarting
    live: PostgresLive
    journal: PostgresJournal
    order_books: PostgresOrderBooks
    audit_trail: PostgresAuditTrail
    deeds: PostgresDeeds
    inbox: WebhookInbox
    poll_cursors: PollCursors
    stock: PostgresStock
    effects: PostgresEffects
    catalog: PostgresCatalog
    known_names: PostgresKnownNames
    sellers: PostgresSellers
    api_keys: ApiKeys
    people: People
    seller_warehouse: SellerWarehouse
    returns: PostgresReturns
    exchanges: PostgresExchanges
    evidence: PostgresEvidence
    findings: PostgresFindings
    stop_rules: StopRules
    stops: PostgresStops
    places: PostgresPlaces
    lanes: Mapping[str, Lane]
    lane_pauses: PostgresLanes
    breakers: PostgresBreakers
    lane_gates: LaneGates
    backlogs: Backlogs
    payments: PaymentGateway
    providers: Mapping[str, Provider]
    carriers: Mapping[str, WatchedCarrier]
    carrier_accounts: Sequence[CarrierAccount]
    quoting: Mapping[str, QuotingCarrier]
    channels: Mapping[str, Channel]
    channel_sellers: Mapping[str, str]
    channel_accounts: Mapping[str, ChannelAccount]
    account_owners: Mapping[str, str]
    seller_accounts: SellerAccounts
    payment_history: PaymentHistory
    provider_stock: Mapping[str, ProviderStock]
    label_histories: Mapping[str, LabelHistory]
    webhooks: Mapping[str, WebhookReader]
    endpoints: WebhookEndpoints
    outbox: Outbox
    webhook_sender: WebhookSender
    notifier: Notifier | None
    order_keys: OrderKeys
    erasures: PostgresErasures
    codec_reads: CodecReads
    key_ring: KeyRing | None
    converter: DataConverter
    orders: OrderClient

    @property
    def listing_accounts(self) -> tuple[str, ...]:
        """The carrier accounts, besides the first, that list their labels."""
        return tuple(sorted(set(self.label_histories) - {EASYPOST}))

    async def database_answers(self) -> bool:
        """For probes, which ask all the time. Raises RetryError, or OperatorError, when it does not."""
        return await answers(self.pool)


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    name: str = "ordersaga",
    orders: OrderClient | None = None,
    looks_only: bool = False,
    needs: Collection[str] = CREDENTIALS,
) -> AsyncIterator[Services]:
    """Open the database pool and the companies' clients; close them when the block ends.

    Temporal need not be up: it is connected to at the first call.

    Args:
        settings: of this deployment.
        name: of this process, as PostgreSQL shows it.
        orders: another client of running orders than the one `settings` describe.
        looks_only: this process writes nobody's data, so it is not the one that begins to encrypt.
        needs: the credentials it reads; the clients of other companies are there, and may not be asked.

    Raises:
        SettingsError: naming the credentials that are missing, or what is wrong in the network file.
        RetryError: `database_lost`, when PostgreSQL cannot be reached.
        OperatorError: `database_not_migrated`, when it lacks migrations of this program; one of `ENCRYPTION_REFUSALS`,
            when the master keys are not those that the database says everything is encrypted under.
    """
    require_credentials(settings, needs)
    async with AsyncExitStack() as stack:
        pool = await create_pool(settings.database_url.get_secret_value(), application_name=name, max_size=POOL_SIZE)
        stack.push_async_callback(close_pool, pool)
        await require_migrations(pool)
        watch_connections(pool)
        lane_pauses = PostgresLanes(pool)
        breakers = PostgresBreakers(pool)
        gates = LaneGates(lane_pauses, breakers=breakers)
        heard = Heard(pool)
        keys = await stack.enter_async_context(opened_keys(pool, settings.key_copies_url.get_secret_value()))
        ring = listening_ring(keys, settings.master_keys(), heard)
        await PostgresEncryption(pool).require(ring, name, begins=not looks_only)
        converter, vault = data_converter(ring), Vault(ring)
        catalog = PostgresCatalog(pool, heard)
        sellers = PostgresSellers(pool, heard)
        network = network_of(settings)
        accounts = await stack.enter_async_context(
            open_accounts(settings, network, gates, catalog.skus_at, _vaults(network, pool))
        )
        seller_accounts = SellerAccounts(network, sellers.accounts, accounts.join)
        await seller_accounts.open()
        sender = WebhookSender(allow_loopback=settings.notify_loopback)
        stack.push_async_callback(sender.aclose)
        shelves = EmptyShelves(heard)
        stop_rules = StopRules(pool, heard)
        accounts.providers[SELLER_WAREHOUSE] = warehouse = SellerWarehouse(pool, vault)
        accounts.lanes[_OURS.name] = _OURS
        backlogs = Backlogs()
        health = LaneHealth(heard, backlogs)
        intake = PostgresIntake(pool, shelves, stop_rules, health, vault)
        yield Services(
            settings=settings,
            pool=pool,
            heard=heard,
            empty_shelves=shelves,
            repeats=Repeats(pool),
            intake=intake,
            waitlist=PostgresWaitlist(pool, settings.hold_ttl, stop_rules, vault, health),
            starting=PostgresStarting(pool, vault),
            live=PostgresLive(pool),
            journal=PostgresJournal(pool, vault),
            order_books=PostgresOrderBooks(pool),
            audit_trail=PostgresAuditTrail(pool),
            deeds=PostgresDeeds(pool, vault),
            inbox=WebhookInbox(pool, vault=vault),
            poll_cursors=PollCursors(pool),
            stock=PostgresStock(pool, stop_rules, health, vault),
            effects=PostgresEffects(pool, vault),
            catalog=catalog,
            known_names=PostgresKnownNames(pool),
            sellers=sellers,
            api_keys=ApiKeys(pool, heard),
            people=People(pool, settings.session_limits),
            seller_warehouse=warehouse,
            returns=PostgresReturns(pool, partial(way_back, accounts.carrier_accounts), vault),
            exchanges=PostgresExchanges(pool, intake, settings.hold_ttl, vault),
            evidence=PostgresEvidence(pool, vault),
            findings=PostgresFindings(pool),
            stop_rules=stop_rules,
            stops=PostgresStops(pool, stop_rules, vault),
            places=PostgresPlaces(pool, stop_rules),
            lanes=accounts.lanes,
            lane_pauses=lane_pauses,
            breakers=breakers,
            lane_gates=gates,
            backlogs=backlogs,
            payments=accounts.payments,
            providers=accounts.providers,
            carriers=accounts.carriers,
            carrier_accounts=accounts.carrier_accounts,
            quoting=accounts.quoting,
            channels=accounts.channels,
            channel_sellers=accounts.channel_sellers,
            channel_accounts=accounts.channel_accounts,
            account_owners=accounts.owners,
            seller_accounts=seller_accounts,
            payment_history=accounts.payments,
            provider_stock=accounts.provider_stock,
            label_histories=accounts.label_histories,
            webhooks=accounts.webhooks,
            endpoints=WebhookEndpoints(pool),
            outbox=Outbox(pool, vault),
            webhook_sender=sender,
            notifier=notifier_of(settings),
            order_keys=keys,
            erasures=PostgresErasures(pool, vault, keys),
            codec_reads=CodecReads(pool),
            key_ring=ring,
            converter=converter,
            orders=orders or await connect_orders(settings, converter),
        )


def recovery_of(services: Services) -> PostgresRecovery:
    """PostgreSQL's side of a recovery."""
    return PostgresRecovery(services.pool, ToldStock(services.pool, vault=Vault(services.key_ring)))


def copies_of(services: Services) -> KeyCopies | None:
    """The copies of orders' keys, where there is a place for them."""
    return KeyCopies(services.order_keys) if services.order_keys.copies is not None else None


def retention_of(services: Services) -> PostgresRetention:
    """What forgets what the database need not keep."""
    return PostgresRetention(services.pool)


async def look_at_database(services: Services) -> DatabaseState:
    """How the database stands, for a checkup."""
    return await PostgresCheckup(services.pool).look()


def _vaults(network: Network, pool: Pool) -> Vaults | None:
    return AccountTokens(pool, key_bytes(network.token_key)).of if network.token_key else None


__all__ = [
    "ENCRYPTION_REFUSALS",
    "LOGINS",
    "TOKEN_PREFIX",
    "Acceptance",
    "Accepted",
    "Agreement",
    "Answered",
    "ApiKey",
    "ApiKeys",
    "Asked",
    "Begun",
    "BuyerNeeded",
    "Claim",
    "Claimed",
    "DatabaseState",
    "Delivery",
    "Endpoint",
    "ErasedOrder",
    "Erasure",
    "IdempotencyKey",
    "InboxMessage",
    "KeyCopies",
    "KeyMismatch",
    "MadeEffect",
    "NoCapacity",
    "OverBuyerLimit",
    "People",
    "PickTicket",
    "Pool",
    "PostgresAuditTrail",
    "PostgresEncryption",
    "PostgresRecovery",
    "Refused",
    "Replay",
    "Services",
    "SoldOut",
    "Stand",
    "Stopped",
    "Waiting",
    "copies_of",
    "issue_api_key",
    "look_at_database",
    "making_login",
    "making_roles",
    "open_api_keys",
    "open_audit_trail",
    "open_encryption",
    "open_key_rotation",
    "open_retention",
    "open_services",
    "prepare_database",
    "read_ledgers",
    "recovery_of",
    "retention_of",
]
