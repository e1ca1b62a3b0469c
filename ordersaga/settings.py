"""Every setting of every process, read from the environment (`ORDERSAGA_*`), a `.env` file, or files of secrets.

One class, so that a worker, the API and the command line can never disagree. Secrets are `SecretStr`, the database's
address among them because it holds a password: they print as asterisks in logs, errors and tracebacks. None of them
has a default that works: a process that needs them refuses to start without (`require_credentials`). The embedded
stack makes up its own (`ordersaga.embedded.credentials`).
"""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ordersaga.domain.identifiers import Code
from ordersaga.domain.lanes import EASYPOST_CALLS_PER_MINUTE, SHIPBOB_CALLS_PER_MINUTE, STRIPE_CALLS_PER_MINUTE
from ordersaga.privacy.settings import EncryptionSettings
from ordersaga.secret_files import SecretsFolderError, names_a_user, secret_files, with_login
from ordersaga.settings_refusals import Reading, from_json, read_all
from ordersaga.signing_in import SignInSettings, is_loopback
from ordersaga.watch_settings import WatchSettings

PREFIX: Final = "ORDERSAGA_"
LONGEST_CALL: Final = timedelta(seconds=5)
"""Leases of effects and time-outs of activity attempts are laid out for calls of at most this."""


class SettingsError(Exception):
    """Settings that no process may start with; the message is one line and names each by its environment name."""


class Settings(SignInSettings, EncryptionSettings, WatchSettings):
    """Settings of one deployment. Names map to the environment as `ORDERSAGA_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", hide_input_in_errors=True, enable_decoding=False
    )

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://ordersaga@127.0.0.1:5432/ordersaga"),
        description="PostgreSQL of stock, books and journal",
    )
    database_user: str = Field(
        default="",
        description="who logs in at database_url and key_copies_url, where they name nobody: each process its own",
    )
    database_password: SecretStr = Field(
        default=SecretStr(""),
        description="of that user, or of the one that database_url names without one: for a file of secrets",
    )
    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = Field(default="default", description="where its workflows and search attributes are")
    temporal_profile: str = Field(
        default="",
        description="profile of temporal.toml and TEMPORAL_* whose TLS, API key and headers are used; empty: none",
    )
    temporal_ui_url: str = Field(default="http://127.0.0.1:8233", description="shown to people, never called")
    company_pages: dict[Code, str] = Field(
        default={},
        description="where people look at what an account made, as JSON: its code, and a URL with {id} for the id",
    )
    worker_deployment: str = Field(
        default="ordersaga", pattern=r"^[A-Za-z0-9_-]{1,100}$", description="the workers of every build together"
    )
    worker_build: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.+-]{0,100}$",
        description="this code's name: orders stay on the build they began on; empty: workers without versions",
    )
    workflow_sandbox: bool = Field(
        default=True,
        description="runs workflow code in the sandbox that catches what is not deterministic; a build whose tests and "
        "replays have passed in it may run without, for less of the worker's time",
    )
    cached_workflows: int = Field(
        default=1000,
        ge=10,
        description="orders and returns a worker keeps in memory; others are replayed at their next message",
    )

    health_address: str = Field(
        default="",
        pattern=r"^([^\s:]+:[0-9]{1,5})?$",
        description="host:port on which a worker answers /healthz and /readyz; empty: nowhere",
    )

    api_host: str = Field(default="127.0.0.1", description="the address the API listens on")
    api_port: int = Field(default=8080, ge=1, le=65535, description="and its port")
    calls_per_second: float = Field(
        default=1000,
        ge=0,
        description="what a key or session may ask of one API process; above it 429 with Retry-After; 0: no limit",
    )
    calls_burst: int = Field(default=2000, ge=1, description="and as much at once, after a rest")
    metrics_open: bool = Field(
        default=False, description="/metrics takes no key though the API is not bound to loopback"
    )

    stripe_api_key: SecretStr = Field(default=SecretStr(""), description="of our Stripe account")
    stripe_base_url: str = Field(default="https://api.stripe.com", description="the emulator's URL when embedded")
    stripe_webhook_secret: SecretStr = Field(default=SecretStr(""), description="what Stripe signs its webhooks with")
    stripe_return_url: str = Field(
        default="",
        description="the shop's https page to which a bank's page sends a shopper back whose order names none",
    )

    shipbob_token: SecretStr = Field(default=SecretStr(""), description="of our ShipBob account")
    shipbob_channel_id: int = Field(default=0, ge=0, description="the channel with write scope that owns our orders")
    shipbob_base_url: str = Field(default="https://api.shipbob.com", description="without the version path")
    shipbob_webhook_secret: SecretStr = Field(default=SecretStr(""), description="what ShipBob signs its webhooks with")
    shipbob_standard_method: str = Field(
        default="Standard", min_length=1, description="the ship option for standard service, as the account names it"
    )
    shipbob_expedited_method: str = Field(
        default="Expedited", min_length=1, description="the ship option for expedited service, as the account names it"
    )

    shipbob_locations: dict[Code, int] = Field(
        default={}, description="ShipBob's fulfillment center id by our location code, as JSON; it chooses for others"
    )

    easypost_api_key: SecretStr = Field(default=SecretStr(""), description="of our EasyPost account")
    easypost_base_url: str = Field(default="https://api.easypost.com", description="without the version path")
    easypost_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="what EasyPost signs its webhooks with"
    )

    shipbob_calls_per_minute: float = Field(
        default=SHIPBOB_CALLS_PER_MINUTE, gt=0, description="what ShipBob allows the account; the lane gets 80 % of it"
    )
    easypost_calls_per_minute: float = Field(
        default=EASYPOST_CALLS_PER_MINUTE, gt=0, description="what EasyPost allows the account; a label takes 3 calls"
    )
    stripe_calls_per_minute: float = Field(
        default=STRIPE_CALLS_PER_MINUTE, gt=0, description="what Stripe allows the account"
    )

    network: Path | None = Field(
        default=None, description="file of further accounts at providers, carriers and channels (docs/network.md)"
    )

    archive: Path | None = Field(
        default=None,
        description="folder that is there, for histories of what has ended (docs/lifecycle.md); empty: none are kept",
    )

    sellers: Literal["any", "known"] = Field(
        default="any", description="`known`: only sellers that were onboarded sell (docs/sellers.md)"
    )

    gateway_timeout: timedelta = Field(default=LONGEST_CALL, description="of one call to an outside company")
    visible_after: timedelta = Field(
        default=timedelta(minutes=1),
        description="how long what an outside company did may stay invisible to our look-ups: a request still under "
        "way, a search that lags; only later does 'not found' prove that nothing happened",
    )
    poll_interval: timedelta = Field(
        default=timedelta(seconds=30), description="between two looks at what webhooks missed"
    )
    hold_ttl: timedelta = Field(
        default=timedelta(minutes=30),
        gt=timedelta(0),
        description="life of a stock hold no saga confirmed; prolonged by as much while its order waits for a starter",
    )
    hold_longest: timedelta = Field(
        default=timedelta(hours=24),
        validate_default=True,
        description="how long an order that waits for a starter keeps its units; never shorter than hold_ttl",
    )
    waitlist_life: timedelta = Field(
        default=timedelta(days=7),
        gt=timedelta(0),
        description="how long an order waits in line whose shopper named no time; never longer than 30 days",
    )
    reconcile_every: timedelta = Field(
        default=timedelta(hours=1), ge=timedelta(minutes=1), description="between two runs of reconciliation"
    )
    reconcile_window: timedelta = Field(
        default=timedelta(hours=26),
        ge=timedelta(minutes=1),
        description="how far back a run looks: more than a day, so that no gap of a day stays unseen",
    )
    reconcile_grace: timedelta = Field(
        default=timedelta(minutes=10), ge=timedelta(0), description="what is younger may be under way: no finding"
    )
    payment_window: timedelta = Field(default=timedelta(minutes=15), description="time a shopper has for 3-D Secure")
    overload_wait: timedelta = Field(
        default=timedelta(milliseconds=400),
        gt=timedelta(0),
        description="an order that would wait longer to be taken up is refused with 503 and Retry-After",
    )
    starts_most: int = Field(
        default=64, ge=1, description="sagas on their way to an outcome at once, however fast they get there"
    )
    confirm_target: timedelta = Field(
        default=timedelta(seconds=2),
        gt=timedelta(0),
        description="within which a saga should reach its outcome; when it takes longer, fewer are started at once",
    )

    smtp_host: str = Field(default="", description="hands e-mail out; without it, e-mail endpoints are refused")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="of smtp_host")
    smtp_starttls: bool = Field(default=True, description="off only for a server on a network of its own")
    smtp_username: str = Field(default="", description="empty: no login")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="for smtp_username")
    smtp_from: str = Field(default="", validate_default=True, description="the sender's address; needs to be set")
    smtp_ca_file: str = Field(default="", description="certificates to trust instead of the system's")
    notify_loopback: bool = Field(
        default=False, description="whether webhooks may go to this machine: for demos and tests only"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="and what is graver")
    log_format: Literal["json", "console"] = Field(default="json", description="for machines, or for people")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given goes before the environment, that before `.env`, that before files of secrets."""
        return init_settings, env_settings, dotenv_settings, secret_files(settings_cls)

    @field_validator("company_pages", "shipbob_locations", "oidc_roles", "log_levels", mode="before")
    @classmethod
    def _decoded(cls, value: object) -> object:
        return from_json(value)

    @field_validator("company_pages")
    @classmethod
    def _lead_there(cls, pages: dict[str, str]) -> dict[str, str]:
        for account, page in pages.items():
            if not re.fullmatch(r"https?://[!-~]+", page) or page.count("{id}") != 1:
                raise ValueError(f"of {account} must be an http or https URL with {{id}} in it once, for the id there")
        return pages

    @field_validator("gateway_timeout")
    @classmethod
    def _bounded(cls, timeout: timedelta) -> timedelta:
        if not timedelta(0) < timeout <= LONGEST_CALL:
            most = f"{LONGEST_CALL.total_seconds():g} seconds"
            raise ValueError(f"must be above 0 and at most {most}: leases and attempt time-outs count on it")
        return timeout

    @field_validator("hold_longest")
    @classmethod
    def _outlives(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        if longest < info.data.get("hold_ttl", longest):
            raise ValueError("must not be shorter than ORDERSAGA_HOLD_TTL: it bounds how often a hold is prolonged")
        return longest

    @field_validator("stripe_return_url")
    @classmethod
    def _is_a_page(cls, url: str) -> str:
        if url and not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]{0,1900})?", url):
            raise ValueError(
                "must be the https URL of a page of the shop's, such as https://shop.example/paid, or empty"
            )
        return url

    @field_validator("smtp_from")
    @classmethod
    def _has_sender(cls, sender: str, info: ValidationInfo) -> str:
        if info.data.get("smtp_host") and "@" not in sender:
            raise ValueError("must be an e-mail address when ORDERSAGA_SMTP_HOST is set: whom e-mail comes from")
        return sender

    @property
    def public_url(self) -> str:
        """Where people reach the API and the console, without a slash at its end."""
        return self.base_url.rstrip("/") or f"http://127.0.0.1:{self.api_port}"

    def open_to_the_world(self) -> list[str]:
        """The settings that belong to production, beside which nobody may sign in by one click."""
        elsewhere = [name for name in _COMPANIES if not is_loopback(urlsplit(getattr(self, name)).hostname)]
        live = [] if not _LIVE.match(self.stripe_api_key.get_secret_value()) else ["stripe_api_key"]
        issuer = ["oidc_issuer"] if self.oidc_issuer else []
        reached = [] if is_loopback(urlsplit(self.public_url).hostname) else ["base_url"]
        bound = [] if is_loopback(self.api_host) else ["api_host"]
        return [*issuer, *reached, *bound, *live, *elsewhere]

    @model_validator(mode="after")
    def _signs_in(self) -> Self:
        url, password = self.database_url.get_secret_value(), self.database_password.get_secret_value()
        self.database_url = SecretStr(with_login(url, self.database_user, password))
        copies = self.key_copies_url.get_secret_value()
        if copies and self.database_user and not names_a_user(copies):
            self.key_copies_url = SecretStr(with_login(copies, self.database_user, password))
        return self

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if self.demo_sign_in and (against := self.open_to_the_world()):
            names = ", ".join(map(environment_name, against))
            raise ValueError(f"ORDERSAGA_DEMO_SIGN_IN: must not be set beside what is production's: {names}")
        return self


_COMPANIES: Final = ("stripe_base_url", "shipbob_base_url", "easypost_base_url")
_LIVE: Final = re.compile(r"\s*[sr]k_live_")

CREDENTIALS: Final = (
    "stripe_api_key",
    "stripe_webhook_secret",
    "shipbob_token",
    "shipbob_channel_id",
    "shipbob_webhook_secret",
    "easypost_api_key",
    "easypost_webhook_secret",
)
"""What a deployment must get from the outside companies: whoever knows one could act, or send events, in its name."""

_CALLS: Final = frozenset({"shipbob_token", "shipbob_channel_id", "easypost_api_key"})
NEEDS: Final[Mapping[str, frozenset[str]]] = {
    "api": frozenset({"stripe_api_key", *(name for name in CREDENTIALS if name.endswith("_webhook_secret"))}),
    "orders": frozenset({"stripe_api_key"}),
    "lanes": _CALLS | {"stripe_api_key"},
    "relay": _CALLS,
    "codec": frozenset(),
}
"""Of these, what each kind of process reads: it does not start without, and is to be given no other."""
BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "api": frozenset({"oidc_client_secret"}),
    "relay": frozenset({"smtp_password"}),
}
"""Secrets that some read besides, where they are set. The master keys are everybody's."""

_REMEDY: Final = (
    "set them in the environment or in .env (the companies' dashboards show them under API keys and webhooks), "
    "or start everything with emulated companies: ordersaga up"
)


def environment_name(setting: str) -> str:
    """How a setting is called in the environment."""
    return f"{PREFIX}{setting}".upper()


def read_settings(**given: Any) -> Settings:
    """The settings of this process; `given` override the environment.

    Raises SettingsError for values that cannot be used; it names them all and does not repeat them.
    """
    reading = _read(given)
    if reading.told or reading.settings is None:
        raise SettingsError("; ".join(reading.told))
    return reading.settings


def read_complete(needs: Collection[str] = CREDENTIALS, **given: Any) -> Settings:
    """The settings of a process that does not start without the credentials it `needs`.

    Raises SettingsError naming everything at once: every value that cannot be used, every credential that is missing.
    """
    reading = _read(given)
    missing = _missing(reading.settings, needs, reading.refused) if reading.settings else []
    if reading.told or missing or reading.settings is None:
        raise SettingsError("; ".join([*reading.told, *missing]))
    return reading.settings


def require_credentials(settings: Settings, needs: Collection[str] = CREDENTIALS) -> Settings:
    """The same settings. Raises SettingsError naming every credential it `needs` that is missing."""
    if missing := _missing(settings, needs):
        raise SettingsError("; ".join(missing))
    return settings


def _read(given: dict[str, Any]) -> Reading[Settings]:
    try:
        return read_all(Settings, PREFIX, given)
    except UnicodeDecodeError:
        raise SettingsError(".env is no text in UTF-8: write it anew") from None
    except (SecretsFolderError, OSError) as error:
        raise SettingsError(str(error)) from None


def _missing(settings: Settings, needs: Collection[str], refused: Collection[str] = ()) -> list[str]:
    """What to say of credentials that are missing; one that was `refused` is there, and told of already."""
    keyless = [told for told in (settings.copies_without_keys(),) if told]
    wanted = [name for name in CREDENTIALS if name in needs and name not in refused]
    absent = [name for name in wanted if not is_set(getattr(settings, name))]
    if not absent:
        return keyless
    noun = "setting is" if len(absent) == 1 else "settings are"
    return [f"{len(absent)} {noun} missing: {', '.join(map(environment_name, absent))}; {_REMEDY}", *keyless]


def is_set(credential: SecretStr | int) -> bool:
    """Whether a credential holds anything."""
    return bool(credential.get_secret_value().strip() if isinstance(credential, SecretStr) else credential)
