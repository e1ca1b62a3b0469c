"""AES-256-GCM: a nonce, then what the cipher made. Whatever stands beside it in the clear is authenticated with it."""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE: Final = 12


class AlteredError(Exception):
    """It is not what was encrypted with this key, or not in this place."""


def new_key() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(KEY_BYTES)


def encrypt(key: bytes, text: bytes, *beside: str) -> bytes:
    """The text, readable with the key only, and only beside the same words in the clear."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, bound(*beside))


def decrypt(key: bytes, sealed: bytes, *beside: str) -> bytes:
    """What was encrypted. Raises AlteredError."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound(*beside))
    except (InvalidTag, ValueError):
        raise AlteredError("not what was encrypted with this key, or moved here from somewhere else") from None


def bound(*parts: str) -> bytes:
    """Words as one text; no two lists give the same."""
    return "".join(f"{len(part.encode())}:{part}" for part in parts).encode()
