"""One child process: how it is started so that it cannot outlive us, how it is stopped, what it last said."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
LARGEST_LOG = 20_000_000


@dataclass(frozen=True)
class Command:
    """What to run, as whom, how it is asked to stop, and by how much others go before it (`nice`)."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    user: tuple[int, int] | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    grace: float = 5.0
    nice: int = 0


async def spawn(command: Command, log: Path) -> asyncio.subprocess.Process:
    """Start `command` in its own session (a terminal's Ctrl-C is ours to pass on), writing to `log`."""
    _rotate(log)
    uid, gid = command.user or (None, None)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(command.environment),
            cwd=command.cwd,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            start_new_session=True,
            preexec_fn=_begin(command),
        )


def _begin(command: Command) -> Callable[[], None] | None:
    """A hook run in the child before its program; None: nothing to do. Only system calls are safe there."""
    hooks = [_die_with_parent(command.orphan_signal), partial(_give_way, command.nice) if command.nice else None]
    wanted = [hook for hook in hooks if hook]

    def begin() -> None:
        for hook in wanted:
            hook()

    return begin if wanted else None


def _give_way(nice: int) -> None:
    """Let others go first, inside and outside of the child's session.

    Linux weighs sessions against each other when it groups tasks by them (sched(7), autogroup): niceness alone then
    only counts inside one, and each of our children has its own.
    """
    ours = os.nice(nice)
    with contextlib.suppress(OSError):
        group = os.open("/proc/self/autogroup", os.O_WRONLY)
        os.write(group, b"%d" % ours)
        os.close(group)


def _die_with_parent(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    """A hook run in the child: the kernel signals it when we die. It makes two system calls and nothing else.

    "We" is the thread that starts the child: run the event loop in a thread that lives as long as the stack.
    """
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind


async def stop(process: asyncio.subprocess.Process, command: Command) -> None:
    """Ask the process to stop; after its grace, kill it. Whatever it left in its group goes too."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(command.stop_signal)
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), command.grace)
        except TimeoutError:
            kill_group(process.pid)
            await process.wait()
    kill_group(process.pid)


def kill_group(pid: int) -> None:
    """Kill what is left of the session that `pid` led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def freeze(pid: int) -> list[psutil.Process]:
    """Suspend a process and all that descend from it; the process itself first, so that it starts no more."""
    frozen: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        leader.suspend()
        frozen.append(leader)
        for child in leader.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.suspend()
                frozen.append(child)
    return frozen


def thaw(frozen: Iterable[psutil.Process]) -> None:
    """Let suspended processes go on."""
    for each in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.resume()


def describe_exit(returncode: int) -> str:
    """`stopped with exit code 1`, or `was killed (SIGKILL)`."""
    if returncode >= 0:
        return f"stopped with exit code {returncode}"
    return f"was killed ({signal.Signals(-returncode).name})"


def last_words(log: Path, most: int = 1) -> tuple[str, ...]:
    """The last lines a process wrote, for an error message."""
    if not log.exists():
        return ()
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000 * most))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return tuple(line.strip()[:500] for line in lines[-most:])


def in_words(line: str) -> str:
    """What a line of a log says was wrong; the line itself when it is no document of ours."""
    try:
        return str(json.loads(line)["error"])
    except (ValueError, TypeError, KeyError):
        return line


def _rotate(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
