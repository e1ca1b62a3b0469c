"""The accounts this deployment has at outside companies, beside those its settings name: `ORDERSAGA_NETWORK`, TOML.

    [accounts.newegg]                                    # the code that locations name as their provider
    kind = "newegg"
    seller_id = "A0BC"
    authorization = "file:/run/secrets/newegg_authorization"
    secret_key = "env:NEWEGG_SECRET_KEY"

A secret never stands in the file: `env:NAME` and `file:PATH` say where it is. Every mistake of a file is told at once.
"""

import base64
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from ordersaga.domain.channels import CancelReason, RejectReason
from ordersaga.domain.identifiers import Code, Sku
from ordersaga.domain.shipping import ShippingService
from ordersaga.domain.values import Value
from ordersaga.remedies import in_a_line

OWN: Final = frozenset({"stripe", "shipbob", "easypost", "seller_warehouse"})
"""Accounts that every deployment has by its settings."""
CARRIERS: Final = frozenset({"ups", "fedex", "usps", "dhl", "ontrac", "amazon"})
"""Names by which parcels are asked for, which no courier may take."""
_IN_ITS_FILE: Final = "an account that is a seller's own stands in the seller's file (docs/sellers.md); remove it here"
_WHERE: Final = "say where it is: env:NAME or file:PATH; the secret itself must not stand in this file"


class NetworkError(Exception):
    """A file of accounts that cannot be used; the text names each field and its remedy, and repeats no value."""


def _fetched(reference: object) -> SecretStr:
    """The secret that a reference leads to."""
    if isinstance(reference, SecretStr):
        return reference
    place, _, name = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    secret = _PLACES[place](name) if place in _PLACES and name else None
    if secret is None:
        raise ValueError(_WHERE)
    if not secret.strip():
        raise ValueError(f"what {place}: names is empty or not there")
    return SecretStr(secret.strip())


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


_SETTINGS: Final = ("ORDERSAGA_", "TEMPORAL_")
"""With what the names of our own settings begin, and of the files that hold them."""
_SYSTEMS: Final = ("/proc", "/sys", "/dev", "/run/secrets/kubernetes.io", "/var/run/secrets/kubernetes.io")
"""Where the system tells of processes, and who they are to it."""


def is_ours(reference: object) -> bool:
    """Whether a reference leads to what this deployment itself is given: nothing that an account of a seller's needs.

    Whoever writes the account says where its secrets are sent, too.
    """
    place, _, name = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if place == "env":
        return name.upper().startswith(_SETTINGS)
    return place == "file" and _is_our_file(Path(name))


def _is_our_file(path: Path) -> bool:
    try:
        real = path.resolve()
    except (OSError, ValueError, RuntimeError):
        return True
    named = any(each.name.upper().startswith(_SETTINGS) for each in (path, real))
    return named or any(real.is_relative_to(Path(folder).resolve()) for folder in _SYSTEMS)


_PLACES: Final = {"env": lambda name: os.environ.get(name, ""), "file": _read}

Secret = Annotated[SecretStr, BeforeValidator(_fetched)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#@]+[^\s?#@/]$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
PerMinute = Annotated[float, Field(gt=0, description="calls the company allows the account; None: what it publishes")]


def key_bytes(key: SecretStr) -> bytes:
    """The bytes of a key. Raises ValueError, which does not repeat it, unless they are 32 in base64."""
    try:
        found = base64.b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise ValueError("must be 32 random bytes in base64: openssl rand -base64 32")
    return found


class _Account(Value):
    calls_per_minute: PerMinute | None = None
    seller: Annotated[Code | None, Field(description="whose parcels alone it takes; None: everybody's")] = None


class NeweggAccount(_Account):
    """A provider: Newegg's Marketplace API, multichannel orders."""

    kind: Literal["newegg"]
    url: Url = "https://api.newegg.com"
    seller_id: Name
    phone: Annotated[Name, Field(description="of the seller: Newegg requires one, and a shopper may have given none")]
    authorization: Secret
    secret_key: Secret
    shipping_methods: Annotated[Mapping[ShippingService, Name], Field(description="as Newegg calls them")] = {}
    follow: Annotated[bool, Field(description="ask EasyPost what becomes of its packages, which costs a little")] = True


class AmazonAccount(_Account):
    """A provider: Amazon Multi-Channel Fulfillment, through the Selling Partner API."""

    kind: Literal["amazon_mcf"]
    url: Url = "https://sellingpartnerapi-na.amazon.com"
    token_url: Url = "https://api.amazon.com/auth/o2/token"  # noqa: S105 - an address
    marketplace: Name = "ATVPDKIKX0DER"
    api_version: Literal["2020-07-01", "2026-07-04"] = "2020-07-01"
    client_id: Name
    client_secret: Secret
    refresh_token: Secret


class UpsIntercepts(Value):
    """Who turns parcels around, where the account has bought Delivery Intercept. `source`: as agreed with UPS."""

    name: Name
    telephone: Name
    email: Name
    source: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")] = "72"


class UpsAccount(_Account):
    """A carrier: UPS on its own API."""

    kind: Literal["ups"]
    url: Url = "https://onlinetools.ups.com"
    client_id: Name
    client_secret: Secret
    account_number: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{6}$")]
    void_within: Annotated[timedelta, Field(gt=timedelta(0), description="as agreed with UPS")] = timedelta(days=28)
    services: Annotated[Mapping[ShippingService, Name], Field(description="UPS's codes of ours")] = {}
    intercepts: Annotated[UpsIntercepts | None, Field(description="None: nobody turns parcels around")] = None


class PrivateDeliveryAccount(_Account):
    """A carrier: whoever implements `docs/openapi/private-delivery.yaml`."""

    kind: Literal["private_delivery"]
    url: Url
    token: Secret
    webhook_secret: Secret


class TikTokShopAccount(_Account):
    """A channel: one seller's TikTok shop."""

    kind: Literal["tiktok_shop"]
    url: Url = "https://open-api.tiktokglobalshop.com"
    auth_url: Url = "https://auth.tiktok-shops.com"
    seller: Code = Field(description="whose shop it is")
    shop_id: Name
    skus: Annotated[Mapping[str, Sku], Field(description="our SKU by TikTok's SKU id or by the seller SKU")] = {}
    carriers: Annotated[Mapping[str, Name], Field(description="TikTok's id of a carrier by our name of it")] = {}
    cancel_reasons: Annotated[Mapping[CancelReason, Name], Field(description="as the market calls them")] = {}
    reject_reasons: Annotated[Mapping[RejectReason, Name], Field(description="as the market calls them")] = {}
    shop_cipher: Secret
    app_key: Name
    app_secret: Secret
    access_token: Secret
    refresh_token: Secret | None = None
    grace: Annotated[timedelta, Field(gt=timedelta(0), description="how long after payment an order is on hold")] = (
        timedelta(hours=1)
    )


Account = Annotated[
    NeweggAccount | AmazonAccount | UpsAccount | PrivateDeliveryAccount | TikTokShopAccount,
    Field(discriminator="kind"),
]


class Network(Value):
    """Accounts by their codes: locations, lanes and webhooks call them so.

    A provider's code is its kind, or begins with it (`newegg-east`): by that its messages are judged.
    """

    accounts: Mapping[Code, Account] = {}
    token_key: Annotated[
        Secret | None, Field(description="32 bytes in base64, which seal renewed tokens in PostgreSQL")
    ] = None

    @field_validator("token_key")
    @classmethod
    def _of_32_bytes(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            key_bytes(key)
        return key

    @model_validator(mode="after")
    def _codes_that_are_free(self) -> Self:
        for code, account in self.accounts.items():
            if code in OWN:
                raise ValueError(f"accounts.{code}: this one is in the settings already; choose another code")
            if isinstance(account, PrivateDeliveryAccount) and code in CARRIERS:
                raise ValueError(f"accounts.{code}: a carrier of the world's is called so; choose another code")
            if isinstance(account, NeweggAccount | AmazonAccount) and code.partition("-")[0] != account.kind:
                raise ValueError(f"accounts.{code}: call it {account.kind}, or {account.kind}- and what you like")
        shops = [account.shop_id for account in self.accounts.values() if isinstance(account, TikTokShopAccount)]
        if len(set(shops)) != len(shops):
            raise ValueError("accounts: two have the same shop_id; one shop is one seller's, say it once")
        return self


def read_network(path: Path) -> Network:
    """The accounts of a file.

    Raises:
        NetworkError: naming every field that is wrong, and why.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    except (ValueError, RecursionError) as error:
        raise NetworkError(f"{path} is not TOML: {error}") from None
    try:
        network = Network.model_validate(told)
    except ValidationError as error:
        raise NetworkError("; ".join(map(_said, error.errors(include_url=False)))) from None
    theirs = [f"accounts.{code}.seller: {_IN_ITS_FILE}" for code in sorted(_of_sellers(network))]
    if theirs:
        raise NetworkError("; ".join(theirs))
    return network


def _of_sellers(network: Network) -> set[str]:
    """Accounts that take one seller's parcels alone. A shop is always one seller's, whatever file says so."""
    return {code for code, each in network.accounts.items() if each.seller and not isinstance(each, TikTokShopAccount)}


def field_of(problem: Mapping[str, Any]) -> str:
    """Where a problem of accounts stands: without the account's kind, which pydantic puts behind its code."""
    place = [str(part) for part in problem["loc"]]
    del place[2:3]
    return ".".join(place)


def _said(problem: ErrorDetails) -> str:
    """One problem without the value that caused it, which may be a secret."""
    return f"{field_of(problem)}: {in_a_line(problem)}"
