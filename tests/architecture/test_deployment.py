"""What is deployed says the same as the code, and is valid where no container engine is at hand."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.sockets import HOST, fetch, free_ports
from ordersaga.embedded.supervisor import Supervisor
from ordersaga.embedded.temporal import TUNING, temporal_part
from ordersaga.settings import Settings, environment_name
from tests.architecture.composition import COMPOSE, REPOSITORY, compose, examples, is_ours, services
from tests.embedded.recording import RecordingReporter

NAMESPACE_SCRIPT = REPOSITORY / "deploy/temporal/namespace.sh"


def test_the_compose_file_is_valid() -> None:
    """Docker Compose itself says so."""
    answer = compose(COMPOSE)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_validation_would_notice(tmp_path: Path) -> None:
    """A dependency on a service that does not exist is refused."""
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text().replace("      postgres: {condition", "      postgress: {condition"))
    assert compose(broken).returncode != 0


def test_compose_starts_nothing_without_what_it_needs() -> None:
    """What has no default and is no secret is required, and named."""
    assert examples() == [environment_name("shipbob_channel_id")]
    for name in examples():
        answer = compose(COMPOSE, without=name)
        assert answer.returncode != 0
        assert f"required variable {name} is missing" in answer.stderr


def test_compose_sets_only_settings_that_exist() -> None:
    """A misspelled setting would be ignored."""
    names = {environment_name(name) for name in Settings.model_fields}
    ours = [service for service in services().values() if is_ours(service) and "environment" in service]
    assert len(ours) >= 8
    for service in ours:
        assert set(service["environment"]) <= names


def test_the_cluster_is_configured_like_the_tested_server() -> None:
    """dynamicconfig.yaml holds the keys and values whose effects the tests of the embedded server assert."""
    configured = yaml.safe_load((REPOSITORY / "deploy/temporal/dynamicconfig.yaml").read_text())
    assert {key: entry[0]["value"] for key, entry in configured.items()} == {
        key: yaml.safe_load(value) for key, value in TUNING.items()
    }


def test_the_namespace_script_names_the_products_attributes() -> None:
    """One list in code, one in the script that runs where there is no Python."""
    listed = re.findall(r"^([A-Z]\w+) (\w+)$", NAMESPACE_SCRIPT.read_text(), re.MULTILINE)
    assert dict(listed) == SEARCH_ATTRIBUTES


@pytest.fixture
async def bare_server(tmp_path: Path) -> AsyncIterator[dict[str, int]]:
    """A Temporal server that knows no attributes of ours."""
    ports = free_ports(("temporal", "ui"))
    supervisor = Supervisor(
        [temporal_part(tmp_path, ports["temporal"], ports["ui"], {})], tmp_path, RecordingReporter()
    )
    await supervisor.start()
    yield ports
    await supervisor.stop()


async def test_the_namespace_script_works_and_may_be_repeated(bare_server: dict[str, int]) -> None:
    """Run twice against a real server."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TEMPORAL_ADDRESS": f"{HOST}:{bare_server['temporal']}",
        "TEMPORAL_NAMESPACE": "shop",
    }
    for _ in range(2):
        script = await asyncio.create_subprocess_exec("sh", NAMESPACE_SCRIPT, env=environment)
        assert await script.wait() == 0
    known = await fetch(bare_server["ui"], "/api/v1/namespaces/shop/search-attributes")
    assert known
    assert all(name.encode() in known for name in SEARCH_ATTRIBUTES)
