"""Secrets from files: what a container is given under `/run/secrets`, each file called as its setting.

`/run/secrets/ordersaga_stripe_api_key` is `ORDERSAGA_STRIPE_API_KEY`; what the environment says goes before it. Several
folders may be named, separated as in `PATH`: what all processes share, and what is one's own.
"""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from pydantic_settings import BaseSettings, SecretsSettingsSource

PLACE: Final = "/run/secrets"
VARIABLE: Final = "ORDERSAGA_SECRETS_DIR"
"""Names other folders; one that is named must be there."""


class SecretsFolderError(Exception):
    """The folder that was named is not there."""


def secret_files(settings: type[BaseSettings]) -> SecretsSettingsSource:
    """The source of settings that are files. Raises SecretsFolderError."""
    named = [Path(each) for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
    for folder in named:
        if not folder.is_dir():
            raise SecretsFolderError(f"{VARIABLE}: {folder} is not a folder")
    folders = [folder for folder in named or [Path(PLACE)] if folder.is_dir()]
    return SecretsSettingsSource(settings, secrets_dir=folders or None)


def with_login(url: str, user: str, password: str) -> str:
    """A database's URL with a user and a password, as far as it names none itself. Raises ValueError without a user."""
    parts = urlsplit(url)
    named, _, place = parts.netloc.rpartition("@")
    who = named.rstrip(":") or quote(user, safe="")
    if parts.password or not (who or password):
        return url
    if not who:
        raise ValueError("ORDERSAGA_DATABASE_PASSWORD: ORDERSAGA_DATABASE_URL names no user whose password it is")
    secret = f":{quote(password, safe='')}" if password else ""
    return parts._replace(netloc=f"{who}{secret}@{place}").geturl()


def names_a_user(url: str) -> bool:
    """Whether a database's URL says who logs in."""
    return bool(urlsplit(url).username)
