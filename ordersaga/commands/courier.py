"""`ordersaga courier check`: does a server offer the private delivery API as it is published (docs/courier-api.md)?

Exit codes: 0 nothing failed; 1 a check failed; 2 wrong usage, or nobody answers under the URL.
"""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Final

import typer
from rich.console import Console
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.local import checked_url, fits_header
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.courier_check import CourierUnreachableError, Outcome, Report, Target, check_courier, names
from ordersaga.courier_check.listener import CannotListenError, Listener, listening

_COLUMNS: Final = ("check", "outcome", "rule", "reason")

app = typer.Typer(help="Private delivery networks: check a courier's server.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="courier")


@app.callback()
def _keep_command_names() -> None:
    """Without a callback, typer would drop the name of an only command."""


@app.command()
def check(
    url: Annotated[str, typer.Argument(help="Of the courier's sandbox, without /v1.")],
    key: Annotated[str, typer.Option(envvar="ORDERSAGA_COURIER_KEY", help="A sandbox key.", show_default=False)],
    secret: Annotated[
        str, typer.Option(envvar="ORDERSAGA_COURIER_SECRET", help="Of webhooks, whsec_....", show_default=False)
    ] = "",
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the courier sends webhooks; needs --secret.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Repeatable: by name; all if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Book, void, turn around and follow parcels in a sandbox, and see that everything is as published."""
    if listen and not secret:
        raise CommandError("--listen needs --secret: without it no signature can be verified", USAGE)
    if unknown := set(only or ()) - set(names()):
        raise CommandError(f"--only: no check {', '.join(sorted(unknown))}; there are: {', '.join(names())}", USAGE)
    target = Target(url=checked_url("URL", url), key=_sendable(key), secret=_readable(secret))
    try:
        with _door(listen) as listener, Console(stderr=True).status("checking") as status:
            report = asyncio.run(check_courier(target, listener, only=only or (), tell=status.update))
    except (CourierUnreachableError, CannotListenError) as error:
        raise CommandError(str(error), USAGE) from error
    _show(report, as_json)
    if not report.good:
        raise typer.Exit(FAILED)


def _sendable(key: str) -> str:
    if not fits_header(key):
        raise CommandError("--key / ORDERSAGA_COURIER_KEY: a key is ASCII; give it as the courier issued it", USAGE)
    return key


def _readable(secret: str) -> str:
    """A secret that signatures can be verified with; the message does not repeat it."""
    try:
        if secret:
            Webhook(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise CommandError("--secret is none of Standard Webhooks: whsec_ and base64", USAGE) from error
    return secret


def _door(listen: str | None) -> AbstractContextManager[Listener | None]:
    if listen is None:
        return nullcontext()
    host, _, port = listen.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise CommandError(f"--listen {listen!r} is no address; write 0.0.0.0:9000", USAGE)
    return listening(host, int(port))


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        show_json(report)
        return
    show_table(report.url, _COLUMNS, [(each.name, each.outcome, each.rule, each.reason) for each in report.results])
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome)
    typer.echo(f"{counts} in {report.calls} calls")
