"""Settings of people's sign-in: OpenID Connect, sessions, and the embedded stack's one click."""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from ordersaga.domain.people import PersonRole, SessionLimits


class SignInSettings(BaseSettings):
    """Who may sign in to the console, and for how long. `ordersaga.settings` has the rest."""

    base_url: str = Field(
        default="", description="where people reach the API and the console; empty: this machine, at api_port"
    )
    oidc_issuer: str = Field(default="", description="the OpenID Connect issuer; empty: nobody signs in through one")
    oidc_client_id: str = Field(default="", description="by which the issuer knows this console")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="and what proves it")
    oidc_client_secret_file: Path | None = Field(default=None, description="a file that holds the secret instead")
    oidc_scopes: str = Field(default="openid email profile", pattern=r"^openid( [!-~]+)*$")
    oidc_name_claim: str = Field(
        default="email", min_length=1, description="whose value names a person for good; one they cannot change"
    )
    oidc_role_claim: str = Field(default="groups", min_length=1, description="whose values `oidc_roles` looks up")
    oidc_roles: Mapping[str, PersonRole] = Field(
        default_factory=dict,
        validate_default=True,
        description="values of the claim and the role each gives; the highest counts",
    )
    oidc_seller_claim: str = Field(
        default="", description="whose value is the one seller a person sees, or `*`; empty: everybody sees all"
    )
    oidc_clock_skew: timedelta = Field(
        default=timedelta(minutes=1), ge=timedelta(0), le=timedelta(minutes=5), description="of the issuer's clock"
    )
    session_idle: timedelta = Field(
        default=timedelta(minutes=30), ge=timedelta(minutes=1), description="a session nobody uses ends"
    )
    session_longest: timedelta = Field(
        default=timedelta(hours=12), ge=timedelta(minutes=1), description="every session ends, used or not"
    )
    demo_sign_in: bool = Field(
        default=False, description="one click signs anybody in: the embedded stack sets it, beside emulators only"
    )

    @field_validator("base_url", "oidc_issuer")
    @classmethod
    def _encrypted(cls, url: str) -> str:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        if url and not (safe and parts.hostname and not parts.query and not parts.fragment and not parts.username):
            raise ValueError("must be an https URL (http on this machine only), without query, fragment or login")
        return url

    @field_validator("base_url")
    @classmethod
    def _has_no_path(cls, url: str) -> str:
        if urlsplit(url).path not in ("", "/"):
            raise ValueError("must have no path: the console is at /console")
        return url

    @field_validator("oidc_roles")
    @classmethod
    def _is_told(cls, roles: Mapping[str, PersonRole], info: ValidationInfo) -> Mapping[str, PersonRole]:
        if not info.data.get("oidc_issuer"):
            return roles
        if not roles:
            told = 'must say which value of the claim gives which role, as {"support-team": "support"},'
            raise ValueError(f"{told} when ORDERSAGA_OIDC_ISSUER is set")
        if not info.data.get("oidc_client_id"):
            raise ValueError("ORDERSAGA_OIDC_CLIENT_ID must be set too: who we are to ORDERSAGA_OIDC_ISSUER")
        return roles

    @property
    def session_limits(self) -> SessionLimits:
        """How long sessions live."""
        return SessionLimits(idle=self.session_idle, longest=self.session_longest)

    def client_secret(self) -> str:
        """The client's secret at the issuer; empty for a client without one. Raises OSError: the file is not there."""
        if self.oidc_client_secret_file is not None:
            return self.oidc_client_secret_file.read_text(encoding="utf-8").strip()
        return self.oidc_client_secret.get_secret_value()


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
