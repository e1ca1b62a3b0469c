"""What looks into a database by itself, without the outside companies: migrations, keys, the trail, the ledgers.

`ordersaga.bootstrap` passes these names on, but for those of the codec server, which knows no company.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ordersaga.domain.ledgers import Ledgers
from ordersaga.privacy.key_ring import KeyRing
from ordersaga.settings import NEEDS, Settings, require_credentials
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.checkup import require_migrations
from ordersaga.stores.codec_reads import CodecRead, CodecReads
from ordersaga.stores.encryption import PostgresEncryption
from ordersaga.stores.heard import Heard
from ordersaga.stores.key_copies import opened_keys
from ordersaga.stores.ledgers import PostgresLedgers
from ordersaga.stores.migrate import migrate
from ordersaga.stores.order_keys import OrderKeys, listening_ring
from ordersaga.stores.people import TOKEN_PREFIX, People
from ordersaga.stores.pools import opened_pool
from ordersaga.stores.retention import PostgresRetention
from ordersaga.stores.vault import vault_of

POOL_SIZE: Final = 20
CODEC: Final = "ordersaga-codec"
"""The codec server, as PostgreSQL shows it."""


@dataclass(frozen=True)
class CodecServices:
    """All that the codec server is built from. `key_ring`: None where nothing is encrypted."""

    settings: Settings
    heard: Heard
    api_keys: ApiKeys
    people: People
    codec_reads: CodecReads
    key_ring: KeyRing | None


@asynccontextmanager
async def open_codec_services(settings: Settings) -> AsyncIterator[CodecServices]:
    """Who may read, what was read, and the orders' keys, of which it makes none.

    Raises:
        SettingsError: for a place for copies without master keys.
        RetryError: `database_lost`, when PostgreSQL cannot be reached.
        OperatorError: `database_not_migrated`; one of `stores.encryption.REFUSALS` for master keys that are not those
            on record.
    """
    require_credentials(settings, NEEDS["codec"])
    async with (
        opened_pool(settings.database_url.get_secret_value(), CODEC, max_size=POOL_SIZE) as pool,
        opened_keys(pool, settings.key_copies_url.get_secret_value()) as keys,
    ):
        await require_migrations(pool)
        heard = Heard(pool)
        ring = listening_ring(keys, settings.master_keys(), heard)
        await PostgresEncryption(pool).require(ring, CODEC, begins=False)
        people = People(pool, settings.session_limits)
        yield CodecServices(settings, heard, ApiKeys(pool, heard), people, CodecReads(pool), ring)


async def prepare_database(settings: Settings) -> list[str]:
    """Bring the database to this version; returns the migrations applied now."""
    return await migrate(settings.database_url.get_secret_value())


async def issue_api_key(settings: Settings, role: str, name: str, seller: str | None = None) -> str:
    """Make an API key with one of the roles of `ordersaga.api.access`; its plain text is shown only here."""
    async with open_api_keys(settings.database_url.get_secret_value()) as keys:
        return await keys.issue(role, name, seller)


@asynccontextmanager
async def open_api_keys(database_url: str) -> AsyncIterator[ApiKeys]:
    """The API keys of a database."""
    async with opened_pool(database_url, "ordersaga-keys") as pool:
        yield ApiKeys(pool)


@asynccontextmanager
async def open_audit_trail(database_url: str) -> AsyncIterator[PostgresAuditTrail]:
    """The audit trail of a database. Statements take what time they need: nobody waits for them.

    Two connections: who archives holds a lock while it reads.
    """
    async with opened_pool(database_url, "ordersaga-audit", max_size=2, statement_timeout=timedelta(hours=1)) as pool:
        yield PostgresAuditTrail(pool)


@asynccontextmanager
async def open_key_rotation(settings: Settings) -> AsyncIterator[tuple[KeyRing, OrderKeys]]:
    """The orders' keys of a deployment that has master keys, with where they are kept."""
    masters = settings.master_keys()
    assert masters is not None, "nothing is encrypted without master keys"
    async with (
        opened_pool(settings.database_url.get_secret_value(), "ordersaga-keys", max_size=2) as pool,
        opened_keys(pool, settings.key_copies_url.get_secret_value()) as keys,
    ):
        yield KeyRing(keys, masters), keys


@asynccontextmanager
async def open_encryption(settings: Settings) -> AsyncIterator[tuple[PostgresEncryption, KeyRing | None]]:
    """Whether a deployment encrypts, and its orders' keys where the settings have master keys."""
    masters = settings.master_keys()
    async with (
        opened_pool(settings.database_url.get_secret_value(), "ordersaga-keys", max_size=2) as pool,
        opened_keys(pool, settings.key_copies_url.get_secret_value()) as keys,
    ):
        yield PostgresEncryption(pool), KeyRing(keys, masters) if masters is not None else None


@asynccontextmanager
async def open_retention(database_url: str) -> AsyncIterator[PostgresRetention]:
    """What forgets what a database need not keep."""
    async with opened_pool(database_url, "ordersaga-retention") as pool:
        yield PostgresRetention(pool)


async def read_ledgers(settings: Settings) -> Ledgers:
    """Everything our ledgers hold at this moment, for an audit."""
    async with opened_pool(settings.database_url.get_secret_value(), "ordersaga-audit", max_size=2) as pool:
        return await PostgresLedgers(pool, vault_of(pool, settings.master_keys())).read()


__all__ = [
    "CODEC",
    "POOL_SIZE",
    "TOKEN_PREFIX",
    "CodecRead",
    "CodecServices",
    "issue_api_key",
    "open_api_keys",
    "open_audit_trail",
    "open_codec_services",
    "open_encryption",
    "open_key_rotation",
    "open_retention",
    "prepare_database",
    "read_ledgers",
]
