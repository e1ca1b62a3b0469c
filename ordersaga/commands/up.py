"""`ordersaga up`: run the embedded stack until Ctrl-C."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from ordersaga.commands.errors import PART_FAILED, USAGE, CommandError
from ordersaga.commands.progress import ConsoleReporter, show_addresses, show_start, told_of_stack
from ordersaga.embedded import OptionsError, Stack, StackError, StackOptions, UnknownPartError, read_options
from ordersaga.embedded.options import FURTHER, default_data_folder
from ordersaga.embedded.plan import PARTS
from ordersaga.settings import SettingsError

Port = Annotated[int | None, typer.Option(min=1, max=65535, show_default=False)]
_HOME: Final = str(default_data_folder()).replace(str(Path.home()), "~")
DataFolder = Annotated[
    Path | None, typer.Option(help=f"Folder of databases, logs and keys. Default: {_HOME}", show_default=False)
]
_LIST: Final = "PART,PART"
_PARTS: Final = ", ".join(PARTS)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def up(
    data: DataFolder = None,
    only: Annotated[str | None, typer.Option(metavar=_LIST, help=f"Start nothing but these: {_PARTS}.")] = None,
    without: Annotated[str | None, typer.Option(metavar=_LIST, help="Leave these out: they run elsewhere.")] = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Take any free ports.")] = False,
    apis: Annotated[int | None, typer.Option(help="API processes; the second on the port after the first's.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
    all_companies: Annotated[
        bool, typer.Option("--all-companies", help=f"Emulate these too, with accounts there: {', '.join(FURTHER)}.")
    ] = False,
    nice_background: Annotated[
        int | None,
        typer.Option(help="Niceness (0 to 19) of all but API and database: on a small machine, answers first."),
    ] = None,
    time_scale: Annotated[float | None, typer.Option(help="Speed of the emulated companies' clocks.")] = None,
    ready_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long a part may take to become ready; 600.")
    ] = None,
    api_port: Port = None,
    postgres_port: Port = None,
    temporal_port: Port = None,
    temporal_ui_port: Port = None,
    stripe_port: Port = None,
    shipbob_port: Port = None,
    easypost_port: Port = None,
    newegg_port: Port = None,
    amazon_mcf_port: Port = None,
    ups_port: Port = None,
    courier_port: Port = None,
    tiktok_shop_port: Port = None,
    stall_port: Port = None,
) -> None:
    """Run PostgreSQL, Temporal, the emulated companies, a worker and the API until Ctrl-C.

    Everything is kept in one folder: starting again resumes every order. A part that dies is restarted.
    """
    given = {**locals(), "only": _names(only), "without": _names(without), "free_ports": free_ports or None}
    given["all_companies"] = all_companies or None
    asyncio.run(_run(_options(given)))


def _names(text: str | None) -> frozenset[str] | None:
    return frozenset(name.strip() for name in text.split(",") if name.strip()) if text else None


def _options(given: dict[str, Any]) -> StackOptions:
    """Options from the command line over those from the environment."""
    try:
        return read_options(**{name: value for name, value in given.items() if value is not None})
    except OptionsError as error:
        raise CommandError(f"{error} (an option of `ordersaga up`, or of the environment)", USAGE) from None


async def _run(options: StackOptions) -> None:
    console = Console()
    try:
        stack = Stack(options, report=ConsoleReporter(console))
        interrupted = _on_signals()
        show_start(console, stack.data)
        if await _started(stack, interrupted):
            show_addresses(console, stack)
            await interrupted.wait()
        await stack.stop()
    except (SettingsError, UnknownPartError) as error:
        raise CommandError(str(error), USAGE) from None
    except StackError as error:
        raise CommandError(told_of_stack(error), PART_FAILED) from None


def _on_signals() -> asyncio.Event:
    """An event set by Ctrl-C or SIGTERM."""
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    return interrupted


async def _started(stack: Stack, interrupted: asyncio.Event) -> bool:
    """Start the stack; False if the person changed their mind meanwhile."""
    start = asyncio.create_task(stack.start())
    interruption = asyncio.create_task(interrupted.wait())
    await asyncio.wait((start, interruption), return_when=asyncio.FIRST_COMPLETED)
    interruption.cancel()
    if interrupted.is_set():
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        return False
    await start
    return True
