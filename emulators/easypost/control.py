"""Controls of the EasyPost emulator: what carriers do with parcels to come, and a hand on those under way."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.common.control import ControlModel, read_model
from emulators.easypost.books import Record
from emulators.easypost.desk import Desk

Stop = Literal["pre_transit", "in_transit", "out_for_delivery"]
End = Literal["delivered", "return_to_sender", "failure"]


class _Script(ControlModel):
    match: str = Field(min_length=1)
    stop_at: Stop | None = None
    end: End = "delivered"
    refund: Literal["refunded", "rejected", "not_applicable"] = "refunded"


class _Match(ControlModel):
    match: str = Field(min_length=1)


class _Advance(_Match):
    to: Literal["in_transit", "out_for_delivery"] | End


class Control:
    """Endpoints under /_control/."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        endpoints = {"scripts": self._script, "advance": self._advance, "release": self._release}
        return [Route(f"/_control/{path}", endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]

    async def _script(self, request: Request) -> Response:
        script = (await read_model(request, _Script)).model_dump()
        with self._desk.store.transaction():
            self._desk.scripts.add(script)
            for tracker in self._trackers(script["match"]):
                self._desk.tracking.obey(tracker, script)
        return JSONResponse(script, 201)

    async def _advance(self, request: Request) -> Response:
        wanted = await read_model(request, _Advance)
        with self._desk.store.transaction():
            found = self._trackers(wanted.match)
            moved = [tracker["id"] for tracker in found if self._desk.tracking.advance(tracker, wanted.to)]
        return JSONResponse({"advanced": moved})

    async def _release(self, request: Request) -> Response:
        wanted = await read_model(request, _Match)
        with self._desk.store.transaction():
            self._desk.scripts.release(wanted.match)
            found = self._trackers(wanted.match, held_for_refund=False)
            released = [tracker["id"] for tracker in found if self._desk.tracking.release(tracker)]
        return JSONResponse({"released": released})

    def _trackers(self, match: str, *, held_for_refund: bool = True) -> list[Record]:
        """Trackers of the labels whose shipment's reference matches; voided labels have no life to control."""
        ended = {"refunded"} if held_for_refund else {"refunded", "submitted"}
        shipments = self._desk.books.shipments_matching(match)
        alive = [each["tracker_id"] for each in shipments if each["tracker_id"] and each["refund_status"] not in ended]
        found = [self._desk.books.tracker(tracker_id) for tracker_id in alive]
        return [tracker for tracker in found if tracker is not None]
