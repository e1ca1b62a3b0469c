"""`ordersaga worker`, `api` and `codec-server`: become one process of the product.

Settings come from the environment; what the environment does not say comes from the embedded stack that runs on
this machine, if one does: `ordersaga up --without worker` in one terminal, `ordersaga worker` in another.
"""

import os
import sys

import typer

from ordersaga.commands.local import local_stack


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(worker)
    app.command()(api)
    app.command("codec-server")(codec_server)


def worker() -> None:
    """Run a worker: it carries out the orders' workflows and activities."""
    _become("workers")


def api() -> None:
    """Run the HTTP API."""
    _become("ordersaga.api")


def codec_server() -> None:
    """Run the codec server: it shows Temporal's UI and command line what is encrypted, to operators and admins."""
    _become("ordersaga.codec_server")


def _become(module: str) -> None:
    stack = local_stack()
    environment = {**(stack.environment if stack else {}), **os.environ}
    os.execve(sys.executable, [sys.executable, "-m", module], environment)  # noqa: S606 - our own module
