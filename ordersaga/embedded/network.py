"""Our accounts at the further companies a stack emulates: a network file and its secrets, made up once for a folder."""

import base64
import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from ordersaga.embedded.folders import write_private
from ordersaga.embedded.options import NETWORK, StackOptions
from ordersaga.embedded.sockets import HOST

NETWORK_FILE: Final = "network.toml"
SECRETS: Final = "network-secrets"
_LIMIT: Final = 12_000
"""Calls a minute the emulated companies take: their real limits belong to days, not to days of seconds."""
_HOLD: Final = 3600.0
"""Seconds for which the emulated TikTok Shop keeps an order on hold, by its own clock."""
TOKEN_KEY: Final = "token_key"  # noqa: S105 - the name of a file and of a field
APP_KEY: Final = "6emulated"
"""Of the emulated TikTok Shop's one app."""

_MAKERS: Final[Mapping[str, Callable[[], str]]] = {
    "newegg_authorization": lambda: secrets.token_hex(16),
    "newegg_secret_key": lambda: secrets.token_hex(16),
    "amazon_mcf_client_secret": lambda: secrets.token_hex(16),
    "amazon_mcf_refresh_token": lambda: f"Atzr|{secrets.token_urlsafe(24)}",
    "ups_client_secret": lambda: secrets.token_hex(16),
    "courier_token": lambda: f"sandbox_{secrets.token_hex(12)}",
    "courier_webhook_secret": lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
    "tiktok_shop_app_secret": lambda: secrets.token_hex(20),
    "tiktok_shop_access_token": lambda: f"TTP_{secrets.token_urlsafe(24)}",
    "tiktok_shop_refresh_token": lambda: f"TTR_{secrets.token_urlsafe(24)}",
    "tiktok_shop_cipher": lambda: f"GCP_{SHOP}",
    TOKEN_KEY: lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}
SHOP: Final = "7495000000000000001"
_WEBHOOK_SECRETS: Final = {"courier": "courier_webhook_secret", "tiktok_shop": "tiktok_shop_app_secret"}


def webhook_secret(data: Path, name: str) -> str:
    """What the company signs its messages with; one that sends none has any."""
    made_up = _WEBHOOK_SECRETS.get(name)
    return (data / SECRETS / made_up).read_text(encoding="utf-8") if made_up else "none"


def write_network(options: StackOptions, chosen: Collection[str]) -> Path | None:
    """Write the accounts at the companies among `chosen`; returns the file, None when there are none.

    The secrets are kept from one start to the next, as the companies know them.
    """
    emulated = [name for name in NETWORK if name in chosen]
    if not emulated:
        return None
    folder = options.data / SECRETS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, make in _MAKERS.items():
        if not (folder / name).exists():
            write_private(folder / name, make())
    key = f'{TOKEN_KEY} = "file:{folder / TOKEN_KEY}"\n'
    text = "\n".join([key, *(_account(name, options) for name in emulated)])
    write_private(options.data / NETWORK_FILE, text)
    return options.data / NETWORK_FILE


def _account(name: str, options: StackOptions) -> str:
    url = f"http://{HOST}:{options.seen_port(name)}"
    fields = {"url": url, **_FIELDS[name](url, options)}
    lines = [f'{field} = "{value}"' for field, value in fields.items()]
    lines += [f'{field} = "file:{options.data / SECRETS / secret}"' for field, secret in _SECRETS[name].items()]
    return "\n".join([f"[accounts.{name}]", *lines, f"calls_per_minute = {_LIMIT}", ""])


_FIELDS: Final[Mapping[str, Callable[[str, StackOptions], dict[str, str]]]] = {
    "newegg": lambda url, options: {"kind": "newegg", "seller_id": "A0BC", "phone": "555-0100"},
    "amazon_mcf": lambda url, options: {
        "kind": "amazon_mcf",
        "token_url": f"{url}/auth/o2/token",
        "client_id": "amzn1.application-oa2-client.emulated",
    },
    "ups": lambda url, options: {"kind": "ups", "client_id": "emulated", "account_number": "A1B2C3"},
    "courier": lambda url, options: {"kind": "private_delivery"},
    "tiktok_shop": lambda url, options: {
        "kind": "tiktok_shop",
        "auth_url": url,
        "seller": options.channel_seller,
        "shop_id": SHOP,
        "app_key": APP_KEY,
        "grace": f"PT{_HOLD / options.time_scale:.3f}S",
    },
}
_SECRETS: Final[Mapping[str, Mapping[str, str]]] = {
    "newegg": {"authorization": "newegg_authorization", "secret_key": "newegg_secret_key"},
    "amazon_mcf": {"client_secret": "amazon_mcf_client_secret", "refresh_token": "amazon_mcf_refresh_token"},
    "ups": {"client_secret": "ups_client_secret"},
    "courier": {"token": "courier_token", "webhook_secret": "courier_webhook_secret"},
    "tiktok_shop": {
        "app_secret": "tiktok_shop_app_secret",
        "access_token": "tiktok_shop_access_token",
        "refresh_token": "tiktok_shop_refresh_token",
        "shop_cipher": "tiktok_shop_cipher",
    },
}
