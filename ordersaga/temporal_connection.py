"""How Temporal is reached: where, and by what it knows us and we know it: TLS, client certificates, an API key.

Certificates and keys come from Temporal's own configuration, which its command line reads as well: a profile of
`temporal.toml`, and `TEMPORAL_*` of the environment. Nothing of it is read unless `ORDERSAGA_TEMPORAL_PROFILE` says so.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import TLSConfig

from ordersaga.client import OrderClient
from ordersaga.settings import Settings, SettingsError, environment_name

SETTLE: Final = 0.2
"""Seconds between the last use of the SDK and the end of the process: without them the interpreter may crash while
the SDK's threads still finish (temporalio/sdk-python#300)."""


@dataclass(frozen=True)
class Dialing:
    """Address (host:port) and namespace, and how the connection is secured; `tls` None: as the API key asks for."""

    address: str
    namespace: str
    tls: bool | TLSConfig | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    rpc_metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def security(self) -> dict[str, Any]:
        """What `Client.connect` takes besides the address and the namespace."""
        return {"tls": self.tls, "api_key": self.api_key, "rpc_metadata": self.rpc_metadata}


def dialing(settings: Settings) -> Dialing:
    """How this deployment reaches Temporal. Our own address and namespace go before the profile's, where they are set.

    Raises SettingsError for a profile that is not there, and for certificates that cannot be read.
    """
    ours = Dialing(settings.temporal_address, settings.temporal_namespace)
    if not settings.temporal_profile:
        return ours
    try:
        told = ClientConfigProfile.load(settings.temporal_profile).to_client_connect_config()
    except (RuntimeError, OSError, ValueError) as error:
        raise SettingsError(f"{environment_name('temporal_profile')}: {error}") from None
    given = settings.model_fields_set
    return Dialing(
        address=ours.address if "temporal_address" in given else told.get("target_host", ours.address),
        namespace=ours.namespace if "temporal_namespace" in given else told.get("namespace", ours.namespace),
        tls=told.get("tls"),
        api_key=told.get("api_key"),
        rpc_metadata=told.get("rpc_metadata", {}),
    )


async def connect_orders(settings: Settings, converter: DataConverter) -> OrderClient:
    """A client that connects at its first call. Raises SettingsError."""
    how = dialing(settings)
    return await OrderClient.connect(how.address, how.namespace, lazy=True, converter=converter, **how.security)


@asynccontextmanager
async def orders_asked(settings: Settings, converter: DataConverter) -> AsyncIterator[OrderClient]:
    """The same for a process that ends with the block, however the block ends. Raises SettingsError."""
    try:
        yield await connect_orders(settings, converter)
    finally:
        await asyncio.sleep(SETTLE)
