"""The supervisor with real, tiny processes."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ordersaga.embedded import watch
from ordersaga.embedded.errors import PartFailedError, UnknownPartError
from ordersaga.embedded.parts import Part, Step, choose
from ordersaga.embedded.sockets import answers, free_ports
from ordersaga.embedded.supervisor import Supervisor
from tests.embedded.recording import RecordingReporter, tiny_part

Make = Callable[..., Supervisor]


@pytest.fixture
async def make(tmp_path: Path, report: RecordingReporter) -> AsyncIterator[Make]:
    """Builds supervisors that are stopped afterwards."""
    made: list[Supervisor] = []

    def build(*plan: Part | Step) -> Supervisor:
        made.append(Supervisor(plan, tmp_path / "logs", report))
        return made[-1]

    yield build
    for supervisor in made:
        await supervisor.stop()


@pytest.fixture
def ports() -> dict[str, int]:
    """Free ports."""
    return free_ports(("first", "second", "third"))


async def test_parts_start_after_what_they_need_and_stop_before_it(
    make: Make, ports: dict[str, int], report: RecordingReporter
) -> None:
    """A step runs once its needs answer; stopping goes the other way."""

    async def migrate() -> str:
        assert await answers(ports["first"])
        return "done"

    supervisor = make(
        tiny_part("api", ports["second"], needs=("migrations",)),
        Step("migrations", migrate, needs=("database",)),
        tiny_part("database", ports["first"]),
    )
    await supervisor.start()
    assert report.names("ready") == ["database", "migrations", "api"]
    await supervisor.stop()
    assert report.names("stopped") == ["api", "database"]
    assert not await answers(ports["first"])


async def test_a_killed_part_is_restarted_at_once(make: Make, ports: dict[str, int], report: RecordingReporter) -> None:
    """kill -9 is noticed, told in one line, and repaired within a second or two; other parts are left alone."""
    supervisor = make(tiny_part("worker", ports["first"]), tiny_part("api", ports["second"]))
    await supervisor.start()
    before = supervisor.describe()
    began = time.monotonic()
    supervisor.kill("worker")
    await supervisor.wait_ready("worker", 5)
    assert time.monotonic() - began < 3
    after = supervisor.describe()
    assert after["worker"]["pid"] != before["worker"]["pid"]
    assert after["worker"]["restarts"] == 1
    assert after["api"] == before["api"]
    assert report.deaths == ["worker was killed (SIGKILL), restarting in 0 s"]


async def test_a_part_keeps_its_niceness_when_it_is_restarted(make: Make, ports: dict[str, int]) -> None:
    """Others go before it in its second life too."""
    part = tiny_part("worker", ports["first"])
    supervisor = make(replace(part, command=replace(part.command, nice=3)))
    await supervisor.start()
    wanted = min(os.nice(0) + 3, 19)
    for _ in range(2):
        pid = supervisor.describe()["worker"]["pid"]
        assert psutil.Process(pid).nice() == wanted
        assert _session_niceness(pid) in (wanted, None)
        supervisor.kill("worker")
        await supervisor.wait_ready("worker", 10)


def _session_niceness(pid: int) -> int | None:
    """What its session weighs beside others; None where the system does not group tasks by sessions."""
    group = Path(f"/proc/{pid}/autogroup")
    return int(group.read_text().split()[-1]) if group.exists() else None


async def test_a_part_that_keeps_dying_is_restarted_more_slowly(
    make: Make, ports: dict[str, int], report: RecordingReporter
) -> None:
    """The delay grows, and stays bounded."""
    supervisor = make(tiny_part("worker", ports["first"]))
    await supervisor.start()
    for _ in range(3):
        supervisor.kill("worker")
        await supervisor.wait_ready("worker", 5)
    assert [line.rsplit("in ", 1)[1] for line in report.deaths] == ["0 s", "0.3 s", "0.6 s"]


async def test_a_halted_part_stays_down_until_resumed(make: Make, ports: dict[str, int]) -> None:
    """An outage on purpose is no crash."""
    supervisor = make(tiny_part("stripe", ports["first"]))
    await supervisor.start()
    await supervisor.halt("stripe")
    await asyncio.sleep(0.3)
    assert not await answers(ports["first"])
    await supervisor.resume("stripe")
    assert await answers(ports["first"])


async def test_a_part_that_cannot_start_stops_the_rest_and_says_why(
    make: Make, ports: dict[str, int], report: RecordingReporter
) -> None:
    """The error names the part, its last words and its log; nothing is left running."""
    supervisor = make(
        tiny_part("database", ports["first"]), tiny_part("api", ports["second"], needs=("database",), mode="broken")
    )
    with pytest.raises(PartFailedError, match=r"^api stopped with exit code 1 .*flux capacitor.*api\.log$"):
        await supervisor.start()
    assert not await answers(ports["first"])


async def test_what_a_part_said_last_stands_beside_its_failure(make: Make, ports: dict[str, int]) -> None:
    """Several lines of its log, for the person who would read it next."""
    part = tiny_part("api", ports["first"], mode="broken")
    shouting = replace(part.command, argv=["sh", "-c", 'for n in 1 2 3; do echo "line $n"; done; exit 4'])
    with pytest.raises(PartFailedError, match="exit code 4") as failed:
        await make(replace(part, command=shouting)).start()
    assert failed.value.said == ("line 1", "line 2", "line 3")


async def test_a_part_that_is_slow_is_told_of_while_it_is_waited_for(
    make: Make, ports: dict[str, int], report: RecordingReporter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Again and again, with its log; the failure says how long it was waited for."""
    monkeypatch.setattr(watch, "TELL_EVERY", 0.4)
    supervisor = make(replace(tiny_part("api", ports["first"], mode="silent"), ready_timeout=1.1))
    with pytest.raises(PartFailedError, match=r"^api did not answer within 1\.1 s"):
        await supervisor.start()
    log = tmp_path / "logs" / "api.log"
    assert report.names("noticed") == [f"api does not answer after {told} s; its log is {log}" for told in (0, 1)]


async def test_a_program_that_is_not_there_is_a_failure_of_its_part(make: Make, ports: dict[str, int]) -> None:
    """It names the part and the program."""
    part = tiny_part("api", ports["first"])
    missing = replace(part, command=replace(part.command, argv=["/nowhere/api"]))
    with pytest.raises(PartFailedError, match=r"^api cannot be started: .*/nowhere/api"):
        await make(missing).start()


async def test_a_part_that_does_not_come_back_in_time_is_named(make: Make, ports: dict[str, int]) -> None:
    """Whoever waits for it hears which part, and where its log is."""
    supervisor = make(tiny_part("api", ports["first"]))
    await supervisor.start()
    await supervisor.halt("api")
    with pytest.raises(PartFailedError, match=r"^api did not answer within 0\.2 s.*api\.log"):
        await supervisor.wait_ready("api", 0.2)


async def test_a_start_that_fails_for_what_passes_is_tried_again(
    make: Make, ports: dict[str, int], tmp_path: Path
) -> None:
    """A lasting failure is told after a few tries; only the words that are known to pass count."""
    part = replace(tiny_part("api", ports["first"], mode="broken"), passes="flux capacitor")
    with pytest.raises(PartFailedError, match="flux capacitor"):
        await make(part).start()
    assert (tmp_path / "logs" / "api.log").read_text().count("flux capacitor") == 4


async def test_a_part_that_never_answers_fails_the_start(make: Make, ports: dict[str, int]) -> None:
    """Running is not ready."""
    supervisor = make(tiny_part("api", ports["first"], mode="silent"))
    with pytest.raises(PartFailedError, match="api did not answer within 3 s"):
        await supervisor.start()


async def test_a_part_that_ignores_the_request_to_stop_is_killed(make: Make, ports: dict[str, int]) -> None:
    """Stopping is bounded."""
    supervisor = make(tiny_part("worker", ports["first"], mode="stubborn", grace=0.5))
    await supervisor.start()
    began = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - began < 2
    assert not await answers(ports["first"])


async def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path, ports: dict[str, int]) -> None:
    """kill -9 of the supervisor leaves no process behind."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from ordersaga.embedded.supervisor import Supervisor\n"
        "from tests.embedded.recording import RecordingReporter, tiny_part\n"
        "async def main():\n"
        f"    part = tiny_part('worker', {ports['first']}, mode='stubborn')\n"
        "    supervisor = Supervisor([part], Path(sys.argv[1]), RecordingReporter())\n"
        "    await supervisor.start()\n"
        "    print(supervisor.describe()['worker']['pid'], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert parent.stdout
    child = psutil.Process(int(await parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    child.wait(timeout=5)
    assert not await answers(ports["first"])


def test_choosing_parts() -> None:
    """--only and --without take names and groups; an unknown name is refused with the known ones."""
    known = ("postgres", "temporal", "stripe", "shipbob", "easypost", "worker")
    assert choose(known, (), ()) == set(known)
    assert choose(known, ("emulators",), ("easypost",)) == {"stripe", "shipbob"}
    assert choose(known, (), ("emulators", "worker")) == {"postgres", "temporal"}
    with pytest.raises(UnknownPartError, match="no part is called 'redis'; the parts are postgres, temporal"):
        choose(known, ("redis",), ())
