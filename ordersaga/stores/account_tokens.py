"""Access tokens that an account renewed, shared by every process and sealed before they reach PostgreSQL.

A row is the nonce and what AES-256-GCM made of both tokens; the account and the tokens it began with are authenticated
beside them, so that no row passes for another's. Whoever reads the database, or a backup of it, reads no token.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ordersaga.channel_ports import TokenPair, TokenVault
from ordersaga.domain.errors import OperatorError
from ordersaga.stores.pools import Connection, Pool, connection, transaction

_NONCE: Final = 12
_READ = "SELECT sealed FROM account_tokens WHERE account = $1 AND begun_with = $2"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('account_tokens/' || $1, 0))"
_WRITE = """
INSERT INTO account_tokens (account, begun_with, sealed, renewed_at) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (account, begun_with) DO UPDATE SET sealed = excluded.sealed, renewed_at = excluded.renewed_at
"""


class AccountTokens:
    """The vaults of all accounts. `key`: 32 bytes; another key finds nothing of what was kept under this one."""

    def __init__(self, pool: Pool, key: bytes) -> None:
        self._pool = pool
        self._cipher, self._hash_key = AESGCM(_derived(key, b"seal")), _derived(key, b"begun with")

    def of(self, account: str, given: TokenPair) -> TokenVault:
        """An account's. `given`: its tokens as the settings name them."""
        told = json.dumps([account, given.access, given.refresh]).encode()
        return _Vault(self._pool, self._cipher, account, hmac.new(self._hash_key, told, hashlib.sha256).digest())


class _Vault:
    """TokenVault port over PostgreSQL."""

    def __init__(self, pool: Pool, cipher: AESGCM, account: str, begun_with: bytes) -> None:
        self._pool, self._cipher = pool, cipher
        self._account, self._begun_with = account, begun_with

    async def newest(self) -> TokenPair | None:
        """Those renewed last. OperatorError `tokens_unreadable`: the row is not what we wrote."""
        async with connection(self._pool) as reader:
            return await self._read(reader)

    async def renew(self, renewal: Callable[[TokenPair | None], Awaitable[TokenPair]]) -> TokenPair:
        """As the port says; the lock is this transaction's, so that one whose process dies is nobody's."""
        async with transaction(self._pool) as work:
            await work.execute(_LOCK, self._account)
            standing = await self._read(work)
            made = await renewal(standing)
            if made != standing:
                await work.execute(_WRITE, self._account, self._begun_with, self._seal(made))
        return made

    async def _read(self, reader: Connection) -> TokenPair | None:
        sealed = await reader.fetchval(_READ, self._account, self._begun_with)
        return self._open(sealed) if sealed is not None else None

    def _seal(self, pair: TokenPair) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, json.dumps([pair.access, pair.refresh]).encode(), self._bound_to)

    def _open(self, sealed: bytes) -> TokenPair:
        try:
            access, refresh = json.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound_to))
        except InvalidTag:
            advice = "delete its row in account_tokens, and authorize the app again"
            why = f"the tokens kept for {self._account} were altered: {advice}"
            raise OperatorError("tokens_unreadable", why) from None
        return TokenPair(access, refresh)

    @property
    def _bound_to(self) -> bytes:
        return self._account.encode() + self._begun_with


def _derived(key: bytes, purpose: bytes) -> bytes:
    """One key for each purpose."""
    return HKDF(SHA256(), 32, None, b"ordersaga account tokens: " + purpose).derive(key)
