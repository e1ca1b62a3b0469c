"""What the warehouse has been told to do with certain orders, before or after they arrive."""

from typing import Final

from emulators.common import scripts
from emulators.shipbob import stages
from emulators.shipbob.books import matches
from emulators.shipbob.stages import Record

CANCEL_ANSWERS: Final = {"refuse", "partial", "agree_and_ship"}
NOTHING: Final[Record] = {"match": "", "stop_at": None, "exception": None, "cancel": None, "split": 1}


class Scripts(scripts.Scripts[Record]):
    """Scripts rule an order."""

    nothing = NOTHING

    def matches(self, match: str, ruled: Record) -> bool:
        """In its reference_id, or anywhere in it as sent."""
        return matches(match, ruled["body"])

    def freed(self, script: Record) -> Record:
        """Neither stopped nor in trouble."""
        return {"stop_at": None, "exception": None}

    def add(self, script: Record) -> Record:
        """Keep a script. Raises ValueError when it names something the warehouse does not know."""
        full = {**NOTHING, **script}
        _check(full)
        return super().add(full)


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
