"""Every account of this deployment at an outside company: those the settings name, and those of the network file.

Beside `bootstrap` the only module that names vendors.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

import structlog

from ordersaga.channel_ports import Channel, TokenPair, TokenVault
from ordersaga.domain.carriers import EASYPOST, CarrierAccount
from ordersaga.domain.channels import ChannelAccount
from ordersaga.domain.lanes import PAYMENTS, Lane, carrier_lane, channel_lane, provider_lane
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, ShippingService
from ordersaga.gateways.amazon_mcf import provider as amazon_mcf
from ordersaga.gateways.amazon_mcf.client import Credentials as AmazonCredentials
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf
from ordersaga.gateways.easypost import webhooks as easypost_webhooks
from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.gateways.newegg.provider import Newegg
from ordersaga.gateways.private_delivery import webhooks as private_delivery_webhooks
from ordersaga.gateways.private_delivery.carrier import PrivateDelivery
from ordersaga.gateways.shipbob import webhooks as shipbob_webhooks
from ordersaga.gateways.shipbob.provider import ShipBob
from ordersaga.gateways.smtp import SmtpNotifier, SmtpServer
from ordersaga.gateways.stripe import webhooks as stripe_webhooks
from ordersaga.gateways.stripe.payments import StripePayments
from ordersaga.gateways.tiktok_shop import webhooks as tiktok_shop_webhooks
from ordersaga.gateways.tiktok_shop.channel import TikTokKeys, TikTokShop
from ordersaga.gateways.tiktok_shop.orders import CHANNEL as TIKTOK_SHOP
from ordersaga.gateways.tiktok_shop.tokens import ONLY_HERE
from ordersaga.gateways.ups.calls import Credentials as UpsCredentials
from ordersaga.gateways.ups.carrier import UPS
from ordersaga.gateways.ups.requests import Requester
from ordersaga.network import (
    Account,
    AmazonAccount,
    Network,
    NeweggAccount,
    PrivateDeliveryAccount,
    TikTokShopAccount,
    UpsAccount,
)
from ordersaga.ports import Carrier, LabelHistory, Notifier, Provider, ProviderStock, QuotingCarrier
from ordersaga.settings import Settings, is_set

WebhookReader = Callable[[Mapping[str, str], bytes], Incoming]
SkusAt = Callable[[str], Awaitable[Sequence[str]]]
"""Which SKUs lie at the locations of a provider."""
Vaults = Callable[[str, TokenPair], TokenVault]
"""Where an account, begun with these tokens, keeps renewed ones."""

log = structlog.get_logger(__name__)


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


@dataclass
class Accounts:
    """The companies' clients by account.

    `carrier_accounts`: the carriers' rules, in the order that decides between equals. `webhooks`: verifies and reads
    one message of an account, or raises OperatorError `bad_signature`. `channel_sellers`: whose shop it is.
    `owners`: whose an account is that takes one seller's parcels alone. `join` opens one more, or one anew: whoever has
    these mappings sees it; what the former client was asked it answers.
    """

    payments: StripePayments
    providers: dict[str, Provider] = field(default_factory=dict)
    provider_stock: dict[str, ProviderStock] = field(default_factory=dict)
    carriers: dict[str, WatchedCarrier] = field(default_factory=dict)
    carrier_accounts: list[CarrierAccount] = field(default_factory=list)
    quoting: dict[str, QuotingCarrier] = field(default_factory=dict)
    label_histories: dict[str, LabelHistory] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    channel_sellers: dict[str, str] = field(default_factory=dict)
    channel_accounts: dict[str, ChannelAccount] = field(default_factory=dict)
    webhooks: dict[str, WebhookReader] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    join: Callable[[str, Account], None] = field(init=False, repr=False)


@asynccontextmanager
async def open_accounts(
    settings: Settings, network: Network, gates: LaneGates, skus_at: SkusAt, vaults: Vaults | None = None
) -> AsyncIterator[Accounts]:
    """The clients of all accounts; their connections are closed when the block ends.

    `vaults` None: what is renewed is known to this process alone.
    """
    async with AsyncExitStack() as stack:
        opening = _Opening(settings, gates, skus_at, stack, vaults)
        opening.of_settings()
        for code, account in network.accounts.items():
            opening.of_network(code, account)
        yield opening.accounts


class _Opening:
    """Makes one client after another."""

    def __init__(
        self, settings: Settings, gates: LaneGates, skus_at: SkusAt, stack: AsyncExitStack, vaults: Vaults | None
    ) -> None:
        self._settings, self._gates, self._skus_at, self._stack = settings, gates, skus_at, stack
        self._vaults = vaults
        self.accounts = Accounts(self._closing(_payments(settings, gates)))
        self.accounts.join = self.of_network

    def of_settings(self) -> None:
        """The accounts every deployment has."""
        settings, accounts, readers = self._settings, self.accounts, _webhooks(self._settings)
        shipbob, limit = _shipbob(settings, self._gates), settings.shipbob_calls_per_minute
        self._provider("shipbob", shipbob, limit, readers.pop("shipbob", None))
        easypost = self._closing(_easypost(settings, self._gates))
        accounts.carriers[EASYPOST] = accounts.label_histories[EASYPOST] = easypost
        accounts.carrier_accounts.append(CarrierAccount(EASYPOST))
        accounts.webhooks |= readers
        self._lane(Lane(PAYMENTS, settings.stripe_calls_per_minute))
        self._lane(Lane(carrier_lane(EASYPOST), settings.easypost_calls_per_minute, calls_each=_CALLS_OF_A_LABEL))

    def of_network(self, code: str, account: Account) -> None:
        """One more account."""
        if account.seller:
            self.accounts.owners[code] = account.seller
        match account:
            case NeweggAccount():
                self._provider(code, self._newegg(code, account), account.calls_per_minute)
            case AmazonAccount():
                self._provider(code, self._amazon(code, account), account.calls_per_minute)
            case UpsAccount():
                self._carrier(code, self._ups(code, account), CarrierAccount(code, ("ups",), _only(account)), account)
            case PrivateDeliveryAccount():
                self._courier(code, account)
            case TikTokShopAccount():
                self._tiktok(code, account)

    def _provider(
        self,
        code: str,
        client: ShipBob | Newegg | AmazonMcf,
        calls_per_minute: float | None,
        reads: WebhookReader | None = None,
    ) -> None:
        """`calls_per_minute`: None for what the company publishes. `reads`: its webhooks, if it tells by any."""
        able = client.capabilities
        self.accounts.providers[code] = self.accounts.provider_stock[code] = self._closing(client)
        if able.tells and reads is not None:
            self.accounts.webhooks[code] = reads
        self._lane(Lane(provider_lane(code), calls_per_minute or able.calls_per_minute))

    def _carrier(self, code: str, client: WatchedCarrier, rules: CarrierAccount, account: Account) -> None:
        self.accounts.carriers[code] = self._closing(client)
        self._ruled(rules)
        self._lane(Lane(carrier_lane(code), account.calls_per_minute, calls_each=_CALLS_OF_A_LABEL))

    def _ruled(self, rules: CarrierAccount) -> None:
        """An account that is opened anew keeps its turn."""
        known = self.accounts.carrier_accounts
        names = [each.code for each in known]
        place = names.index(rules.code) if rules.code in names else len(known)
        known[place : place + 1] = [rules]

    def _courier(self, code: str, account: PrivateDeliveryAccount) -> None:
        client = PrivateDelivery(
            account.token.get_secret_value(),
            base_url=account.url,
            timeout=self._settings.gateway_timeout,
            name=code,
            gate=self._gates.of(carrier_lane(code)),
        )
        self._carrier(code, client, CarrierAccount(code, (code,), _only(account), returns=False), account)
        self.accounts.quoting[code] = self.accounts.label_histories[code] = client
        read = partial(private_delivery_webhooks.verify_and_read, name=code)
        self.accounts.webhooks[code] = partial(_read, read, account.webhook_secret.get_secret_value())

    def _tiktok(self, code: str, account: TikTokShopAccount) -> None:
        keys = TikTokKeys(
            app_key=account.app_key,
            app_secret=account.app_secret.get_secret_value(),
            access_token=account.access_token.get_secret_value(),
            shop_cipher=account.shop_cipher.get_secret_value(),
            refresh_token=account.refresh_token.get_secret_value() if account.refresh_token else None,
        )
        client = TikTokShop(
            keys,
            shop=account.shop_id,
            timeout=self._settings.gateway_timeout,
            base_url=account.url,
            auth_url=account.auth_url,
            carriers=account.carriers,
            cancel_reasons=account.cancel_reasons,
            reject_reasons=account.reject_reasons,
            gate=self._gates.of(channel_lane(code)),
            vault=self._vault(code, TokenPair(keys.access_token, keys.refresh_token)),
            grace=account.grace,
        )
        self.accounts.channels[code], self.accounts.channel_sellers[code] = self._closing(client), account.seller
        self.accounts.channel_accounts[code] = ChannelAccount(
            account=code, channel=TIKTOK_SHOP, seller=account.seller, shop=account.shop_id, skus=account.skus
        )
        read = partial(tiktok_shop_webhooks.verify_and_read, app_key=account.app_key, shop=account.shop_id, name=code)
        self.accounts.webhooks[code] = partial(_read, read, keys.app_secret)
        self._lane(Lane(channel_lane(code), account.calls_per_minute))

    def _vault(self, code: str, given: TokenPair) -> TokenVault:
        if self._vaults is not None:
            return self._vaults(code, given)
        if given.refresh is not None:
            remedy = (
                "set token_key in the network file, or every process renews for itself and may end the others' token"
            )
            log.warning("renewed_tokens_only_in_memory", account=code, remedy=remedy)
        return ONLY_HERE

    def _newegg(self, code: str, account: NeweggAccount) -> Newegg:
        return Newegg(
            account.authorization.get_secret_value(),
            account.secret_key.get_secret_value(),
            seller_id=account.seller_id,
            base_url=account.url,
            timeout=self._settings.gateway_timeout,
            phone=account.phone,
            skus=partial(self._skus_at, code),
            shipping_methods=account.shipping_methods,
            followed=account.follow,
            gate=self._gates.of(provider_lane(code)),
        )

    def _amazon(self, code: str, account: AmazonAccount) -> AmazonMcf:
        credentials = AmazonCredentials(
            account.client_id, account.client_secret.get_secret_value(), account.refresh_token.get_secret_value()
        )
        return AmazonMcf(
            credentials,
            version=amazon_mcf.ApiVersion(account.api_version),
            base_url=account.url,
            token_url=account.token_url,
            timeout=self._settings.gateway_timeout,
            marketplace_id=account.marketplace,
            gate=self._gates.of(provider_lane(code)),
        )

    def _ups(self, code: str, account: UpsAccount) -> UPS:
        return UPS(
            UpsCredentials(account.client_id, account.client_secret.get_secret_value(), account.account_number),
            base_url=account.url,
            timeout=self._settings.gateway_timeout,
            services=account.services,
            void_within=account.void_within,
            intercepts=Requester(**account.intercepts.model_dump()) if account.intercepts else None,
            gate=self._gates.of(carrier_lane(code)),
        )

    def _lane(self, lane: Lane) -> None:
        self.accounts.lanes[lane.name] = lane

    def _closing(self, client: Any) -> Any:
        self._stack.push_async_callback(client.aclose)
        return client


_CALLS_OF_A_LABEL: Final = 3


def _only(account: Account) -> tuple[str, ...]:
    """Whose parcels a carrier account takes; empty: everybody's."""
    return (account.seller,) if account.seller else ()


def _payments(settings: Settings, gates: LaneGates) -> StripePayments:
    return StripePayments(
        settings.stripe_api_key.get_secret_value(),
        base_url=settings.stripe_base_url,
        timeout=settings.gateway_timeout,
        return_url=settings.stripe_return_url or None,
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
        locations=settings.shipbob_locations,
        gate=gates.of(provider_lane("shipbob")),
    )


def _easypost(settings: Settings, gates: LaneGates) -> EasyPost:
    return EasyPost(
        settings.easypost_api_key.get_secret_value(),
        base_url=settings.easypost_base_url,
        timeout=settings.gateway_timeout,
        gate=gates.of(carrier_lane(EASYPOST)),
    )


def _webhooks(settings: Settings) -> dict[str, WebhookReader]:
    """Of those whose secret this process has: an event signed with an empty one must never be believed."""
    readers = {
        "stripe": (stripe_webhooks.verify_and_read, settings.stripe_webhook_secret),
        "shipbob": (shipbob_webhooks.verify_and_read, settings.shipbob_webhook_secret),
        "easypost": (easypost_webhooks.verify_and_read, settings.easypost_webhook_secret),
    }
    known = {source: (read, secret) for source, (read, secret) in readers.items() if is_set(secret)}
    return {source: partial(_read, read, secret.get_secret_value()) for source, (read, secret) in known.items()}


def _read(
    verify_and_read: Callable[[Mapping[str, str], bytes, str], Incoming],
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Incoming:
    return verify_and_read(headers, body, secret)


def notifier_of(settings: Settings) -> Notifier | None:
    """What hands e-mail out; None without an SMTP server."""
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
