"""The framework every emulator stands on: process, store, virtual time, faults, webhooks, control API.

How to write an emulator. Make a package `emulators/<name>/` whose `__init__.py` exposes
`build(config: EmulatorConfig) -> Emulator`, add one line to the registry in `emulators/__main__.py`, and
subclass `emulators.common.Emulator`:

    class ShipBob(Emulator):
        def routes(self) -> list[BaseRoute]: ...          # the vendor's protocol: `async def` endpoints only
        def control_routes(self) -> list[BaseRoute]: ...  # vendor controls, paths start with /_control/
        def error_answer(self, status, call) -> Answer    # vendor-shaped body of a `status` fault
        def refuse(self, call, code) -> Answer            # the vendor's own refusal named by `code`
        def sign(self, message) -> dict[str, str]         # webhook headers, computed at each attempt
        def on_timer(self, kind, data) -> None            # a scheduled moment has come
        def background(self) -> list[Coroutine]           # what it does by itself: calls of its own, say
        def on_reset(self) -> None                        # forget what is kept in memory

The base class gives `self.config`, `self.store` (objects with lookup keys, transactions, sequences),
`self.clock` (virtual time), `self.timers` (persisted future moments) and `self.webhooks` (persisted outbox).

Rules. Everything runs on one event loop; SQLite calls are short and synchronous. Do the work of a request
inside `with self.store.transaction():` without awaiting in it, so that a kill leaves all of it or nothing,
including its timers and webhooks. `on_timer` already runs in such a transaction, together with the removal
of its timer. Reported timestamps are real UTC; only durations are divided by the time scale.
"""

from emulators.common.calls import Answer, Call
from emulators.common.clock import Clock
from emulators.common.config import EmulatorConfig
from emulators.common.emulator import Emulator
from emulators.common.store import Store
from emulators.common.timers import Timers
from emulators.common.webhooks import Message, Webhooks

__all__ = ["Answer", "Call", "Clock", "Emulator", "EmulatorConfig", "Message", "Store", "Timers", "Webhooks"]
