"""Whether a request was taken before: asked of many requests at once, before one is refused without being stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ordersaga.stores.gathering import Gathering
from ordersaga.stores.pools import Pool, columns, connection

LARGEST: Final = 500
_KNOWN = """
SELECT asked.place FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked(api_key_id, key, place)
JOIN idempotency_keys AS standing USING (api_key_id, key)
UNION
SELECT asked.place FROM unnest($3::text[]) WITH ORDINALITY AS asked(order_id, place) JOIN orders USING (order_id)
"""


@dataclass(frozen=True)
class Asked:
    """What a request may be known by: its `Idempotency-Key` under an API key, and the order id its caller gave it."""

    api_key_id: str
    key: str | None
    order_id: str | None


class Repeats:
    """Looks requests up by what they may be known by, those that come together in one statement."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gathering: Gathering[Asked, bool] = Gathering(self._known, largest=LARGEST)

    async def known(self, asked: Asked) -> bool:
        """Whether something stands under the request's key or order id; a request with neither is never known."""
        if asked.key is None and asked.order_id is None:
            return False
        return await self._gathering.submit(asked)

    async def _known(self, asked: Sequence[Asked]) -> list[bool]:
        rows = [(one.api_key_id, one.key, one.order_id) for one in asked]
        async with connection(self._pool) as reader:
            places = {row["place"] for row in await reader.fetch(_KNOWN, *columns(rows, 3))}
        return [place in places for place in range(1, len(asked) + 1)]
