"""Credentials between this stack and the companies it emulates: made up once for a state folder, never shipped."""

import base64
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from ordersaga.embedded.folders import write_private
from ordersaga.embedded.options import EMULATORS
from ordersaga.settings import CREDENTIALS, Settings, is_set

CREDENTIALS_FILE: Final = "demo-credentials.json"


def _signing_key() -> str:
    """A Standard Webhooks secret."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


_MAKERS: Final[Mapping[str, Callable[[], str | int]]] = {
    "stripe_api_key": lambda: f"sk_test_{secrets.token_hex(16)}",
    "stripe_webhook_secret": _signing_key,
    "shipbob_token": lambda: secrets.token_urlsafe(24),
    "shipbob_channel_id": lambda: 100_001,
    "shipbob_webhook_secret": _signing_key,
    "easypost_api_key": lambda: f"EZTK{secrets.token_hex(16)}",
    "easypost_webhook_secret": lambda: secrets.token_urlsafe(24),
}


def emulated_credentials(data: Path, chosen: Collection[str], base: Settings) -> dict[str, SecretStr | int]:
    """What `base` leaves open for the companies this stack emulates; the same at every start on `data`."""
    emulated = tuple(name for name in EMULATORS if name in chosen)
    wanted = [name for name in CREDENTIALS if name.startswith(emulated) and not is_set(getattr(base, name))]
    kept = _kept(data) if wanted else {}
    return {name: _hidden(kept[name]) for name in wanted}


def _hidden(value: str | int) -> SecretStr | int:
    return SecretStr(value) if isinstance(value, str) else value


def _kept(data: Path) -> dict[str, str | int]:
    file = data / CREDENTIALS_FILE
    try:
        found: dict[str, str | int] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = {}
    if not _MAKERS.keys() <= found.keys():
        found = {name: make() for name, make in _MAKERS.items()} | found
        data.mkdir(parents=True, exist_ok=True)
        write_private(file, json.dumps(found, indent=2) + "\n")
    return found
