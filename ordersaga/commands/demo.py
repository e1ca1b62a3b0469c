"""`ordersaga demo`: orders that meet every misfortune, on a stack of their own, and the books laid beside the facts."""

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ordersaga.catalog_csv import CsvFileError
from ordersaga.commands.errors import FAILED, PART_FAILED, USAGE, CommandError
from ordersaga.commands.progress import ConsoleReporter, show_addresses, show_start, told_of_stack
from ordersaga.demo.chaos import KILLABLE, Ground
from ordersaga.demo.companies import DemoError
from ordersaga.demo.pace import measured
from ordersaga.demo.run import Plan, read_plan, running, show
from ordersaga.demo.view import show_outcomes, show_summary
from ordersaga.domain.errors import OrdersagaError
from ordersaga.embedded import OptionsError, StackError
from ordersaga.embedded.stack import forget
from ordersaga.http_client import ApiError, ApiUnreachableError
from ordersaga.settings import SettingsError

EXAMPLES: Final = Path("examples")
CATALOGS: Final = (EXAMPLES / "catalog.csv", EXAMPLES / "network.csv")
INTERRUPTED: Final = 130
_CATALOGS: Final = f"Catalog file, as often as needed; {' and '.join(map(str, CATALOGS))} when none is named."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    data: Annotated[Path | None, typer.Option(help="Folder to keep everything in.", show_default=False)] = None,
    catalog: Annotated[list[Path] | None, typer.Option(help=_CATALOGS, show_default=False)] = None,
    orders: Annotated[Path, typer.Option(help="Orders file.")] = EXAMPLES / "orders.csv",
    quick: Annotated[bool, typer.Option("--quick", help="One order of each of the main scenarios.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up until Ctrl-C.")] = False,
    kill: Annotated[str, typer.Option(metavar="PART,PART", help="Kill these with SIGKILL, once each.")] = "",
    restart: Annotated[bool, typer.Option("--restart", help="Stop the whole stack midway, start it again.")] = False,
    seed: Annotated[int, typer.Option(help="Shuffles the orders.")] = 1,
    slowness: Annotated[
        float | None, typer.Option(min=1, metavar="TIMES", help="How slow this machine is; measured if left out.")
    ] = None,
) -> None:
    """Start a stack, place every order of a file, wait for the ends and check the books against what happened.

    Exit code 1 on any difference, any order without a final status, or any unexpected outcome; of the latter only a
    told line where parts were killed or restarted, since a scenario may then meet a real time limit.
    """
    plan = Plan(
        data=data or Path(),
        quick=quick,
        kills=_parts(kill),
        restart=restart,
        seed=seed,
        slowness=_slowness(slowness),
        catalogs=tuple(map(_read, catalog or CATALOGS)),
        orders=_read(orders),
    )
    _check(plan, orders)
    if data is None:
        plan = replace(plan, data=Path(tempfile.mkdtemp(prefix="ordersaga-demo-")))
    try:
        good = asyncio.run(_run(plan, keep))
    except asyncio.CancelledError:
        _remove(plan.data, temporary=data is None)
        raise CommandError("interrupted", INTERRUPTED) from None
    if not good:
        told = f"see the lines marked with ✗; logs and databases are in {plan.data} (ordersaga stack-clean --data)"
        raise CommandError(f"the demo found what should not be: {told}", FAILED)
    _remove(plan.data, temporary=data is None)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}; name it with --catalog or --orders", USAGE) from None


def _slowness(given: float | None) -> float:
    if given is not None and not isfinite(given):
        raise CommandError(f"--slowness {given}: give a number of times, such as 5", USAGE)
    return given or measured()


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in parts if name not in KILLABLE]:
        raise CommandError(f"--kill: no part is called {unknown[0]!r}; use {', '.join(KILLABLE)}", USAGE)
    return parts


def _check(plan: Plan, orders: Path) -> None:
    """Refuse bad files before anything is started."""
    try:
        read_plan(plan)
    except CsvFileError as error:
        told = "\n".join([f"{orders} or its catalog was refused, nothing was placed:", *map(str, error.problems)])
        raise CommandError(told, USAGE) from error


async def _run(plan: Plan, keep: bool) -> bool:
    console = Console()
    if plan.slowness > 1:
        told = f"This machine is {plan.slowness:.1f} times slower than usual: so much longer everything may take."
        console.print(told, highlight=False, soft_wrap=True)
    play = asyncio.current_task()
    assert play is not None, "a coroutine runs in a task"
    _on_signals(play.cancel)
    show_start(console, plan.data)
    try:
        async with running(plan, ConsoleReporter(console)) as ground:
            result = await show(plan, ground, console)
            show_outcomes(console, result)
            if keep:
                show_summary(console, result)
                await _keep(ground, console)
    except (SettingsError, OptionsError) as error:
        raise CommandError(str(error), USAGE) from None
    except StackError as error:
        raise CommandError(told_of_stack(error), PART_FAILED) from None
    except (DemoError, ApiError, ApiUnreachableError, OrdersagaError) as error:
        told = error.told() if isinstance(error, ApiError) else str(error)
        raise CommandError(f"{told}; logs are in {plan.data / 'logs'}", PART_FAILED) from None
    show_summary(console, result)
    return result.good


def _on_signals(stop: Callable[[], object]) -> None:
    """Call `stop` at Ctrl-C and SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


async def _keep(ground: Ground, console: Console) -> None:
    """Leave the stack up until somebody stops it."""
    stopped = asyncio.Event()
    _on_signals(stopped.set)
    show_addresses(console, ground.stack)
    told = f'eval "$(ordersaga env --data {shlex.quote(str(ground.stack.data.absolute()))})"'
    console.print(f"Find it from a second terminal: {told}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"The stack stays up. Stop it with Ctrl-C, or from elsewhere: kill {os.getpid()}", highlight=False)
    await stopped.wait()


def _remove(data: Path, *, temporary: bool) -> None:
    """A temporary folder goes when all is well; what went wrong can be looked into."""
    if temporary:
        forget(data)
        shutil.rmtree(data, ignore_errors=True)
