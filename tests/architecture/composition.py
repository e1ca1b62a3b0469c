"""docker-compose.yml as Docker Compose itself understands it: variables filled in, anchors resolved."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import SecretStr

from ordersaga.settings import BESIDE, CREDENTIALS, NEEDS, Settings, environment_name

REPOSITORY: Final = Path(__file__).parents[2]
COMPOSE: Final = REPOSITORY / "docker-compose.yml"
NEXT: Final = REPOSITORY / "docker-compose.next.yml"
"""Workers of a second build, beside those of the first."""
JOBS: Final = frozenset({"temporal-schema", "temporal-namespace", "migrations", "owner"})
"""Services that do one thing and end."""

Service = Mapping[str, Any]
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def examples() -> list[str]:
    """The names that deploy/env.example has to be given a value for."""
    return re.findall(r"^([A-Z_]+)=$", (REPOSITORY / "deploy/env.example").read_text(), re.MULTILINE)


def compose(
    file: Path, *what: str, without: str = "", given: Mapping[str, str] = _NOTHING
) -> subprocess.CompletedProcess[str]:
    """`docker-compose config` over a file, with all profiles; `without` one of the needed variables.

    A file that adds to docker-compose.yml is read after it.
    """
    filled = {name: "1" for name in examples() if name != without} | dict(given)
    program = Path(sys.executable).parent / "docker-compose"
    files = [COMPOSE, file] if file == NEXT else [file]
    where = ["--project-directory", str(REPOSITORY), *(word for each in files for word in ("-f", str(each)))]
    profiles = ["--profile", "emulators", "--profile", "owner"]
    command = [str(program), *where, *profiles, "config", *(what or ("-q",))]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **filled}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def resolved(given: Mapping[str, str] = _NOTHING, file: Path = COMPOSE) -> Mapping[str, Any]:
    """The whole file."""
    answer = compose(file, "--format", "json", given=given)
    assert answer.returncode == 0, answer.stderr
    found: Mapping[str, Any] = json.loads(answer.stdout)
    return found


def services(given: Mapping[str, str] = _NOTHING, file: Path = COMPOSE) -> dict[str, Service]:
    """Every service by name."""
    return dict(resolved(given, file)["services"])


def files_of(service: Service) -> dict[str, str]:
    """The secrets a container has: the path of each file, and which secret it is."""
    mounted = {secret.get("target") or secret["source"]: secret["source"] for secret in service.get("secrets", [])}
    return {str(Path("/run/secrets") / target): source for target, source in mounted.items()}


def logins() -> dict[str, tuple[str, str]]:
    """As whom each of our services logs in at the databases, and the secret that is its password."""
    found = {}
    for name, service in services().items():
        user = service.get("environment", {}).get("ORDERSAGA_DATABASE_USER")
        if user:
            found[name] = user, files_of(service)["/run/secrets/ordersaga_database_password"]
    return found


def secrets_read(kind: str) -> set[str]:
    """The files that a process of this kind reads, by name; the owner's commands read all."""
    everything = {*CREDENTIALS, *(name for names in BESIDE.values() for name in names)}
    own = everything if kind == "owner" else NEEDS[kind] | BESIDE.get(kind, frozenset())
    secret = {name for name in own if Settings.model_fields[name].annotation is SecretStr}
    return {environment_name(name).lower() for name in secret | {"encryption_keys"}}


def is_ours(service: Service) -> bool:
    """Whether a service runs our image."""
    return str(service["image"]).startswith("ordersaga:")
