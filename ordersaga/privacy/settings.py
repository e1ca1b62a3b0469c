"""Settings of encryption: where the master keys come from."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from ordersaga.domain.errors import OperatorError
from ordersaga.privacy.master_keys import (
    CloudMasterKeys,
    KmsClient,
    MasterKeys,
    read_master_key_file,
    read_master_keys,
)

_SOURCES = ("ORDERSAGA_ENCRYPTION_KEYS", "ORDERSAGA_ENCRYPTION_KEYS_FILE", "ORDERSAGA_ENCRYPTION_KMS")


class EncryptionSettings(BaseSettings):
    """What personal data is encrypted with; without any of these it is kept in the clear."""

    encryption_keys: SecretStr = Field(
        default=SecretStr(""),
        description="master keys, name=base64 of 32 bytes, separated by commas: the first wraps, all unwrap",
    )
    encryption_keys_file: Path | None = Field(default=None, description="a file that holds them instead, a line each")
    encryption_kms: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_.]+:[A-Za-z0-9_]+)?$",
        description="module:function of yours that returns a KmsClient; then encryption_kms_keys names its keys",
    )
    encryption_kms_keys: str = Field(default="", description="names of keys of the key service, separated by commas")
    key_copies_url: SecretStr = Field(
        default=SecretStr(""),
        description="a second PostgreSQL, restored apart: copies of orders' keys, and what was erased; empty: none",
    )

    codec_host: str = Field(default="127.0.0.1", description="the address the codec server listens on")
    codec_port: int = Field(default=8089, ge=1, le=65535, description="and its port")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [bool(self.encryption_keys.get_secret_value()), self.encryption_keys_file is not None]
        if sum([*given, bool(self.encryption_kms)]) > 1:
            raise ValueError(f"{', '.join(_SOURCES)}: set one of them only")
        if bool(self.encryption_kms) != bool(self.encryption_kms_keys):
            raise ValueError("ORDERSAGA_ENCRYPTION_KMS and ORDERSAGA_ENCRYPTION_KMS_KEYS: set both, or neither")
        try:
            self.master_keys(with_kms=False)
        except ValueError as error:
            raise ValueError(f"{_SOURCES[self.encryption_keys_file is not None]}: {error}") from None
        return self

    def copies_without_keys(self) -> str | None:
        """What to say of a place for copies where nothing is encrypted. Whoever prepares that place has no keys."""
        keys = self.encryption_keys.get_secret_value() or self.encryption_keys_file or self.encryption_kms
        if keys or not self.key_copies_url.get_secret_value():
            return None
        return f"ORDERSAGA_KEY_COPIES_URL: there are no keys to copy; set one of {', '.join(_SOURCES)}"

    def master_keys(self, *, with_kms: bool = True) -> MasterKeys | None:
        """The master keys of this deployment; None: nothing is encrypted. Raises ValueError, which repeats no key."""
        if self.encryption_keys_file is not None:
            return read_master_key_file(self.encryption_keys_file)
        if text := self.encryption_keys.get_secret_value():
            return read_master_keys(text)
        if self.encryption_kms and with_kms:
            names = [name.strip() for name in self.encryption_kms_keys.split(",") if name.strip()]
            return CloudMasterKeys(_client(self.encryption_kms), names)
        return None


def _client(named: str) -> KmsClient:
    module, _, function = named.partition(":")
    try:
        make: Callable[[], KmsClient] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise OperatorError(
            "encryption_keys_wrong", f"ORDERSAGA_ENCRYPTION_KMS: {named} is not here: {error}"
        ) from None
    return make()
