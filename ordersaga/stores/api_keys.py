"""API keys: shown once when issued, kept only as their SHA-256.

A process that listens (`Heard`) remembers keys for a few seconds; one that is revoked is forgotten at once everywhere.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from ordersaga.stores.heard import Heard
from ordersaga.stores.pools import Pool, connection
from ordersaga.stores.remembered import Remembered

CHANNEL: Final = "api_keys_changed"
_ISSUE = "INSERT INTO api_keys (id, name, role, seller, hash) VALUES ($1, $2, $3, $4, $5)"
_VERIFY = "SELECT id, role, name, seller FROM api_keys WHERE hash = $1 AND revoked_at IS NULL"
_REVOKE = """
WITH revoked AS (UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id)
SELECT id, pg_notify('api_keys_changed', id) FROM revoked
"""
_LIST = "SELECT id, role, name, seller FROM api_keys WHERE revoked_at IS NULL ORDER BY created_at, id"


@dataclass(frozen=True)
class ApiKey:
    """Who is calling. `seller`: the key sees this seller's orders only; None sees all."""

    id: str
    role: str
    name: str
    seller: str | None


class ApiKeys:
    """Issues, checks and revokes API keys."""

    def __init__(self, pool: Pool, heard: Heard | None = None) -> None:
        self._pool = pool
        self._known: Remembered[str, ApiKey] = Remembered(heard, CHANNEL)

    async def issue(self, role: str, name: str, seller: str | None = None) -> str:
        """Make a key and return its plain text `osk_<role>_<random>`, which cannot be read back later.

        Raises OperatorError `integrity_violation` for a role that is not lower-case letters, or an unknown seller.
        """
        plain = f"osk_{role}_{secrets.token_urlsafe(32)}"
        async with connection(self._pool) as work:
            await work.execute(_ISSUE, f"key_{secrets.token_hex(8)}", name, role, seller, _hash(plain))
        return plain

    async def verify(self, plain: str) -> ApiKey | None:
        """Whose key this is; None when it was never issued or is revoked."""
        hashed = _hash(plain)
        return self._known.get(hashed) or await self._read(hashed)

    async def _read(self, hashed: str) -> ApiKey | None:
        look = self._known.look()
        async with connection(self._pool, scoped=False) as reader:
            row = await reader.fetchrow(_VERIFY, hashed)
        if row is None:
            return None
        key = ApiKey(**dict(row))
        self._known.keep(look, hashed, key)
        return key

    async def revoke(self, key_id: str) -> bool:
        """Refuse the key from now on; False when there was no such key in force."""
        async with connection(self._pool) as work:
            revoked = await work.fetchval(_REVOKE, key_id) is not None
        self._known.forget()
        return revoked

    async def list(self) -> list[ApiKey]:
        """Keys in force, oldest first."""
        async with connection(self._pool) as reader:
            return [ApiKey(**dict(row)) for row in await reader.fetch(_LIST)]


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
