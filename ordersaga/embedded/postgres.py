"""The embedded PostgreSQL: a real server with fsync on, a child in the foreground, on 127.0.0.1 only.

It runs without pg_ctl, so that the death of the postmaster is seen at once and crash recovery starts at once.
Logins need the generated password in `<data>/postgres-password`: other users of this machine cannot log in.
"""

import asyncio
import secrets
import shutil
import signal
from pathlib import Path
from typing import Final

import asyncpg

from ordersaga.embedded.errors import PartFailedError
from ordersaga.embedded.folders import write_private
from ordersaga.embedded.parts import Part
from ordersaga.embedded.postgres_home import PostgresHome, prepare_home
from ordersaga.embedded.process import Command
from ordersaga.embedded.sockets import HOST, answers

USER: Final = "ordersaga"
DATABASE: Final = "ordersaga"
LOGIN_WITHIN: Final = 30.0
SERVER_SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
}
ENVIRONMENT: Final = {"LANG": "C", "LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def postgres_part(data: Path, port: int) -> Part:
    """PostgreSQL on `port`, with its databases belonging to the state folder `data`."""
    home = prepare_home(data)
    url = database_url(data, port)

    async def prepare() -> None:
        await _ensure_cluster(home, password(data))

    async def ready(_pid: int) -> bool:
        return await answers(port) and await _ensure_database(url)

    return Part(name="postgres", command=_server(home, port), ready=ready, prepare=prepare, detail=f"{HOST}:{port}")


def database_url(data: Path, port: int) -> str:
    """The URI of ordersaga's database, for asyncpg and psql."""
    return f"postgresql://{USER}:{password(data)}@{HOST}:{port}/{DATABASE}"


def password(data: Path) -> str:
    """The password of this state folder's databases, made up on first use."""
    file = data / "postgres-password"
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True)
        write_private(file, secrets.token_urlsafe(18))
    return file.read_text(encoding="utf-8")


def _server(home: PostgresHome, port: int) -> Command:
    settings = {**SERVER_SETTINGS, "port": str(port)}
    return Command(
        argv=[
            home.program("postgres"),
            *("-D", str(home.cluster)),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ],
        environment=ENVIRONMENT,
        user=home.user,
        cwd=home.folder,
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
    )


async def _ensure_cluster(home: PostgresHome, secret: str) -> None:
    """Create the cluster beside its place and rename it: a half-made cluster is never taken for a whole one."""
    if home.cluster.exists():
        return
    draft, secret_file = home.folder / "cluster.new", home.folder / "initial-password"
    shutil.rmtree(draft, ignore_errors=True)
    write_private(secret_file, secret)
    home.give(secret_file)
    try:
        await _initdb(home, draft, secret_file)
    finally:
        secret_file.unlink()
    draft.rename(home.cluster)


async def _initdb(home: PostgresHome, draft: Path, secret_file: Path) -> None:
    uid, gid = home.user or (None, None)
    process = await asyncio.create_subprocess_exec(
        home.program("initdb"),
        *("-D", str(draft), "--username", USER, "--pwfile", str(secret_file)),
        *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=ENVIRONMENT,
        cwd=home.folder,
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
    )
    output = await _output_of(process)
    if process.returncode != 0:
        said = output.decode(errors="replace").strip().splitlines()
        raise PartFailedError("postgres", f"could not create its databases: {said[-1] if said else 'initdb failed'}")


async def _output_of(process: asyncio.subprocess.Process) -> bytes:
    """All that a process says; it does not outlive our interest in it."""
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return output


async def _ensure_database(url: str) -> bool:
    """Whether the server takes logins, the database being there (or created now)."""
    try:
        connection = await asyncpg.connect(url, timeout=LOGIN_WITHIN)
    except asyncpg.InvalidCatalogNameError:
        return await _create_database(url)
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, TimeoutError):
        return False
    except asyncpg.PostgresError as error:
        told = f"does not let us in: {error}; postgres-password of the state folder is not its password any more"
        raise PartFailedError("postgres", told) from error
    await connection.close()
    return True


async def _create_database(url: str) -> bool:
    """As above; one that was created by an attempt that was cut off is found by the next."""
    try:
        connection = await asyncpg.connect(url.removesuffix(DATABASE) + "postgres", timeout=LOGIN_WITHIN)
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, TimeoutError):
        return False
    try:
        await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()
    return True
