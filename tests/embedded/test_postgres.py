"""The embedded PostgreSQL: durable, restarted after kill -9, and no folder of somebody else opened for it."""

import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from ordersaga.embedded.errors import StackError
from ordersaga.embedded.options import StackOptions
from ordersaga.embedded.postgres import postgres_part
from ordersaga.embedded.postgres_home import PUBLIC_ROOT, _installed_programs, prepare_home, public_folder
from ordersaga.embedded.sockets import free_ports
from ordersaga.embedded.stack import Stack
from ordersaga.embedded.supervisor import Supervisor
from tests.embedded.recording import RecordingReporter

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
ONLY_POSTGRES = frozenset({"postgres"})


def _modes(*paths: Path) -> dict[Path, int]:
    """Modes of folders and of all their parents."""
    folders = {folder for path in paths for folder in (path, *path.parents) if folder.exists()}
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders}


@pytest.fixture
async def stack(data: Path) -> AsyncIterator[Stack]:
    """PostgreSQL alone, under a private parent folder."""
    data.parent.chmod(0o700)
    async with Stack(StackOptions(data=data, free_ports=True, only=ONLY_POSTGRES)) as running:
        yield running


@pytest.fixture
def new_public_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Root's public folder as on a machine where ordersaga never ran."""
    folder = PUBLIC_ROOT.with_name(f"ordersaga-test-{os.getpid()}")
    monkeypatch.setattr("ordersaga.embedded.postgres_home.PUBLIC_ROOT", folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.usefixtures("new_public_root")
async def test_starting_changes_the_mode_of_no_folder_that_was_there(data: Path) -> None:
    """Not of the package's parents, not of the state folder's parents, not of the public folders."""
    data.mkdir(mode=0o700, parents=True)
    data.parent.chmod(0o700)
    programs = _installed_programs()
    before = _modes(data, programs / "bin", programs / "lib", Path("/tmp"), Path("/var/tmp"), Path.home())
    async with Stack(StackOptions(data=data, free_ports=True, only=ONLY_POSTGRES)):
        assert _modes(*before) == before
    assert _modes(*before) == before
    assert before[data] == 0o700


async def test_it_is_durable_and_takes_logins_only_with_the_password(stack: Stack) -> None:
    """fsync is on; a login without the password is refused; the password file is private."""
    url = stack.settings.database_url.get_secret_value()
    connection = await asyncpg.connect(url)
    settings = {name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
    assert settings == {"fsync": "on", "synchronous_commit": "on"}
    assert await connection.fetchval("SHOW full_page_writes") == "on"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url, password="guess")
    assert stat.S_IMODE((stack.data / "postgres-password").stat().st_mode) == 0o600


async def test_what_was_committed_survives_kill_9_of_the_server(stack: Stack) -> None:
    """The supervisor sees the postmaster die and crash recovery brings every commit back."""
    connection = await asyncpg.connect(stack.settings.database_url.get_secret_value())
    await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept SELECT generate_series(1, 1000)")
    began = time.monotonic()
    await stack.kill("postgres")
    await stack.wait_ready("postgres", 10)
    assert time.monotonic() - began < 5
    connection = await asyncpg.connect(stack.settings.database_url.get_secret_value())
    assert await connection.fetchval("SELECT count(*) FROM kept") == 1000
    await connection.close()


async def test_starting_again_finds_the_data(data: Path) -> None:
    """A clean stop and another start on the same folder, on other ports."""
    options = StackOptions(data=data, free_ports=True, only=ONLY_POSTGRES)
    async with Stack(options) as first:
        connection = await asyncpg.connect(first.settings.database_url.get_secret_value())
        await connection.execute("CREATE TABLE kept (id int)")
        await connection.close()
    async with Stack(options) as second:
        connection = await asyncpg.connect(second.settings.database_url.get_secret_value())
        assert await connection.fetchval("SELECT count(*) FROM kept") == 0
        await connection.close()


@as_root
async def test_as_root_the_server_runs_unprivileged_from_a_folder_of_our_own(stack: Stack) -> None:
    """Server, data and programs belong to the public folder; its owner and modes are strict."""
    pid = stack.pids["postgres"]
    assert pid
    assert psutil.Process(pid).uids().real != 0
    assert Path(psutil.Process(pid).exe()).is_relative_to(PUBLIC_ROOT)
    assert stat.S_IMODE(PUBLIC_ROOT.stat().st_mode) == 0o755
    assert stat.S_IMODE(public_folder(stack.data).stat().st_mode) == 0o700
    assert (stack.data / "postgres").readlink() == public_folder(stack.data)


@as_root
def test_as_root_a_public_folder_prepared_by_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/var/tmp is writable by all: what lies there under our name must be ours."""
    trap = tmp_path / "trap"
    trap.mkdir()
    os.chown(trap, 65534, 65534)
    monkeypatch.setattr("ordersaga.embedded.postgres_home.PUBLIC_ROOT", trap)
    with pytest.raises(StackError, match="must be a folder that root owns"):
        prepare_home(tmp_path / "state")


async def test_an_initialization_cut_short_is_repeated(data: Path, report: RecordingReporter) -> None:
    """Half a cluster is never taken for a whole one."""
    data.mkdir(parents=True)
    port = free_ports(["postgres"])["postgres"]
    part = postgres_part(data, port)
    draft = prepare_home(data).folder / "cluster.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    supervisor = Supervisor([part], data / "logs", report)
    (data / "supervisor.lock").touch()
    await supervisor.start()
    await supervisor.stop()
    assert not draft.exists()


def test_for_a_normal_user_everything_is_in_the_state_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own programs, no other user, nothing under /var/tmp."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    home = prepare_home(data)
    assert (home.user, home.folder) == (None, data / "postgres")
    assert home.programs == _installed_programs()
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700


async def test_a_frozen_server_answers_nobody_and_goes_on(stack: Stack) -> None:
    """Every one of its processes stands still, is not restarted, and goes on where it stood."""
    connection = await asyncpg.connect(stack.settings.database_url.get_secret_value())
    try:
        await stack.freeze("postgres")
        with pytest.raises(TimeoutError):
            await connection.fetchval("SELECT 1", timeout=0.3)
        await stack.thaw("postgres")
        assert await connection.fetchval("SELECT 2", timeout=20) == 2
    finally:
        await connection.close()
    assert stack.restarts == {"postgres": 0}


async def test_a_server_killed_while_frozen_is_restarted(stack: Stack) -> None:
    """Its frozen sessions would hold on to the cluster for ever: they are let go, and end."""
    connection = await asyncpg.connect(stack.settings.database_url.get_secret_value())
    await stack.freeze("postgres")
    await stack.kill("postgres")
    await stack.wait_ready("postgres")
    connection.terminate()
    assert stack.restarts["postgres"] >= 1
