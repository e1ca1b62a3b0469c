"""Routes: what comes in and what waits at this moment, once or as a stream; everybody who watches shares one look.

While nobody watches, nobody looks. A look that takes long is followed by a longer rest.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from ordersaga.api.access import Overseer
from ordersaga.api.lanes import lane_views
from ordersaga.api.live_shapes import LaneNow, LiveView
from ordersaga.api.overload import Refusals
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.live import SellerNow, Slack, together

EVERY: Final = 1.0
"""Seconds between two looks."""
SLOWLY: Final = 5.0
"""Seconds between two looks at what changes slowly: lanes, and the time left to ship."""
REST: Final = 20
"""So many times as long as a look took, nobody looks again: watching costs a twentieth of one connection at most."""
LISTED: Final = 50
"""Sellers that are told one by one; the others are in the sum."""
STREAM_FOR: Final = 60.0
"""Seconds after which a stream ends, and whoever still may begins another."""
EVENTS: Final = "text/event-stream"

router = APIRouter(prefix="/v1/live", tags=["live"])


class Live:
    """Looks at most every `EVERY` seconds, however many ask, and only when somebody does."""

    def __init__(self, services: Services, refusals: Refusals) -> None:
        self._services, self._refusals = services, refusals
        self._turn = asyncio.Lock()
        self._sellers: Mapping[str, SellerNow] = {}
        self._slack: Mapping[str, Slack] = {}
        self._lanes: tuple[LaneNow, ...] = ()
        self._at = datetime.now(UTC)
        self._due = self._slow_due = float("-inf")
        self.looks = 0

    async def view(self, seller: str | None) -> LiveView:
        """How it stands; of one seller only when named. Raises RetryError when PostgreSQL does not answer."""
        async with self._turn:
            if time.monotonic() >= self._due:
                await self._look()
        listed = [each for name, each in self._sellers.items() if seller in (None, name)]
        nameless = () if seller else (SellerNow(seller="", refused=self._refusals.lately().get("", {})),)
        ordered = sorted(listed, key=lambda each: (-each.arrived - each.waiting, each.seller))
        return LiveView(
            at=self._at,
            all=together((*listed, *nameless)),
            sellers=tuple(ordered[:LISTED]),
            more_sellers=max(0, len(ordered) - LISTED),
            lanes=None if seller else self._lanes,
        )

    async def next_look(self) -> None:
        """Wait until there may be something new."""
        await asyncio.sleep(max(0.05, self._due - time.monotonic()))

    async def _look(self) -> None:
        began = time.monotonic()
        if began >= self._slow_due:
            await self._look_slowly()
        now = await self._services.live.sellers()
        refused = self._refusals.lately()
        self.looks += 1
        self._at = datetime.now(UTC)
        names = now.keys() | self._slack.keys() | (refused.keys() - {""})
        self._sellers = {name: self._seller(name, now.get(name), refused.get(name, {})) for name in names}
        ended = time.monotonic()
        self._due = max(began + EVERY, ended + REST * (ended - began))

    async def _look_slowly(self) -> None:
        began = time.monotonic()
        self._slack = await self._services.live.slack()
        views = await lane_views(self._services)
        self._lanes = tuple(map(LaneNow.of, sorted(views, key=lambda view: view.lane)))
        ended = time.monotonic()
        self._slow_due = max(began + SLOWLY, ended + REST * (ended - began))

    def _seller(self, name: str, now: SellerNow | None, refused: Mapping[str, int]) -> SellerNow:
        more = {"refused": dict(refused), "slack": self._slack.get(name, Slack())}
        return (now or SellerNow(seller=name)).model_copy(update=more)


async def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


LiveDep = Annotated[Live, Depends(_live)]


@router.get("")
async def show_live(live: LiveDep, key: Overseer) -> LiveView:
    """What came in during the last seconds, what waits, and how much time is left to ship; by seller."""
    return await live.view(key.seller)


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {EVENTS: {}}}})
async def stream_live(live: LiveDep, key: Overseer) -> StreamingResponse:
    """The same as server-sent events `live`, about one a second; the stream ends after a minute: connect again."""
    await live.view(key.seller)  # what is wrong now is still answered as a problem
    return StreamingResponse(_events(live, key), media_type=EVENTS, headers={"X-Accel-Buffering": "no"})


async def _events(live: Live, key: ApiKey) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    ends = time.monotonic() + STREAM_FOR
    while time.monotonic() < ends:
        try:
            view = await live.view(key.seller)
        except OrdersagaError:
            return  # whoever connects again is told what is wrong
        yield f"event: live\ndata: {view.model_dump_json()}\n\n"
        await live.next_look()
