"""Keys for tests."""

import base64
from collections.abc import Mapping, Sequence

from ordersaga.privacy.ciphers import decrypt, encrypt, new_key
from ordersaga.privacy.key_ring import WrappedKey

ONE = "one=" + base64.b64encode(b"1" * 32).decode()
TWO = "two=" + base64.b64encode(b"2" * 32).decode()


class MemoryKeys:
    """The KeyStore port in memory; `reads` counts how often it was asked."""

    def __init__(self) -> None:
        self.rows: dict[str, WrappedKey] = {}
        self.reads = 0

    async def read(self, subjects: Sequence[str]) -> Mapping[str, WrappedKey]:
        """Those there are."""
        self.reads += 1
        return {subject: self.rows[subject] for subject in subjects if subject in self.rows}

    async def keep(self, key: WrappedKey) -> WrappedKey:
        """The first one stays."""
        return self.rows.setdefault(key.subject, key)

    async def copied(self, keys: Sequence[WrappedKey]) -> Mapping[str, WrappedKey]:
        """Nowhere."""
        return {key.subject: key for key in keys}

    async def copy_of(self, subject: str) -> WrappedKey | None:
        """There is none."""
        return None

    def destroy(self, subject: str) -> None:
        """Nobody can unwrap it any more."""
        row = self.rows[subject]
        self.rows[subject] = WrappedKey(row.subject, row.key_id, row.master, None)


class KeyService:
    """A cloud's key service: its keys stay inside, and each ciphertext belongs to its context."""

    def __init__(self) -> None:
        self._keys = {"alias/orders": new_key(), "alias/older": new_key()}

    async def encrypt(self, key_name: str, plaintext: bytes, context: bytes) -> bytes:
        """With the key of that name."""
        return encrypt(self._keys[key_name], plaintext, context.hex())

    async def decrypt(self, key_name: str, ciphertext: bytes, context: bytes) -> bytes:
        """With the key of that name."""
        return decrypt(self._keys[key_name], ciphertext, context.hex())
