"""The marketplace by HTTP: nobody calls it; it calls."""

from collections.abc import Coroutine
from typing import Any

from starlette.routing import BaseRoute

from emulators.common import Emulator, EmulatorConfig
from emulators.stall.books import Books
from emulators.stall.control import Control
from emulators.stall.rounds import Rounds


class Stall(Emulator):
    """A marketplace as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self._books = Books(self.store)

    def control_routes(self) -> list[BaseRoute]:
        """What its shoppers and its sellers' staff can do."""
        return Control(self._books).table()

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """It asks its seller."""
        return [Rounds(self._books).run()]
