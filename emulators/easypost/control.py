"""Controls of the EasyPost emulator: what carriers do with parcels to come, and a hand on those under way."""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from emulators.common.control import read_model
from emulators.common.hands import Hands, Match, posts
from emulators.easypost.books import Record
from emulators.easypost.desk import Desk

Stop = Literal["pre_transit", "in_transit", "out_for_delivery"]
End = Literal["delivered", "return_to_sender", "failure"]


class _Script(Match):
    stop_at: Stop | None = None
    end: End = "delivered"
    refund: Literal["refunded", "rejected", "not_applicable"] = "refunded"


class _Advance(Match):
    to: Literal["in_transit", "out_for_delivery"] | End


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hands = Hands(desk.store, desk.scripts, self._trackers)

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {"scripts": self._script, "advance": self._advance, "release": self._release}
        return posts(endpoints)

    async def _script(self, request: Request) -> Response:
        return self._hands.told((await read_model(request, _Script)).model_dump(), self._desk.tracking.obey)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        return self._hands.each("advanced", wanted.match, lambda each: self._desk.tracking.advance(each, wanted.to))

    async def _release(self, request: Request) -> Response:
        return await self._hands.released(request, self._desk.tracking.release, self._held_by_scripts)

    def _held_by_scripts(self, match: str) -> list[Record]:
        return self._trackers(match, held_for_refund=False)

    def _trackers(self, match: str, *, held_for_refund: bool = True) -> list[Record]:
        """Trackers of the labels whose shipment's reference matches; voided labels have no life to control."""
        ended = {"refunded"} if held_for_refund else {"refunded", "submitted"}
        shipments = self._desk.books.shipments_matching(match)
        alive = [each["tracker_id"] for each in shipments if each["tracker_id"] and each["refund_status"] not in ended]
        found = [self._desk.books.tracker(tracker_id) for tracker_id in alive]
        return [tracker for tracker in found if tracker is not None]
