"""Credentials of the emulated companies, and what a person is shown of a stack's secrets."""

import io
import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from ordersaga.commands.progress import show_addresses
from ordersaga.embedded import Stack, StackError, StackOptions
from ordersaga.embedded.credentials import CREDENTIALS_FILE
from ordersaga.embedded.plan import build_plan, stack_settings, without_password
from ordersaga.settings import CREDENTIALS, Settings, require_credentials
from tests.embedded.test_stack import tiny_plan

EVERYTHING = {"stripe", "shipbob", "easypost", "worker", "api"}


async def nothing(_settings: Settings, _data: Path) -> str:
    """Prepares no database."""
    return ""


def bare() -> Settings:
    """Settings without credentials, whatever the environment says."""
    return Settings(_env_file=None).model_copy(
        update={name: Settings.model_fields[name].default for name in CREDENTIALS}
    )


def plain(settings: Settings) -> list[str]:
    """Every credential as text."""
    found = [getattr(settings, name) for name in CREDENTIALS]
    return [value.get_secret_value() if isinstance(value, SecretStr) else str(value) for value in found]


def test_emulated_companies_get_credentials_of_their_own(data: Path) -> None:
    """Made up once for a folder, private on disk, different in another; never those of the settings replaced."""
    options = StackOptions(data=data)
    first = require_credentials(stack_settings(options, EVERYTHING, bare()))
    assert plain(stack_settings(options, EVERYTHING, bare())) == plain(first)
    assert stat.S_IMODE((data / CREDENTIALS_FILE).stat().st_mode) == 0o600
    other = stack_settings(StackOptions(data=data / "other"), EVERYTHING, bare())
    assert {a for a, b in zip(plain(first), plain(other), strict=True) if a == b} == {"100001"}
    mine = bare().model_copy(update={"stripe_api_key": SecretStr("sk_test_mine")})
    assert stack_settings(options, EVERYTHING, mine).stripe_api_key.get_secret_value() == "sk_test_mine"


def test_a_company_that_is_not_emulated_needs_its_own_credentials(data: Path) -> None:
    """The stack says so before anything starts, naming them."""
    options, chosen = StackOptions(data=data), EVERYTHING - {"stripe"}
    settings = stack_settings(options, chosen, bare())
    missing = "^2 settings are missing: ORDERSAGA_STRIPE_API_KEY, ORDERSAGA_STRIPE_WEBHOOK_SECRET; "
    with pytest.raises(StackError, match=missing):
        build_plan(options, settings, chosen, nothing)
    assert build_plan(options, settings, {"shipbob"}, nothing)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pa:s@127.0.0.1:5433/o", "postgresql://u@127.0.0.1:5433/o"),
        ("postgresql://u:p%40s@db/o?password=more&user=x", "postgresql://u@db/o"),
        ("postgresql://db/o", "postgresql://db/o"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    """Wherever in the address it stands."""
    assert without_password(url) == shown


async def test_what_a_starting_stack_prints_holds_no_password(data: Path) -> None:
    """It is in stack.json, for whoever owns the folder."""
    settings = bare().model_copy(update={"database_url": SecretStr("postgresql://shop:pa55@db/ordersaga")})
    options = StackOptions(data=data, free_ports=True, only=frozenset({"temporal"}))
    shown = io.StringIO()
    async with Stack(options, settings, plan=tiny_plan) as stack:
        show_addresses(Console(file=shown), stack)
        assert "pa55" not in shown.getvalue()
        assert "postgresql://shop@db/ordersaga" in shown.getvalue()
        assert "stack.json" in shown.getvalue()
        file = data / "stack.json"
        published = json.loads(file.read_text())["environment"]["ORDERSAGA_DATABASE_URL"]
        assert published == "postgresql://shop:pa55@db/ordersaga"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
