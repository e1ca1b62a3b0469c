"""What the warehouse has been told to do with certain orders, before or after they arrive."""

from typing import Final

from emulators.common import Store
from emulators.shipbob import stages
from emulators.shipbob.books import matches
from emulators.shipbob.stages import Record

KIND: Final = "_script"
CANCEL_ANSWERS: Final = {"refuse", "partial", "agree_and_ship"}
NOTHING: Final[Record] = {"match": "", "stop_at": None, "exception": None, "cancel": None, "split": 1}


class Scripts:
    """Scripts by the text they match; the newest script that matches an order rules it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, script: Record) -> Record:
        """Keep a script. Raises ValueError when it names something the warehouse does not know."""
        full = {**NOTHING, **script}
        _check(full)
        number = self._store.next_number("script")
        self._store.put(KIND, str(number), {**full, "id": number})
        return full

    def for_order(self, order: Record) -> Record:
        """The script that rules an order, or one that asks for nothing."""
        for script in self._store.newest(KIND):
            if matches(script["match"], order["body"]):
                return script
        return NOTHING

    def release(self, match: str) -> None:
        """Drop the stops and exceptions of the scripts registered for exactly this text."""
        for script in self._store.all(KIND):
            if script["match"] == match:
                self._store.put(KIND, str(script["id"]), {**script, "stop_at": None, "exception": None})


def _check(script: Record) -> None:
    if not script["match"]:
        raise ValueError("match must not be empty")
    if script["stop_at"] not in {None, *stages.NAMES}:
        raise ValueError(f"stop_at must be one of {', '.join(stages.NAMES)}")
    if script["cancel"] not in {None, *CANCEL_ANSWERS}:
        raise ValueError(f"cancel must be one of {', '.join(sorted(CANCEL_ANSWERS))}")
    if script["exception"]:
        _check_exception(script["exception"])


def _check_exception(exception: Record) -> None:
    if exception.get("at") not in stages.NAMES:
        raise ValueError(f"exception.at must be one of {', '.join(stages.NAMES)}")
    name = stages.trouble_name(str(exception.get("name")))
    if name is None:
        raise ValueError(f"exception.name must be one of {', '.join([*stages.TROUBLES, *stages.ALIASES])}")
    exception["name"] = name
