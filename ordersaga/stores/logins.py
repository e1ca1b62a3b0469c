"""Gives each kind of process its login, with the password of a file: what PostgreSQL is told opens nothing."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.roles import LOGINS, login_of, making_login

# Any fixed number: two that change a role at once refuse each other.
_LOCK: Final = 7_305_041_904
_ROUNDS: Final = 4096
"""As PostgreSQL itself does; the passwords are not a person's."""


def read_passwords(folder: Path) -> dict[str, str]:
    """Passwords by the kind of process, a file each, called as the kind is. Raises OperatorError `no_passwords`."""
    found = {kind: (folder / kind).read_text(encoding="utf-8").strip() for kind in LOGINS if (folder / kind).is_file()}
    if not found or not all(password.isascii() and password.isprintable() and password for password in found.values()):
        told = f"{folder} needs a file with a password for each kind of process ({', '.join(LOGINS)}), in ASCII"
        raise OperatorError("no_passwords", told)
    return found


async def give_logins(database_url: str, passwords: Mapping[str, str]) -> list[str]:
    """Make the logins that are not there, and give all these their passwords; returns their names.

    Raises OperatorError `roles_missing` when this login may not.
    """
    connection = await asyncpg.connect(database_url, server_settings={"application_name": "ordersaga-migrate"})
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            for kind, password in passwords.items():
                await connection.execute(making_login(kind))
                await connection.execute(f"ALTER ROLE {login_of(kind)} LOGIN PASSWORD '{_verifier(password)}'")
    except asyncpg.InsufficientPrivilegeError as error:
        told = f"this login makes no others ({error}): let an administrator run what `ordersaga db roles` prints"
        raise OperatorError("roles_missing", told) from error
    finally:
        await connection.close()
    return [login_of(kind) for kind in passwords]


def _verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (SCRAM-SHA-256, RFC 5803): neither it nor its log hears the password."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    told = [base64.b64encode(each).decode() for each in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ROUNDS}:{told[0]}${told[1]}:{told[2]}"
