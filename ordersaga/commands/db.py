"""`ordersaga db`: what an administrator of PostgreSQL does once, so that no process may do more than it must."""

from typing import Annotated

import typer

from ordersaga.bootstrap import LOGINS, making_login, making_roles

db = typer.Typer(help="The database's roles", no_args_is_help=True)

Owner = Annotated[str, typer.Option(help="the login that migrates: it owns the tables")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(db, name="db")


@db.command()
def roles(owner: Owner = "ordersaga") -> None:
    """Print the SQL that makes the roles and a login for each kind of process, for psql. Safe to run again."""
    typer.echo("-- Once for each server, as an administrator, before the first `ordersaga migrate`.")
    typer.echo("\n".join(f"{statement};" for statement in making_roles(owner)))
    typer.echo("-- A login for each kind of process; give it a password: \\password NAME")
    typer.echo("\n".join(f"{making_login(kind)};" for kind in LOGINS))
