"""Making a database ready for ordersaga: migrations, and the demo's API keys.

With `ordersaga.bootstrap` this is the only module outside the stores that may import them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from ordersaga.domain.errors import OrdersagaError
from ordersaga.embedded.errors import PartFailedError
from ordersaga.embedded.folders import write_private
from ordersaga.settings import Settings

if TYPE_CHECKING:
    from ordersaga.stores.api_keys import ApiKeys

ROLES: Final = ("checkout", "support", "operator")
KEYS_FILE: Final = "demo-keys.json"


async def prepare_database(settings: Settings, data: Path) -> str:
    """Migrate, and see to it that the demo keys work. Answers what was done, for the person waiting."""
    url = settings.database_url.get_secret_value()
    applied = await migrate_all(settings)
    keys = await ensure_demo_keys(url, data / KEYS_FILE)
    return f"{len(applied)} applied, {len(keys)} API keys" if applied else "up to date"


async def migrate_all(settings: Settings) -> list[str]:
    """Bring every database of the settings to this version; the names of the files applied now."""
    applied = await migrate_database(settings.database_url.get_secret_value())
    copies = settings.key_copies_url.get_secret_value()
    return [*applied, *(await migrate_copies(copies) if copies else [])]


async def migrate_database(database_url: str) -> list[str]:
    """Bring the database to this version; the names of the files applied now."""
    from ordersaga.stores.migrate import migrate

    try:
        return await migrate(database_url)
    except (OrdersagaError, asyncpg.PostgresError, OSError) as error:
        raise PartFailedError("migrations", f"failed: {error} (ORDERSAGA_DATABASE_URL names the database)") from error
    except ValueError as error:  # what an address that cannot be read holds may be a password: it is not repeated
        raise PartFailedError("migrations", "failed: ORDERSAGA_DATABASE_URL is no address of a database") from error


async def migrate_copies(database_url: str) -> list[str]:
    """Bring the database of the keys' copies to this version; the names of the files applied now."""
    from ordersaga.stores.key_copies import prepare_copies

    try:
        return await prepare_copies(database_url)
    except (OrdersagaError, asyncpg.PostgresError, OSError) as error:
        told = f"of the keys' copies failed: {error} (ORDERSAGA_KEY_COPIES_URL names their database)"
        raise PartFailedError("migrations", told) from error
    except ValueError as error:
        told = "of the keys' copies failed: ORDERSAGA_KEY_COPIES_URL is no address of a database"
        raise PartFailedError("migrations", told) from error


async def make_logins(settings: Settings, folder: Path) -> list[str]:
    """Give each kind of process its login, with the password of its file, at every database; their names."""
    from ordersaga.stores.logins import give_logins, read_passwords

    urls = (settings.database_url.get_secret_value(), settings.key_copies_url.get_secret_value())
    try:
        passwords = read_passwords(folder)
        return [name for url in urls if url for name in await give_logins(url, passwords)]
    except (OrdersagaError, asyncpg.PostgresError, OSError) as error:
        raise PartFailedError("logins", f"failed: {error}") from error


def read_demo_keys(data: Path) -> dict[str, str]:
    """The demo keys of a state folder by role; empty before the first start."""
    try:
        keys = json.loads((data / KEYS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {role: str(keys[role]) for role in ROLES if role in keys}


async def ensure_demo_keys(database_url: str, path: Path) -> dict[str, str]:
    """One working key for each role. The database keeps hashes; the plain text stays in `path`, mode 0600."""
    from ordersaga.stores.api_keys import ApiKeys
    from ordersaga.stores.pools import close_pool, create_pool

    keys = read_demo_keys(path.parent)
    pool = await create_pool(database_url, application_name="ordersaga-up", max_size=1)
    try:
        fresh = await _missing_keys(ApiKeys(pool), keys)
    finally:
        await close_pool(pool)
    if fresh:
        write_private(path, json.dumps(keys | fresh, indent=2) + "\n")
    return keys | fresh


async def _missing_keys(store: "ApiKeys", keys: Mapping[str, str]) -> dict[str, str]:
    """New keys for the roles whose key is unknown to the database, as after its folder was deleted."""
    return {
        role: await store.issue(role=role, name=f"demo {role}")
        for role in ROLES
        if role not in keys or await store.verify(keys[role]) is None
    }
