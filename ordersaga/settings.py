"""Every setting of every process, read from the environment (`ORDERSAGA_*`) or a `.env` file.

One class, so that a worker, the API and the command line can never disagree. Secrets are `SecretStr`:
they print as asterisks in logs, errors and tracebacks.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one deployment. Names map to the environment as `ORDERSAGA_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="ORDERSAGA_", env_file=".env", extra="ignore")

    database_url: str = Field(
        default="postgresql://ordersaga@127.0.0.1:5432/ordersaga", description="PostgreSQL of stock, books and journal"
    )
    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = "default"
    temporal_ui_url: str = Field(default="http://127.0.0.1:8233", description="shown to people, never called")

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=1, le=65535)

    stripe_api_key: SecretStr = SecretStr("sk_test_ordersaga")
    stripe_base_url: str = Field(default="https://api.stripe.com", description="the emulator's URL when embedded")
    stripe_webhook_secret: SecretStr = SecretStr("whsec_stripe_demo_secret")

    shipbob_token: SecretStr = SecretStr("shipbob-demo-token")
    shipbob_channel_id: int = 100001
    shipbob_base_url: str = Field(default="https://api.shipbob.com", description="without the version path")
    shipbob_webhook_secret: SecretStr = SecretStr("whsec_c2hpcGJvYi1kZW1vLXNlY3JldC0wMDE=")

    easypost_api_key: SecretStr = SecretStr("EZTK-ordersaga-demo")
    easypost_base_url: str = Field(default="https://api.easypost.com", description="without the version path")
    easypost_webhook_secret: SecretStr = SecretStr("easypost-demo-secret")

    gateway_timeout: timedelta = Field(default=timedelta(seconds=5), description="of one call to an outside company")
    visible_after: timedelta = Field(
        default=timedelta(minutes=1),
        description="how long what an outside company did may stay invisible to our look-ups: a request still under "
        "way, a search that lags; only later does 'not found' prove that nothing happened",
    )
    poll_interval: timedelta = Field(
        default=timedelta(seconds=30), description="between two looks at what webhooks missed"
    )
    hold_ttl: timedelta = Field(default=timedelta(minutes=30), description="life of a stock hold no saga confirmed")
    payment_window: timedelta = Field(default=timedelta(minutes=15), description="time a shopper has for 3-D Secure")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
