"""Who hears what happens to orders: endpoints of sellers, and of the shop itself."""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.notifications import BOTH_SECRETS_SIGN
from ordersaga.remedies import listed_at
from ordersaga.stores.pools import Pool, connection, transaction

EndpointKind = Literal["http", "email"]

_COLUMNS = "id, seller, kind, url, types, created_at, disabled_at, disabled_reason"
_ADD = f"""
INSERT INTO webhook_endpoints (id, seller, kind, url, types, secret) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (coalesce(seller, ''), url) WHERE removed_at IS NULL DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608 - only column names are put in
_LIST = f"""
SELECT {_COLUMNS} FROM webhook_endpoints
WHERE removed_at IS NULL AND ($1::text IS NULL OR seller = $1) AND ($2::text IS NULL OR id = $2) ORDER BY created_at, id
"""  # noqa: S608 - only column names are put in
_REMOVE = """
UPDATE webhook_endpoints SET removed_at = now(), secret = '', previous_secret = NULL, previous_until = NULL
WHERE id = $1 AND removed_at IS NULL RETURNING id
"""
_DISABLE = """
UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = $2
WHERE id = $1 AND disabled_at IS NULL AND removed_at IS NULL RETURNING id
"""
_GIVE_UP = "UPDATE notifications SET status = 'failed', last_error = $2 WHERE endpoint_id = $1 AND status = 'pending'"
_ROTATE = """
UPDATE webhook_endpoints SET previous_secret = secret, previous_until = clock_timestamp() + $3::interval, secret = $2
WHERE id = $1 AND removed_at IS NULL RETURNING id
"""


@dataclass(frozen=True)
class Endpoint:
    """Where notifications go. `seller` None hears of all sellers; empty `types` is all of them."""

    id: str
    seller: str | None
    kind: EndpointKind
    url: str
    types: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str | None


class WebhookEndpoints:
    """Adds, lists, disables and removes endpoints."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(
        self, kind: EndpointKind, url: str, *, seller: str | None, types: Collection[str] = ()
    ) -> tuple[Endpoint, str]:
        """Add an endpoint; the secret it signs with is shown only here.

        Raises CustomerError `endpoint_exists` for a URL this seller has, `seller_unknown` for a seller not in the
        catalog.
        """
        secret = _new_secret()
        async with transaction(self._pool) as work:
            if seller and not await work.fetchval("SELECT 1 FROM sellers WHERE seller = $1", seller):
                raise CustomerError("seller_unknown", f"no seller {seller} is in the catalog; load it first")
            row = await work.fetchrow(_ADD, f"whe_{secrets.token_hex(8)}", seller, kind, url, list(types), secret)
        if row is None:
            raise CustomerError(
                "endpoint_exists",
                f"this URL is an endpoint already; {listed_at('/v1/webhook-endpoints', 'webhooks list')}",
            )
        return _endpoint(dict(row)), secret

    async def list(self, seller: str | None = None) -> "list[Endpoint]":
        """Endpoints not removed, oldest first; of one seller when named."""
        async with connection(self._pool) as reader:
            return [_endpoint(dict(row)) for row in await reader.fetch(_LIST, seller, None)]

    async def get(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint, or None when there is none or it was removed."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_LIST, None, endpoint_id)
            return _endpoint(dict(row)) if row else None

    async def remove(self, endpoint_id: str) -> bool:
        """Tell it nothing any more and forget its secrets; False when there was no such endpoint."""
        return await self._end(endpoint_id, _REMOVE, (), "the endpoint was removed")

    async def disable(self, endpoint_id: str, reason: str) -> bool:
        """Tell it nothing any more, and say why; False when it was disabled or removed before."""
        return await self._end(endpoint_id, _DISABLE, (reason,), f"the endpoint was disabled: {reason}")

    async def rotate_secret(self, endpoint_id: str) -> str | None:
        """Sign with a new secret, which is shown only here, and with the one before for `BOTH_SECRETS_SIGN`.

        None when there is no such endpoint. A secret older than both stops signing at once.
        """
        secret = _new_secret()
        async with connection(self._pool) as work:
            found = await work.fetchval(_ROTATE, endpoint_id, secret, BOTH_SECRETS_SIGN)
        return secret if found else None

    async def _end(self, endpoint_id: str, statement: str, more: tuple[str, ...], why: str) -> bool:
        async with transaction(self._pool) as work:
            found = await work.fetchval(statement, endpoint_id, *more)
            if found is not None:
                await work.execute(_GIVE_UP, endpoint_id, why)
            return found is not None


def _endpoint(row: "dict[str, object]") -> Endpoint:
    return Endpoint(**{**row, "types": tuple(row["types"])})  # type: ignore[arg-type]  # asyncpg's rows are untyped


def _new_secret() -> str:
    """A Standard Webhooks secret of 256 random bits."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
