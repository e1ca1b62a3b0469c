"""Master keys wrap the orders' keys. They come from a file, from the environment, or stay inside a cloud's key service.

The first one named wraps; all of them unwrap, so that a new one can be put before the old one, which is taken away when
nothing is wrapped by it any more (`ordersaga keys rotate`).
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from ordersaga.domain.errors import OperatorError
from ordersaga.privacy.ciphers import KEY_BYTES, AlteredError, bound, decrypt, encrypt

_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_FORM: Final = (
    "name=key, the key 32 bytes in base64 (openssl rand -base64 32); several are separated by commas or lines"
)


class MasterKeys(Protocol):
    """What wraps and unwraps keys. `current`: the name of the key that wraps now."""

    @property
    def current(self) -> str: ...

    async def wrap(self, key: bytes, *beside: str) -> bytes:
        """The key, readable with the master key `current` only, and only beside the same words."""
        ...

    async def unwrap(self, name: str, wrapped: bytes, *beside: str) -> bytes:
        """The key that the master key of that name wrapped.

        Raises OperatorError `master_key_missing`, `key_altered`; RetryError when a key service does not answer.
        """
        ...


class KmsClient(Protocol):
    """A cloud's key service, whose keys never leave it: AWS KMS, Google Cloud KMS, Azure Key Vault, HashiCorp Vault.

    `context` is authenticated with what is encrypted. Errors of the service are RetryError (nobody answered) or
    OperatorError (it refused).
    """

    async def encrypt(self, key_name: str, plaintext: bytes, context: bytes) -> bytes: ...

    async def decrypt(self, key_name: str, ciphertext: bytes, context: bytes) -> bytes: ...


class LocalMasterKeys:
    """Master keys in this process's memory: 32 bytes each, by name; the first one wraps."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._current = next(iter(self._keys))

    @property
    def current(self) -> str:
        """The name of the first."""
        return self._current

    async def wrap(self, key: bytes, *beside: str) -> bytes:
        """Encrypted with the first."""
        return encrypt(self._keys[self._current], key, self._current, *beside)

    async def unwrap(self, name: str, wrapped: bytes, *beside: str) -> bytes:
        """Decrypted. Raises OperatorError `master_key_missing`, `key_altered`."""
        if name not in self._keys:
            raise OperatorError("master_key_missing", f"the master key {name} is not among ORDERSAGA_ENCRYPTION_KEYS")
        try:
            return decrypt(self._keys[name], wrapped, name, *beside)
        except AlteredError:
            raise OperatorError(
                "key_altered", f"a key wrapped by {name} was altered, or {name} is another key"
            ) from None


class CloudMasterKeys:
    """Master keys of a key service, by the names it gives them; the first one wraps."""

    def __init__(self, client: KmsClient, names: Sequence[str]) -> None:
        self._client, self._names = client, tuple(names)

    @property
    def current(self) -> str:
        """The name of the first."""
        return self._names[0]

    async def wrap(self, key: bytes, *beside: str) -> bytes:
        """Encrypted by the service."""
        return await self._client.encrypt(self.current, key, bound(self.current, *beside))

    async def unwrap(self, name: str, wrapped: bytes, *beside: str) -> bytes:
        """Decrypted by the service. Raises OperatorError `master_key_missing`, and what the client raises."""
        if name not in self._names:
            raise OperatorError("master_key_missing", f"the master key {name} is not among ORDERSAGA_ENCRYPTION_KEYS")
        return await self._client.decrypt(name, wrapped, bound(name, *beside))


def read_master_keys(text: str) -> LocalMasterKeys:
    """Master keys as the environment names them. Raises ValueError, which repeats no key."""
    entries = [
        entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip() and not entry.strip().startswith("#")
    ]
    keys = dict(map(_entry, entries))
    if not keys or len(keys) != len(entries):
        raise ValueError(f"needs one key or more, each under a name of its own: {_FORM}")
    return LocalMasterKeys(keys)


def read_master_key_file(path: Path) -> LocalMasterKeys:
    """Master keys of a file, a line each. Raises ValueError."""
    try:
        return read_master_keys(path.read_text())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _entry(entry: str) -> tuple[str, bytes]:
    name, _, encoded = entry.partition("=")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not _NAME.fullmatch(name) or len(key) != KEY_BYTES:
        raise ValueError(f"needs {_FORM}")
    return name, key
