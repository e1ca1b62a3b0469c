"""Settings: what they show, what they refuse, and that no process starts without its credentials."""

import asyncio
import os
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ordersaga.bootstrap import open_services
from ordersaga.settings import (
    CREDENTIALS,
    NEEDS,
    Settings,
    SettingsError,
    environment_name,
    read_complete,
    read_settings,
)
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
    beside = {"database_url", "database_password", "encryption_keys", "key_copies_url"}
    beside |= {"smtp_password", "oidc_client_secret"}
    assert set(secret) == beside | {*CREDENTIALS} - {"shipbob_channel_id"}
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


CREDENTIALS_OF = {
    "workers": NEEDS["orders"] | NEEDS["lanes"] | NEEDS["relay"],
    "ordersaga.api": NEEDS["api"],
}


@pytest.mark.parametrize("module", CREDENTIALS_OF)
async def test_a_process_without_credentials_names_them_all_and_ends(module: str, tmp_path: Path) -> None:
    """One line with the name of each that it reads, and the remedy, before anything is connected to."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSAGA_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module), env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    (line,) = errors.decode().splitlines()
    assert process.returncode == 1
    needed = [environment_name(name) for name in CREDENTIALS if name in CREDENTIALS_OF[module]]
    assert f"{len(needed)} settings are missing: {', '.join(needed)}; " in line
    assert "set them in the environment or in .env" in line


def test_everything_wrong_and_everything_missing_is_told_at_once() -> None:
    """Nobody starts a process five times to learn of five settings; what is wrong is not repeated."""
    with pytest.raises(SettingsError) as refused:
        read_complete(_env_file=None, api_port=0, hold_ttl="soon", stripe_api_key="sk_test_1")
    told = str(refused.value)
    assert "ORDERSAGA_API_PORT: " in told
    assert "ORDERSAGA_HOLD_TTL: " in told
    assert f"{len(CREDENTIALS) - 1} settings are missing: ORDERSAGA_STRIPE_WEBHOOK_SECRET" in told
    assert "soon" not in told


def test_rules_about_several_settings_are_told_with_the_rest() -> None:
    """A value that cannot be used hides no rule that others break; what was refused is not said to be missing."""
    given = {"encryption_kms_keys": "a", "smtp_host": "mail.example", "demo_sign_in": True, "api_host": "0.0.0.0"}
    with pytest.raises(SettingsError) as refused:
        read_complete(
            CREDENTIALS, _env_file=None, **given, api_port=0, shipbob_channel_id="abc", hold_ttl="soon", hold_longest=60
        )
    told = re.split(r"; (?=\d+ settings|ORDERSAGA_)", str(refused.value))
    assert {each.partition(": ")[0] for each in told[:-1]} == {
        "ORDERSAGA_SHIPBOB_CHANNEL_ID",
        "ORDERSAGA_HOLD_TTL",
        "ORDERSAGA_SMTP_FROM",
        "ORDERSAGA_API_PORT",
        "ORDERSAGA_ENCRYPTION_KMS and ORDERSAGA_ENCRYPTION_KMS_KEYS",
        "ORDERSAGA_DEMO_SIGN_IN",
    }
    assert len(told) == 6 + 1, "each once"
    assert "ORDERSAGA_HOLD_TTL: is no duration; write an ISO 8601 duration such as P2D or PT36H" in told
    assert told[-1].startswith(f"{len(CREDENTIALS) - 1} settings are missing: ")
    assert "SHIPBOB_CHANNEL_ID" not in told[-1]


@pytest.mark.parametrize("name", ["oidc_roles", "shipbob_locations", "log_levels"])
def test_what_is_no_json_is_refused_like_any_other_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, in the same line as the rest, and not repeated; an empty variable is nothing."""
    monkeypatch.setenv(environment_name(name), "{sk_live_1")
    with pytest.raises(SettingsError) as refused:
        read_settings(_env_file=None, api_port=0)
    assert f"{environment_name(name)}: must be JSON" in str(refused.value)
    assert "ORDERSAGA_API_PORT: " in str(refused.value)
    assert "sk_live_1" not in str(refused.value)
    monkeypatch.setenv(environment_name(name), "")
    assert getattr(read_settings(_env_file=None), name) == {}


def test_an_smtp_server_needs_a_sender() -> None:
    """E-mail without a sender would be refused one by one; so the process says it at once."""
    with pytest.raises(SettingsError, match="ORDERSAGA_SMTP_FROM: must be an e-mail address"):
        read_settings(_env_file=None, smtp_host="mail.example")
    assert read_settings(_env_file=None, smtp_host="mail.example", smtp_from="shop@example.com").smtp_starttls is True


def test_a_hold_is_never_prolonged_to_less_than_its_first_life() -> None:
    """And neither is nothing."""
    with pytest.raises(SettingsError, match="ORDERSAGA_HOLD_LONGEST: must not be shorter"):
        read_settings(_env_file=None, hold_ttl=timedelta(hours=2), hold_longest=timedelta(hours=1))
    with pytest.raises(SettingsError, match="ORDERSAGA_HOLD_TTL"):
        read_settings(_env_file=None, hold_ttl=timedelta(0))
    assert read_settings(_env_file=None).hold_longest == timedelta(hours=24)


@pytest.mark.parametrize(
    "url", ["http://shop.example/paid", "shop.example", "https://", "https://shop.example/a b", "/paid"]
)
def test_the_page_to_come_back_to_is_an_https_url(url: str) -> None:
    """A shopper's bank would show anything else as an error, in the middle of a payment."""
    with pytest.raises(SettingsError, match="ORDERSAGA_STRIPE_RETURN_URL: must be the https URL"):
        read_settings(_env_file=None, stripe_return_url=url)
    for fine in ("", "https://shop.example", "https://shop.example:8443/paid?from=bank"):
        assert read_settings(_env_file=None, stripe_return_url=fine).stripe_return_url == fine
