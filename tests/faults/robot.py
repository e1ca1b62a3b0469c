"""The operator of the matrix: answers questions with what cannot be untrue, and notes each one.

Nothing it answers may hide a difference: it never says that something was settled, stopped or lost outside.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from ordersaga.demo.companies import DemoError
from ordersaga.domain.journal import AttentionItem
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError

ROUND: Final = 0.7
PATIENCE: Final = 3
"""How often the same question about an order is answered with another try."""

AGAIN: Final = ("retry", "recheck", "charge", "keep_waiting", "ship_to_former", "refund", "approve", "sent_again")
END: Final = ("cancel", "write_off", "no_refund", "no_return", "decline")
TOLD: Final = ("noted", "acknowledge", "told", "it_has_not")
"""`it_has_not`: no parcel is given to a carrier while its label is being voided."""


class Robot:
    """Answers until canceled. `answered`: by order, what was asked and what was said."""

    def __init__(self, api: ApiClient) -> None:
        self.answered: defaultdict[str, list[str]] = defaultdict(list)
        self._api = api
        self._asked: Counter[tuple[str, str]] = Counter()

    async def work(self) -> None:
        """Answer, whatever is down meanwhile."""
        while True:
            with contextlib.suppress(ApiError, ApiUnreachableError, DemoError):
                for item in (await self._api.attention()).items:
                    await self._answer(item.order_id, item)
            await asyncio.sleep(ROUND)

    async def _answer(self, order_id: str, item: AttentionItem) -> None:
        tries = self._asked[order_id, item.kind]
        choice = choose(item.choices, tries)
        if choice is None:
            return
        with contextlib.suppress(ApiError):
            await self._api.resolve(item.item_id, choice, reason="the fault matrix", order_id=order_id)
            self._asked[order_id, item.kind] += 1
            self.answered[order_id].append(f"{item.kind}: {choice}")


def choose(choices: Sequence[str], tries: int) -> str | None:
    """A choice that is true, or another try; when tries do not help, an end. None: nothing here may be said."""
    wanted = (*TOLD, *AGAIN, *END) if tries < PATIENCE else (*TOLD, *END, *AGAIN)
    return next((choice for choice in wanted if choice in choices), None)
