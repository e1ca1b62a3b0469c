"""The ASGI application every emulator is: vendor protocol, control API, faults, background work."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from emulators.common.calls import Answer, Call, Recorder
from emulators.common.clock import Clock
from emulators.common.config import EmulatorConfig
from emulators.common.connections import drop_connection
from emulators.common.control import control_app
from emulators.common.faults import Fault, FaultBook, Plan
from emulators.common.requests import RequestLog
from emulators.common.store import Store
from emulators.common.timers import Timers
from emulators.common.webhooks import Message, Webhooks

_HANG_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Emulator:
    """Base of every emulated company; a vendor overrides the hooks below."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.config = config
        self.store = Store(config.database)
        self.clock = Clock(self.store, config.time_scale)
        self.timers = Timers(self.store, self.clock, self.on_timer)
        self.webhooks = Webhooks(self.store, self.clock, self.sign)
        self.faults = FaultBook(self.store)
        self.log = RequestLog(self.store)
        self._vendor: ASGIApp | None = None
        self._control: ASGIApp | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def routes(self) -> list[BaseRoute]:
        """The vendor's protocol, as `async def` endpoints; a vendor may bring a whole `vendor_app` instead."""
        return []

    def control_routes(self) -> list[BaseRoute]:
        """Vendor controls; full paths below `/_control/`."""
        return []

    def vendor_app(self) -> ASGIApp:
        """The application serving the vendor's protocol; override to add exception handlers."""
        return Starlette(routes=self.routes())

    def error_answer(self, status: int, call: Call) -> Answer:
        """The vendor-shaped answer of a `status` fault without a body."""
        return Answer.json(status, {"error": {"message": f"emulated status {status} for {call.path}"}})

    def status_answer(self, call: Call, fault: Fault) -> Answer:
        """The answer of a `status` fault; override to remember it, as a vendor that stores answers would."""
        if fault.body is None:
            answer = self.error_answer(fault.status or 500, call)
            return Answer(answer.status, answer.body, {**answer.headers, **fault.headers})
        return Answer.json(fault.status or 500, fault.body, fault.headers)

    def spoiled_answer(self, call: Call, fault: Fault) -> Answer:
        """The answer of a `spoil_answer` fault: the work is done, the answer says otherwise."""
        return self.status_answer(call, fault)

    def refuse(self, call: Call, code: str) -> Answer:
        """The vendor's own refusal named by `code`."""
        return Answer.json(422, {"error": {"code": code, "message": f"refused: {call.path}"}})

    def enter(self, call: Call) -> Answer | None:
        """Called before any fault; an answer ends the request there (an idempotency key in use, say)."""
        return None

    def about(self, call: Call) -> str:
        """What a fault's `match` may find besides path, query and body: whose object the request is about."""
        return call.idempotency_key or ""

    def leave(self, call: Call) -> None:
        """Called once for every entered request when its work is over, before the answer is sent."""

    def sign(self, message: Message) -> dict[str, str]:
        """Headers of one webhook attempt."""
        return {}

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """A scheduled moment has come; runs inside a transaction."""

    def on_reset(self) -> None:
        """Everything was forgotten: drop what is kept in memory."""

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """What a company does by itself, beside its timers and webhooks, as long as the process lives."""
        return []

    def set_time_scale(self, scale: float) -> None:
        """Change the pace of simulated life."""
        self.clock.set_scale(scale)
        self.timers.poke()

    def reset(self) -> None:
        """Forget every object, timer, fault, webhook and request; keep the pace."""
        self.store.clear()
        self.faults.remove()
        self.webhooks.clear_rules()
        self.set_time_scale(self.clock.scale)
        self.on_reset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["path"].startswith("/_control/"):
            self._control = self._control or control_app(self)
            await self._control(scope, receive, send)
        else:
            await self._serve(await Call.read(scope, receive), receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        work = (self.timers.run(), self.webhooks.run(), *self.background())
        self._tasks = [asyncio.create_task(each) for each in work]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.store.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, call: Call, receive: Receive, send: Send) -> None:
        """One vendor request: what goes wrong is decided before the work and after it."""
        early = self.enter(call)
        about = self.about(call)
        if early is not None:
            self.log.add(call, early.status, None, about)
            await early.send(send)
            return
        plan = self.faults.plan(call, about)
        try:
            await asyncio.sleep(plan.latency)
            if plan.kind == "hold_before":
                await _until_gone(receive)
            answer = await self._work(call, plan.fault)
        finally:
            self.leave(call)
        self.log.add(call, answer.status if answer else None, plan.kind, about)
        await self._finish(call, plan, answer, send)

    async def _work(self, call: Call, fault: Fault | None) -> Answer | None:
        """Do the work, unless the fault says otherwise; None means: close the connection."""
        kind = fault.kind if fault else None
        if fault is not None and kind == "status":
            return self.status_answer(call, fault)
        if fault is not None and kind == "refuse":
            return self.refuse(call, fault.code or "")
        if kind in ("reset_before", "hold_before"):
            return None
        if kind == "duplicate":
            await self.perform(call)
        answer = await self.perform(call)
        if fault is not None and kind == "spoil_answer":
            return self.spoiled_answer(call, fault)
        return None if kind == "lose_answer" else answer

    async def perform(self, call: Call) -> Answer:
        """Do what a vendor request asks: here, by running the ASGI application made of `routes()`."""
        self._vendor = self._vendor or self.vendor_app()
        recorder = Recorder(call.body)
        try:
            await self._vendor(call.scope, recorder.receive, recorder.send)
        except Exception:
            _log.exception("the emulator itself failed on %s %s", call.method, call.path)
            return self.error_answer(500, call)
        return recorder.answer()

    async def _finish(self, call: Call, plan: Plan, answer: Answer | None, send: Send) -> None:
        if answer is None:
            await drop_connection(call.scope)
            return
        if plan.fault is not None and plan.fault.kind == "hang":
            try:
                await asyncio.sleep(_HANG_SECONDS)
            except asyncio.CancelledError:  # the process ends: a broken connection, never an HTTP error
                await drop_connection(call.scope)
                return
        await answer.send(send)


async def _until_gone(receive: Receive) -> None:
    """Wait until the client has closed its connection, or should have long ago, or the process ends."""
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(_HANG_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
