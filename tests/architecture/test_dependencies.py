"""Dependencies point inward, and the machine that says so notices when they do not."""

import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("ordersaga", "workflows", "activities", "workers", "emulators")
VIOLATIONS = {
    "a gateway in workflow code": (
        "workflows",
        "import ordersaga.gateways.stripe",
        "What decides reaches no I/O",
    ),
    "a gateway in an activity": (
        "activities",
        "import ordersaga.gateways.stripe",
        "Only bootstrap names vendors",
    ),
    "the network in the domain": ("ordersaga/domain", "import httpx", "What decides reaches no I/O"),
    "Temporal in the domain": (
        "ordersaga/domain",
        "import temporalio",
        "do not know Temporal",
    ),
    "a workflow in the domain": ("ordersaga/domain", "import workflows", "Dependencies point inward"),
    "a store in the api": ("ordersaga/api", "import ordersaga.stores.stock", "name stores"),
    "the product in an emulator": ("emulators", "import ordersaga.settings", "share nothing with us"),
    "an emulator in the product": ("ordersaga/gateways", "import emulators", "We know nothing of the emulators"),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's packages, free to be spoiled."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold(copy: Path) -> None:
    """As in `make check`."""
    answer = _lint(copy)
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert "0 broken" in answer.stdout


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_planted_violation_is_noticed(copy: Path, name: str) -> None:
    """Each contract breaks, by name, on what it forbids."""
    folder, line, contract = VIOLATIONS[name]
    planted = copy / folder / "planted.py"
    planted.write_text(f"{line}\n")
    try:
        answer = _lint(copy)
    finally:
        planted.unlink()
    assert answer.returncode == 1, answer.stdout[-3000:]
    told = " ".join(answer.stdout.split())  # a long name is told on two lines
    assert f"{contract} BROKEN" in told, answer.stdout[-3000:]


def test_no_other_distribution_owns_our_top_level_names() -> None:
    """`workers` and `activities` are common words: a clash would import somebody else's code."""
    owners = packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, [])) <= {"ordersaga"}
