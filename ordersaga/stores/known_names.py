"""The names that sellers, SKUs, channels and providers go by here; a seller's request hears its own only."""

from collections.abc import Sequence
from typing import Final

from ordersaga.stores.pools import Pool, connection

_SKU: Final = "SELECT true FROM products WHERE sku = $1 AND ($2::text IS NULL OR seller = $2)"
_ALIKE: Final = """
SELECT sku FROM products WHERE ($2::text IS NULL OR seller = $2) AND upper(left(sku, 1)) = upper(left($1, 1))
ORDER BY abs(length(sku) - length($1)), sku LIMIT 5000
"""
_SELLERS: Final = "SELECT seller AS name FROM sellers ORDER BY seller"
_PROVIDERS: Final = "SELECT DISTINCT provider AS name FROM locations ORDER BY provider"
_CHANNELS: Final = """
SELECT DISTINCT jsonb_array_elements_text(profile->'channels') AS name FROM seller_profiles
WHERE jsonb_typeof(profile->'channels') = 'array' ORDER BY name
"""
# One look into the index for each channel, however many orders there are.
_HEARD_FROM: Final = """
WITH RECURSIVE heard AS (
    (SELECT channel FROM orders ORDER BY channel LIMIT 1)
    UNION ALL
    SELECT (SELECT channel FROM orders WHERE channel > heard.channel ORDER BY channel LIMIT 1)
    FROM heard WHERE heard.channel IS NOT NULL
)
SELECT channel AS name FROM heard WHERE channel IS NOT NULL
"""


class PostgresKnownNames:
    """What can be named."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sells(self, sku: str, seller: str | None = None) -> bool:
        """Whether a catalog has this SKU; of this seller, when one is named."""
        async with connection(self._pool) as reader:
            return bool(await reader.fetchval(_SKU, sku, seller))

    async def skus_alike(self, sku: str, seller: str | None = None) -> Sequence[str]:
        """SKUs that begin with the same letter, those as long as this one first; five thousand at most."""
        async with connection(self._pool) as reader:
            return [row["sku"] for row in await reader.fetch(_ALIKE, sku, seller)]

    async def sellers(self) -> Sequence[str]:
        """Every seller."""
        return await self._names(_SELLERS)

    async def providers(self) -> Sequence[str]:
        """Whoever ships from a location."""
        return await self._names(_PROVIDERS)

    async def channels(self) -> Sequence[str]:
        """The channels of sellers' profiles, and those that orders came from."""
        return sorted({*await self._names(_CHANNELS), *await self._names(_HEARD_FROM)})

    async def _names(self, query: str) -> Sequence[str]:
        async with connection(self._pool) as reader:
            return [row["name"] for row in await reader.fetch(query)]
