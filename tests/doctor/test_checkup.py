"""A whole checkup of an installation of which one thing is wrong: it is named, and the rest is looked at too."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import open_services
from ordersaga.doctor.checkup import check_all
from ordersaga.doctor.companies import company_lines
from ordersaga.doctor.lines import Checkup, Line
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.sellers import SellerProfile
from ordersaga.embedded.environment import as_environment
from ordersaga.settings import CREDENTIALS, Settings, environment_name
from tests.fakes.channels import FakeChannel
from tests.lanes.waiting import until
from tests.privacy.keys import ONE
from tests.support.api import settings_for
from tests.support.database import DatabaseServer
from tests.support.emulators import ROOT, free_port, running

Configure = Callable[[Settings], None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Make settings those of the environment, where nothing else is set."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ORDERSAGA_")]:
        monkeypatch.delenv(name)

    def apply(settings: Settings) -> None:
        for name, value in as_environment(settings).items():
            monkeypatch.setenv(name, value)

    return apply


@pytest_asyncio.fixture
async def empty_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database nobody migrated."""
    url = await database_server.create(migrated=False)
    yield url
    await database_server.drop(url)


def settings_of(environment: WorkflowEnvironment, database_url: str, **changes: Any) -> Settings:
    """An installation whose databases answer, and whose companies do not."""
    address = environment.client.service_client.config.target_host
    return settings_for(database_url, **{"temporal_address": address, **changes})


async def ended(folder: Path, settings: Settings, *words: str) -> tuple[int | None, str, str]:
    """The console script with these settings: exit code, stdout, stderr."""
    given = as_environment(settings)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga", *words),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "COLUMNS": "200", **given},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode(), errors.decode()


async def checked(folder: Path) -> tuple[Checkup, dict[str, Line]]:
    """A checkup, and its lines by what was looked at."""
    found = await check_all(folder)
    return found, {line.check: line for line in found.lines}


async def test_without_settings_nothing_is_connected_to(configure: Configure, tmp_path: Path) -> None:
    """The one line names every setting that is missing."""
    found, lines = await checked(tmp_path)
    assert not found.sound
    assert set(lines) == {"settings"}
    assert all(environment_name(name) in lines["settings"].told for name in CREDENTIALS)


async def test_without_its_database_nothing_else_is_guessed(
    configure: Configure, environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    """It says what was not looked at, and shows no password."""
    url = f"postgresql://shop:pa55@127.0.0.1:{free_port()}/ordersaga"
    configure(settings_of(environment, url))
    found, lines = await checked(tmp_path)
    assert not found.sound
    assert set(lines) == {"settings", "disk", "postgresql"}
    assert "Temporal and the companies were not looked at" in lines["postgresql"].told
    assert "pa55" not in found.model_dump_json()


async def test_a_database_that_nobody_migrated(
    configure: Configure, environment: WorkflowEnvironment, empty_url: str, tmp_path: Path
) -> None:
    """The remedy is the command; it says what was not looked at."""
    configure(settings_of(environment, empty_url))
    found, lines = await checked(tmp_path)
    assert set(lines) == {"settings", "disk", "migrations"}
    assert (lines["migrations"].verdict, lines["migrations"].remedy) == ("fail", "ordersaga migrate")
    assert "Temporal and the companies were not looked at" in lines["migrations"].told
    assert not found.sound


async def test_master_keys_that_are_missing_are_told(
    configure: Configure, environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """The line that keeps processes from starting is the doctor's too; in order, it says under which key."""
    encrypting = settings_of(environment, database_url, encryption_keys=ONE)
    configure(encrypting)
    _, lines = await checked(tmp_path)
    assert (lines["encryption"].verdict, "under one" in lines["encryption"].told) == ("ok", True)
    async with open_services(encrypting):
        pass
    configure(settings_of(environment, database_url, encryption_keys=""))
    found, lines = await checked(tmp_path)
    assert set(lines) == {"settings", "disk", "encryption"}
    assert (lines["encryption"].verdict, found.sound) == ("fail", False)
    assert "encryption_keys_missing" in lines["encryption"].told
    assert "ORDERSAGA_ENCRYPTION_KEYS" in lines["encryption"].told


async def test_a_temporal_that_is_away(
    configure: Configure, environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """Told within seconds; PostgreSQL and companies are looked at."""
    configure(settings_of(environment, database_url, temporal_address=f"127.0.0.1:{free_port()}"))
    found, lines = await checked(tmp_path)
    assert not found.sound
    assert lines["temporal"].verdict == "fail"
    assert "start Temporal" in lines["temporal"].remedy
    assert lines["migrations"].verdict == "ok"
    assert "payments" in lines


async def test_a_namespace_that_is_not_there_or_not_prepared(
    configure: Configure, environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """The script makes both; a retention too short for a recovery, and queues that nobody polls, are told."""
    settings = settings_of(environment, database_url, temporal_namespace="bare")
    configure(settings)
    _, lines = await checked(tmp_path)
    assert lines["temporal"].told == "there is no namespace bare"
    assert "namespace.sh" in lines["temporal"].remedy
    asked = RegisterNamespaceRequest(namespace="bare")
    asked.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    await environment.client.workflow_service.register_namespace(asked)
    _, lines = await until(lambda: checked(tmp_path), lambda seen: "workers" in seen[1])
    assert (lines["namespace"].verdict, lines["namespace"].told.endswith("kept for 1 day")) == ("warn", True)
    assert lines["search_attributes"].verdict == "fail"
    assert "ShipBy" in lines["search_attributes"].told
    assert lines["workers"].told.startswith("nobody polls orders, books, payments, ")
    assert lines["reconciliation"].verdict == "warn"


async def test_each_company_is_asked_whether_it_knows_us(
    configure: Configure, environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """One that knows us, one that refuses our key, one that is away; one whose lane somebody paused is not asked."""
    async with running("stripe", tmp_path / "stripe") as stripe, running("shipbob", tmp_path / "shipbob") as shipbob:
        companies = {"stripe_base_url": stripe.url, "shipbob_base_url": shipbob.url, "shipbob_token": "expired"}
        settings = settings_of(environment, database_url, **companies)
        await shipbob.post("faults", kind="status", status=401)
        configure(settings)
        found, lines = await checked(tmp_path)
        async with open_services(settings) as services:
            await services.lane_pauses.pause("payments", timedelta(hours=1), "the bank asked for it", "ann")
        _, paused = await checked(tmp_path)
    assert (lines["payments"].verdict, lines["payments"].told) == ("ok", "answers, and knows us")
    assert lines["provider shipbob"].told.startswith("refuses us: ")
    assert "credentials" in lines["provider shipbob"].remedy
    assert lines["carrier easypost"].told.startswith("cannot be asked now: ")
    assert "the bank asked for it" in paused["lane"].told
    assert paused["lane"].remedy == "ordersaga lanes resume payments"
    assert (paused["payments"].verdict, "was not asked" in paused["payments"].told) == ("warn", True)
    assert "expired" not in found.model_dump_json()


async def test_a_bad_network_file_is_never_said_to_be_complete(
    configure: Configure, environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """One line about settings: what is wrong in the file, in our words, with its remedy."""
    network = tmp_path / "network.toml"
    network.write_text('[accounts.here]\nkind = "foo"\n', encoding="utf-8")
    configure(settings_of(environment, database_url, network=network))
    found, lines = await checked(tmp_path)
    assert [line.verdict for line in found.lines if line.check == "settings"] == ["fail"]
    assert "accounts.here: foo is no 'kind' that is known; use one of 'newegg', " in lines["settings"].told


async def test_a_sellers_account_that_cannot_be_opened_is_told(tmp_path: Path, database_url: str) -> None:
    """It has a line with its fields, and what is logged stands beside the answer, not in it."""
    settings = settings_for(database_url)
    secrets = {"authorization": "env:NOT_SET_HERE", "secret_key": "env:NOT_SET_HERE"}
    account = {"kind": "newegg", "seller_id": "A0BC", "phone": "555-0100", **secrets}
    profile = SellerProfile.model_validate({"name": "Sunny Socks", "accounts": {"newegg-socks": account}})
    async with open_services(settings) as services, services.sellers.changing("socks") as changing:
        await changing.write(profile, "ada")
    code, out, errors = await ended(tmp_path, settings, "doctor", "--json")
    lines = {line["check"]: line for line in json.loads(out)["lines"]}
    assert code == 1
    assert lines["seller_account"]["verdict"] == "fail"
    assert lines["seller_account"]["told"].startswith("newegg-socks of socks cannot be opened: accounts.newegg-socks.")
    assert "seller_account_not_opened" in errors


async def test_the_command_ends_with_what_it_found(tmp_path: Path, database_url: str) -> None:
    """Every line as a table, and exit code 1: for whoever starts it from a script."""
    settings = settings_for(database_url)
    code, told, errors = await ended(tmp_path, settings, "doctor")
    assert code == 1
    assert "all applied" in told
    assert "start Temporal" in told
    assert "check(s) failed" in errors
    assert settings.stripe_api_key.get_secret_value() not in told


async def test_a_marketplace_is_asked_too(database_url: str) -> None:
    """What has changed there since now is nothing, and takes our credentials."""
    shop = FakeChannel()
    async with open_services(settings_for(database_url)) as services:
        without = replace(services, providers={}, carriers={}, channels={"tiktok-socks": shop})
        lines = {line.check: line for line in await company_lines(without)}
        assert (lines["channel tiktok-socks"].verdict, set(lines)) == ("ok", {"payments", "channel tiktok-socks"})
        shop.fail_next("changed_since", OperatorError("credentials_refused", "expired"))
        lines = {line.check: line for line in await company_lines(without)}
    assert lines["channel tiktok-socks"].told == "refuses us: credentials_refused: expired"
