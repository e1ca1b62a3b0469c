"""Every setting of every process, read from the environment (`ORDERSAGA_*`) or a `.env` file.

One class, so that a worker, the API and the command line can never disagree. Secrets are `SecretStr`, the database's
address among them because it holds a password: they print as asterisks in logs, errors and tracebacks. None of them
has a default that works: a process that needs them refuses to start without (`require_credentials`). The embedded
stack makes up its own (`ordersaga.embedded.credentials`).
"""

from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ordersaga.domain.lanes import EASYPOST_CALLS_PER_MINUTE, SHIPBOB_CALLS_PER_MINUTE, STRIPE_CALLS_PER_MINUTE

PREFIX: Final = "ORDERSAGA_"
LONGEST_CALL: Final = timedelta(seconds=5)
"""Leases of effects and time-outs of activity attempts are laid out for calls of at most this."""


class SettingsError(Exception):
    """Settings that no process may start with; the message is one line and names each by its environment name."""


class Settings(BaseSettings):
    """Settings of one deployment. Names map to the environment as `ORDERSAGA_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://ordersaga@127.0.0.1:5432/ordersaga"),
        description="PostgreSQL of stock, books and journal",
    )
    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = "default"
    temporal_ui_url: str = Field(default="http://127.0.0.1:8233", description="shown to people, never called")
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

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=1, le=65535)
    metrics_open: bool = Field(
        default=False, description="/metrics takes no key though the API is not bound to loopback"
    )

    stripe_api_key: SecretStr = SecretStr("")
    stripe_base_url: str = Field(default="https://api.stripe.com", description="the emulator's URL when embedded")
    stripe_webhook_secret: SecretStr = SecretStr("")

    shipbob_token: SecretStr = SecretStr("")
    shipbob_channel_id: int = Field(default=0, ge=0, description="the channel with write scope that owns our orders")
    shipbob_base_url: str = Field(default="https://api.shipbob.com", description="without the version path")
    shipbob_webhook_secret: SecretStr = SecretStr("")
    shipbob_standard_method: str = Field(
        default="Standard", min_length=1, description="the ship option for standard service, as the account names it"
    )
    shipbob_expedited_method: str = Field(
        default="Expedited", min_length=1, description="the ship option for expedited service, as the account names it"
    )

    easypost_api_key: SecretStr = SecretStr("")
    easypost_base_url: str = Field(default="https://api.easypost.com", description="without the version path")
    easypost_webhook_secret: SecretStr = SecretStr("")

    shipbob_calls_per_minute: float = Field(
        default=SHIPBOB_CALLS_PER_MINUTE, gt=0, description="what ShipBob allows the account; the lane gets 80 % of it"
    )
    easypost_calls_per_minute: float = Field(
        default=EASYPOST_CALLS_PER_MINUTE, gt=0, description="what EasyPost allows the account; a label takes 3 calls"
    )
    stripe_calls_per_minute: float = Field(
        default=STRIPE_CALLS_PER_MINUTE, gt=0, description="what Stripe allows the account"
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
    hold_ttl: timedelta = Field(default=timedelta(minutes=30), description="life of a stock hold no saga confirmed")
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
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_starttls: bool = Field(default=True, description="off only for a server on a network of its own")
    smtp_username: str = Field(default="", description="empty: no login")
    smtp_password: SecretStr = SecretStr("")
    smtp_from: str = Field(default="", validate_default=True, description="the sender's address; needs to be set")
    smtp_ca_file: str = Field(default="", description="certificates to trust instead of the system's")
    notify_loopback: bool = Field(
        default=False, description="whether webhooks may go to this machine: for demos and tests only"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    @field_validator("gateway_timeout")
    @classmethod
    def _bounded(cls, timeout: timedelta) -> timedelta:
        if not timedelta(0) < timeout <= LONGEST_CALL:
            most = f"{LONGEST_CALL.total_seconds():g} seconds"
            raise ValueError(f"must be above 0 and at most {most}: leases and attempt time-outs count on it")
        return timeout

    @field_validator("smtp_from")
    @classmethod
    def _has_sender(cls, sender: str, info: ValidationInfo) -> str:
        if info.data.get("smtp_host") and "@" not in sender:
            raise ValueError("must be an e-mail address when ORDERSAGA_SMTP_HOST is set: whom e-mail comes from")
        return sender


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

_REMEDY: Final = (
    "set them in the environment or in .env (the companies' dashboards show them under API keys and webhooks), "
    "or start everything with emulated companies: ordersaga up"
)


def environment_name(setting: str) -> str:
    """How a setting is called in the environment."""
    return f"{PREFIX}{setting}".upper()


def read_settings(**given: Any) -> Settings:
    """The settings of this process; `given` override the environment.

    Raises SettingsError for values that cannot be used; it names them and does not repeat them.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        told = [f"{environment_name(str(bad['loc'][0]))}: {_text(bad['msg'])}" for bad in error.errors()]
        raise SettingsError("; ".join(told)) from None


def require_credentials(settings: Settings) -> Settings:
    """The same settings. Raises SettingsError naming every credential that is missing."""
    missing = [environment_name(name) for name in CREDENTIALS if not is_set(getattr(settings, name))]
    if missing:
        noun = "setting is" if len(missing) == 1 else "settings are"
        raise SettingsError(f"{len(missing)} {noun} missing: {', '.join(missing)}; {_REMEDY}")
    return settings


def is_set(credential: SecretStr | int) -> bool:
    """Whether a credential holds anything."""
    return bool(credential.get_secret_value().strip() if isinstance(credential, SecretStr) else credential)


def _text(message: str) -> str:
    """Pydantic's message without its own beginning."""
    return message.removeprefix("Value error, ")
