"""What is deployed says the same as the code, and is valid where no container engine is at hand."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.sockets import HOST, fetch, free_ports
from ordersaga.embedded.supervisor import Supervisor
from ordersaga.embedded.temporal import TUNING, temporal_part
from ordersaga.settings import CREDENTIALS, Settings, environment_name
from tests.embedded.recording import RecordingReporter

REPOSITORY = Path(__file__).parents[2]
COMPOSE = REPOSITORY / "docker-compose.yml"
NAMESPACE_SCRIPT = REPOSITORY / "deploy/temporal/namespace.sh"


def _examples() -> list[str]:
    """The names deploy/env.example lists."""
    return re.findall(r"^([A-Z_]+)=$", (REPOSITORY / "deploy/env.example").read_text(), re.MULTILINE)


def _validate(
    file: Path, *what: str, without: str = "", given: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    filled = {name: "1" for name in _examples() if name != without} | dict(given)
    program = Path(sys.executable).parent / "docker-compose"
    where = ["--project-directory", str(REPOSITORY), "-f", str(file)]
    command = [str(program), *where, "--profile", "emulators", "config", *(what or ("-q",))]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **filled}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_compose_file_is_valid() -> None:
    """Docker Compose itself says so."""
    answer = _validate(COMPOSE)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_validation_would_notice(tmp_path: Path) -> None:
    """A dependency on a service that does not exist is refused."""
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text().replace("      postgres: {condition", "      postgress: {condition"))
    assert _validate(broken).returncode != 0


def test_compose_starts_nothing_without_a_secret() -> None:
    """Each one is required, and named; none has a default."""
    required = {environment_name(name) for name in CREDENTIALS}
    assert set(_examples()) == {"POSTGRES_PASSWORD", "TEMPORAL_POSTGRES_PASSWORD", *required}
    for name in _examples():
        answer = _validate(COMPOSE, without=name)
        assert answer.returncode != 0
        assert f"required variable {name} is missing" in answer.stderr


def test_apis_and_workers_are_as_many_as_asked_for() -> None:
    """Each API has a port of its own on the machine; by default there is one of each."""
    given = {"ORDERSAGA_APIS": "3", "ORDERSAGA_API_PORTS": "8080-8082", "ORDERSAGA_WORKERS": "4"}
    for wanted, (apis, ports, workers) in (({}, (1, "8080", 1)), (given, (3, "8080-8082", 4))):
        services = yaml.safe_load(_validate(COMPOSE, "--format", "json", given=wanted).stdout)["services"]
        assert [services[name]["deploy"]["replicas"] for name in ("api", "worker")] == [apis, workers]
        assert services["api"]["ports"][0]["published"] == ports


def test_compose_sets_only_settings_that_exist() -> None:
    """A misspelled setting would be ignored."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    names = {environment_name(name) for name in Settings.model_fields}
    for service in ("worker", "api", "migrations"):
        assert set(services[service]["environment"]) <= names


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


def test_the_image_holds_every_package_and_runs_unprivileged() -> None:
    """A package missing from the image would be found out only in production."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    for package in ("ordersaga", "workflows", "activities", "workers", "emulators"):
        assert f"COPY {package} {package}\n" in dockerfile
        assert f"!{package}\n" in (REPOSITORY / ".dockerignore").read_text()
    assert dockerfile.index("USER ordersaga") > dockerfile.rindex("RUN ")
