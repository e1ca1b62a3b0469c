"""`ordersaga recover`: after a restore, bring PostgreSQL and Temporal back into agreement.

Exit codes: 0 they agree; 1 a person is asked about some orders, or, of a dry run, there is something to do; 2 wrong
usage; 3 PostgreSQL or Temporal cannot be reached, or workers are at work.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import typer
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, ServiceClient
from temporalio.worker import Worker

from ordersaga.bootstrap import open_services
from ordersaga.client_errors import is_outage
from ordersaga.commands.errors import FAILED, PART_FAILED, CommandError
from ordersaga.commands.local import adopt_stack
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.commands.times import moment
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.recovering import Recovery
from ordersaga.recovery.recover import Recover
from ordersaga.settings import Settings, SettingsError, read_settings
from workers.__main__ import Duties, workers_of

NAME = "ordersaga-recover"
"""As PostgreSQL knows it: while it recovers, nobody else accepts orders."""
_AWAY = "start it, or correct ORDERSAGA_TEMPORAL_ADDRESS"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(recover)


def recover(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="AGE|TIME", help="Until when PostgreSQL remembers; found by itself if left out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """After a restore: write again what PostgreSQL forgot, start again what Temporal lost. Stop the workers first."""
    began = _since(since)
    _keep_stdout()
    try:
        done = asyncio.run(_recover(_settings(), began, dry_run=dry_run))
    except SettingsError as error:
        raise CommandError(str(error)) from None
    except OrdersagaError as error:
        raise CommandError(f"{error.code}: {error.message}", PART_FAILED) from None
    except (RPCError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_outage(error):
            raise
        told = str(error).partition("\n")[0]
        raise CommandError(f"Temporal does not answer: {told}; {_AWAY}", PART_FAILED) from None
    if as_json:
        show_json(done)
    else:
        _show(done)
    if not done.agrees:
        raise CommandError(_left(done), FAILED)


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    return moment(text, f"--since {text!r} is no age or time; write 90m, 24h, 7d, or 2026-03-01T08:00Z", ago=True)


def _settings() -> Settings:
    """Those of the environment; what it does not say, of the stack that runs on this machine."""
    adopt_stack()
    return read_settings()


async def _recover(settings: Settings, since: datetime | None, *, dry_run: bool) -> Recovery:
    async with open_services(settings, name=NAME) as services:

        async def workers() -> Sequence[Worker]:
            return workers_of(await _connected(services.orders.temporal), services, _DUTIES)

        recovery = Recover(services, workers, _tell, since)
        return await (recovery.foretell() if dry_run else recovery.run())


async def _connected(lazy: Client) -> Client:
    """The same client for workers, which take none that connects at its first call."""
    known = lazy.config()
    known["service_client"] = await ServiceClient.connect(replace(lazy.service_client.config, lazy=False))
    return Client(**known)


def _keep_stdout() -> None:
    """The SDK's core writes its log on stdout; what cannot be read is told as a deed."""
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)), error_if_already_set=False)


_DUTIES = Duties(roles=("orders", "lanes"), lanes=("*",))


def _tell(text: str) -> None:
    typer.echo(text, err=True)


def _show(done: Recovery) -> None:
    rows = ((deed.subject, deed.what.replace("_", " "), deed.detail) for deed in done.deeds)
    show_table("Would be done" if done.dry_run else "Done", ("order", "what", "detail"), rows)
    asked = sum(deed.what == "asked" for deed in done.deeds)
    typer.echo(f"{done.compared} sagas compared, {len(done.deeds) - asked} deeds, {asked} differences left to a person")


def _left(done: Recovery) -> str:
    if done.dry_run:
        return "nothing was done: stop API and workers, then run it without --dry-run"
    asked = sum(deed.what == "asked" for deed in done.deeds)
    return f"{asked} could not be brought into agreement; answer: ordersaga attention list --kind recovery"
