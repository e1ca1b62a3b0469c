"""The stack as an object and as a command."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from ordersaga.embedded import (
    FolderInUseError,
    PortTakenError,
    Stack,
    StackOptions,
    UnknownPartError,
    running_stack,
)
from ordersaga.embedded.environment import as_environment
from ordersaga.embedded.folders import birth_of, write_stack_file
from ordersaga.embedded.parts import Part, Step
from ordersaga.embedded.plan import stack_settings
from ordersaga.embedded.sockets import answers, free_ports
from ordersaga.settings import Settings
from tests.embedded.recording import RecordingReporter, tiny_part


def tiny_plan(options: StackOptions, settings: Settings, chosen: set[str]) -> list[Part | Step]:
    """Tiny parts on the product's ports."""
    names = [name for name in ("temporal", "worker", "api") if name in chosen]
    return [tiny_part(name, options.port("stripe" if name == "worker" else name)) for name in names]


def tiny_stack(data: Path, only: str = "temporal,worker,api", report: RecordingReporter | None = None) -> Stack:
    """A stack of tiny parts."""
    options = StackOptions(data=data, free_ports=True, only=frozenset(only.split(",")))
    return Stack(options, report=report, plan=tiny_plan)


async def test_a_running_stack_publishes_itself_privately(data: Path) -> None:
    """stack.json says where the parts are; it holds secrets, hence mode 0600; it goes with the stack."""
    async with tiny_stack(data) as stack:
        file = data / "stack.json"
        published = json.loads(file.read_text())
        assert published["urls"] == stack.urls
        assert published["parts"]["worker"]["pid"] == stack.pids["worker"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found = running_stack(data)
        assert found
        assert found.pids == stack.pids
        assert found.environment["ORDERSAGA_API_PORT"] == str(stack.settings.api_port)
    assert running_stack(data) is None


async def test_a_killed_part_comes_back_under_a_new_process(data: Path) -> None:
    """What tests and the demo do to prove recovery."""
    async with tiny_stack(data) as stack:
        before = dict(stack.pids)
        await stack.kill("worker")
        await stack.wait_ready("worker", 5)
        assert stack.restarts == {"temporal": 0, "worker": 1, "api": 0}
        published = json.loads((data / "stack.json").read_text())["parts"]
        assert published["worker"]["pid"] == stack.pids["worker"] != before["worker"]
        await stack.restart("api")
        assert stack.pids["api"] != before["api"]


async def test_two_supervisors_on_one_folder_are_refused(data: Path) -> None:
    """The second learns who holds the folder; the first goes on."""
    async with tiny_stack(data) as first:
        with pytest.raises(FolderInUseError, match=f"process {os.getpid()}.*--data"):
            await tiny_stack(data).start()
        assert await answers(first.settings.api_port)
        assert running_stack(data)
    async with tiny_stack(data):
        pass


async def test_a_taken_port_is_named_before_anything_starts(data: Path, report: RecordingReporter) -> None:
    """The error names the port, the option and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = StackOptions(
            data=data,
            only=frozenset({"temporal"}),
            temporal_port=free_ports(["temporal"])["temporal"],
            temporal_ui_port=port,
        )
        with pytest.raises(PortTakenError, match=rf"port {port} .*--temporal-ui-port or ORDERSAGA_TEMPORAL_UI_PORT"):
            await Stack(options, report=report, plan=tiny_plan).start()
    assert report.events == []


async def test_only_starts_only_those(data: Path, report: RecordingReporter) -> None:
    """--only and --without choose parts; unknown names are refused at once."""
    async with tiny_stack(data, only="api", report=report):
        assert report.names("ready") == ["api"]
    with pytest.raises(UnknownPartError, match="no part is called 'apis'"):
        tiny_stack(data, only="apis")


async def test_parts_left_over_by_a_dead_supervisor_are_stopped_first(data: Path, report: RecordingReporter) -> None:
    """Where the kernel does not end orphans, the next start does; a process that merely has the pid is spared."""
    data.mkdir(parents=True)
    orphan = psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    parts = {
        "worker": {"pid": orphan.pid, "born": birth_of(orphan.pid)},
        "api": {"pid": os.getpid(), "born": 1.0},
    }
    write_stack_file(data, {"parts": parts})
    async with tiny_stack(data, report=report):
        assert not orphan.is_running()
    assert report.names("noticed") == ["stopped worker, left over from a supervisor that died"]


def test_parts_run_elsewhere_keep_their_addresses(data: Path) -> None:
    """--without postgres: the database is the one of the settings."""
    base = Settings(database_url=SecretStr("postgresql://shop@db/ordersaga"), temporal_address="temporal:7233")
    settings = stack_settings(StackOptions(data=data, stripe_port=9001), {"temporal", "stripe"}, base)
    assert settings.database_url.get_secret_value() == "postgresql://shop@db/ordersaga"
    assert settings.temporal_address == "127.0.0.1:7233"
    assert settings.stripe_base_url == "http://127.0.0.1:9001"
    assert settings.easypost_base_url == "https://api.easypost.com"


def test_settings_survive_the_way_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part reads back exactly the supervisor's settings, secrets and durations included."""
    secret = SecretStr("sk_test_1")
    settings = Settings(api_port=9999, log_format="console", temporal_address="elsewhere:1", stripe_api_key=secret)
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
    assert Settings().stripe_api_key.get_secret_value() == "sk_test_1"


async def _command(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from ordersaga.cli import main; main()", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_up_stops_cleanly_on_sigterm_and_resumes(data: Path) -> None:
    """Real parts, twice on one folder: exit code 0, stopped within 10 s, nothing left running."""
    for _ in range(2):
        process = await _command("up", "--data", str(data), "--free-ports", "--only", "postgres,temporal")
        assert process.stdout
        async with asyncio.timeout(30):
            while b"logs" not in await process.stdout.readline():
                pass
        stack = running_stack(data)
        assert stack
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
        assert time.monotonic() - began < 10
        assert b"- temporal stopped" in output
        assert not [pid for pid in stack.pids.values() if psutil.pid_exists(pid)]


async def test_up_names_the_taken_port_and_ends_with_code_3(data: Path) -> None:
    """One line, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await _command("up", "--data", str(data), "--only", "postgres", "--postgres-port", str(port))
        _, errors = await process.communicate()
    assert process.returncode == 3
    assert errors.decode().startswith(f"ordersaga: port {port} for postgres is taken: free it, or choose another")
    assert errors.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [("up", "--only", "nothing"), ("up", "--api-port", "0"), ("no-such-command",)])
async def test_wrong_usage_ends_with_code_2(arguments: tuple[str, ...]) -> None:
    """No traceback, and something to learn from."""
    process = await _command(*arguments)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"Traceback" not in errors
    assert errors


def test_free_ports_are_different_and_out_of_the_kernels_hands() -> None:
    """A port of the kernel's own range could be given to another process before its part binds it."""
    names = [f"part-{number}" for number in range(20)]
    ports = set(free_ports(names).values())
    assert len(ports) == 20
    assert max(ports) < 32_768
