"""Secrets from files: what a container is given under `/run/secrets`, each file called as its setting.

`/run/secrets/ordersaga_stripe_api_key` is `ORDERSAGA_STRIPE_API_KEY`; what the environment says goes before it.
"""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from pydantic_settings import BaseSettings, SecretsSettingsSource

PLACE: Final = "/run/secrets"
VARIABLE: Final = "ORDERSAGA_SECRETS_DIR"
"""Names another folder; one that is named must be there."""


class SecretsFolderError(Exception):
    """The folder that was named is not there."""


def secret_files(settings: type[BaseSettings]) -> SecretsSettingsSource:
    """The source of settings that are files. Raises SecretsFolderError."""
    named = os.environ.get(VARIABLE)
    folder = Path(named or PLACE)
    if named and not folder.is_dir():
        raise SecretsFolderError(f"{VARIABLE}: {folder} is not a folder")
    return SecretsSettingsSource(settings, secrets_dir=folder if folder.is_dir() else None)


def with_password(url: str, password: str) -> str:
    """A database's URL with a password, unless it has one already. Raises ValueError when it names no user."""
    parts = urlsplit(url)
    if not password or parts.password:
        return url
    if not parts.username:
        raise ValueError("ORDERSAGA_DATABASE_PASSWORD: ORDERSAGA_DATABASE_URL names no user whose password it is")
    user, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.rstrip(':')}:{quote(password, safe='')}@{place}").geturl()
