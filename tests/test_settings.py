"""Settings: what they show, what they refuse, and that no process starts without its credentials."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ordersaga.bootstrap import open_services
from ordersaga.settings import CREDENTIALS, Settings, SettingsError, environment_name, read_settings
from tests.support.api import settings_for

SECRETS = ("sk_test_for_tests", "whsec_stripe_for_tests", "shipbob-for-tests", "EZTK-for-tests", "easypost-for-tests")
DATABASE = "postgresql://shop:pa55-of-the-database@db/ordersaga"


def test_nothing_that_prints_settings_shows_a_secret() -> None:
    """Their text, their dump and a list of them; the database's password is one of them."""
    settings = settings_for(DATABASE)
    for shown in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        f"{[settings]}",
        str(settings.model_dump()),
    ):
        assert not [secret for secret in (*SECRETS, "pa55-of-the-database") if secret in shown]
    assert settings.database_url.get_secret_value() == DATABASE


def test_no_credential_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that forgets one has none, not a well-known one. Every secret is one, the database or SMTP's."""
    for name in os.environ:
        if name.startswith("ORDERSAGA_"):
            monkeypatch.delenv(name)
    settings = Settings(_env_file=None)
    secret = [name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)]
    assert set(secret) == {"database_url", "smtp_password", *CREDENTIALS} - {"shipbob_channel_id"}
    values = [getattr(settings, name) for name in CREDENTIALS]
    assert [value if isinstance(value, int) else value.get_secret_value() for value in values] == [
        "",
        "",
        "",
        0,
        "",
        "",
        "",
    ]
    assert ":" not in settings.database_url.get_secret_value().removeprefix("postgresql://").partition("@")[0]


@pytest.mark.parametrize("seconds", [30, 5.1, 0, -1])
def test_a_call_may_not_take_longer_than_leases_allow(seconds: float) -> None:
    """The refusal names the setting, the limit and the reason."""
    told = r"ORDERSAGA_GATEWAY_TIMEOUT: must be above 0 and at most 5 seconds: leases and attempt time-outs"
    with pytest.raises(SettingsError, match=told):
        read_settings(gateway_timeout=timedelta(seconds=seconds))
    assert read_settings(gateway_timeout=timedelta(seconds=5)).gateway_timeout == timedelta(seconds=5)


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a secret pasted into the wrong line."""
    monkeypatch.setenv("ORDERSAGA_API_PORT", "sk_live_in_the_wrong_place")
    with pytest.raises(SettingsError, match="ORDERSAGA_API_PORT: ") as refused:
        read_settings()
    assert "wrong_place" not in str(refused.value)


async def test_services_are_not_opened_without_credentials() -> None:
    """Whatever starts them: an event signed with an empty secret must never be believed."""
    with pytest.raises(
        SettingsError, match=r"^2 settings are missing: .*STRIPE_WEBHOOK_SECRET, .*SHIPBOB_CHANNEL_ID; "
    ):
        async with open_services(settings_for(DATABASE, stripe_webhook_secret=" ", shipbob_channel_id=0)):
            pass


@pytest.mark.parametrize("module", ["workers", "ordersaga.api"])
async def test_a_process_without_credentials_names_them_all_and_ends(module: str, tmp_path: Path) -> None:
    """One line with every name and the remedy, before anything is connected to."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSAGA_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module), env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    (line,) = errors.decode().splitlines()
    assert process.returncode == 1
    assert ", ".join(environment_name(name) for name in CREDENTIALS) in line
    assert "set them in the environment or in .env" in line


def test_an_smtp_server_needs_a_sender() -> None:
    """E-mail without a sender would be refused one by one; so the process says it at once."""
    with pytest.raises(SettingsError, match="ORDERSAGA_SMTP_FROM: must be an e-mail address"):
        read_settings(_env_file=None, smtp_host="mail.example")
    assert read_settings(_env_file=None, smtp_host="mail.example", smtp_from="shop@example.com").smtp_starttls is True
